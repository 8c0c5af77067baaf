"""The rounds of a federation: what is sent, who answers in time, and who comes back; it knows of no network."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from segpipe.errors import PipelineError
from segpipe.federation.payload import Content, RefusedError, read_answer
from segpipe.storage import checksummed

RoundDone = Callable[[int, dict[str, Content]], Content | None]
"""Given the round's number, from 0, and its answers by site, in the order of their names: what is sent next, None to end."""

Check = Callable[[str, Content], None]
"""Given a site and its answer; raises RefusedError where it is not to be used."""

RETURN_SECONDS = 10.0
"""How long a round waits, before it starts, for a site that was there in the round before."""
EMPTY_ROUNDS = 3
"""After how many rounds in a row without an answer a run ends."""


class NoAnswerError(Exception):
    """A site did not answer; the message says why."""


class Sites(Protocol):
    """The sites that are connected now."""

    def connected(self) -> set[str]:
        """Their names."""

    def wait_for(self, names: set[str], seconds: float) -> None:
        """Returns once all of these are connected, or after so many seconds."""

    def wait_for_any(self, seconds: float) -> None:
        """Returns once one is connected, or after so many seconds."""

    def ask(self, site: str, content: bytes, seconds: float) -> bytes:
        """The site's answer. Raises NoAnswerError, at the latest after so many seconds."""


@dataclass(frozen=True)
class Patience:
    """How many seconds are waited: `start` for all sites before the first round, and for any where none is left; `answer` for a
    site's answer in a round.
    """

    start: float = 600.0
    answer: float = 24 * 3600.0


def run_rounds(
    sites: Sites,
    expected: Sequence[str],
    first: Content,
    round_done: RoundDone,
    check: Check,
    patience: Patience,
    say: Callable[[str], None],
) -> None:
    """Sends `first`, then what `round_done` gives, to every site that is connected when a round starts, until it gives None.

    A site that does not answer, or whose answer is refused, is named by `say` and is not in the round; one that comes back is in
    the next. A round that nobody answered is held again. Raises PipelineError where no site is left, or none answers.
    """
    number, empty, sent = 0, 0, first
    sites.wait_for(set(expected), patience.start)
    while True:
        sites.wait_for_any(patience.start)
        present = sites.connected()
        if not present:
            raise PipelineError(
                f"no site has been connected for {patience.start:g} s. "
                f"Start a site ({', '.join(sorted(expected))}), then this again."
            )
        if absent := sorted(set(expected) - present):
            say(f"goes on without {', '.join(absent)}, not connected")
        answers = _ask_all(sites, present, sent, check, patience.answer, say)
        empty = 0 if answers else empty + 1
        if empty == EMPTY_ROUNDS:
            raise PipelineError(f"no site answered, {empty} times in a row. The reasons stand above.")
        if answers:
            following = round_done(number, answers)
            if following is None:
                return
            number, sent = number + 1, following
        sites.wait_for(present, RETURN_SECONDS)


def _ask_all(
    sites: Sites, present: set[str], sent: Content, check: Check, seconds: float, say: Callable[[str], None]
) -> dict[str, Content]:
    """The answers that came in time and are as asked, in the order of the sites' names."""
    content = checksummed.seal(*sent)

    def ask(site: str) -> Content | None:
        try:
            answer = read_answer(sites.ask(site, content, seconds), sent[0])
            check(site, answer)
            return answer
        except NoAnswerError as error:
            problem = f"site {site} gave no answer: {error}"
        except RefusedError as error:
            problem = f"the answer of site {site} is refused: {error}"
        # At once, and not when the others are done.
        say(f"{problem}. The round goes on without it, the next one takes it in if it is there.")
        return None

    names = sorted(present)
    with ThreadPoolExecutor(len(names)) as threads:
        found = zip(names, threads.map(ask, names), strict=True)
        return {site: answer for site, answer in found if answer is not None}
