"""Rounds over sites that die, come back, and answer what they should not; without a network."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from segpipe.errors import PipelineError
from segpipe.federation.payload import Content, RefusedError
from segpipe.federation.rounds import EMPTY_ROUNDS, NoAnswerError, Patience, run_rounds
from segpipe.storage import checksummed

FIRST: Content = ({"w": torch.zeros(2)}, {"round": 0})


class Sites:
    """`present` gives who is connected at a round, `answer` what a site says; waiting takes no time."""

    def __init__(self, present: Callable[[int], set[str]], answer: Callable[[str, int], bytes]) -> None:
        self.present, self.answer = present, answer
        self.round = 0
        self.waited: list[Any] = []

    def connected(self) -> set[str]:
        return self.present(self.round)

    def wait_for(self, names: set[str], seconds: float) -> None:
        self.waited.append((sorted(names), seconds))

    def wait_for_any(self, seconds: float) -> None:
        self.waited.append(seconds)

    def ask(self, site: str, content: bytes, seconds: float) -> bytes:
        _, about = checksummed.opened(content)
        self.round = about["round"] + 1
        return self.answer(site, about["round"])


def good(site: str, number: int) -> bytes:
    return checksummed.seal({"w": torch.full((2,), float(number))}, {"site": site})


def held(sites: Sites, rounds: int = 3) -> tuple[list[dict[str, Content]], list[str]]:
    """The answers of each round, and what was said."""
    answers: list[dict[str, Content]] = []
    said: list[str] = []

    def done(number: int, found: dict[str, Content]) -> Content | None:
        assert number == len(answers)
        answers.append(found)
        return None if number + 1 == rounds else ({"w": torch.zeros(2)}, {"round": number + 1})

    def check(site: str, content: Content) -> None:
        if content[1].get("odd"):
            raise RefusedError("it is odd")

    run_rounds(sites, ["b", "a"], FIRST, done, check, Patience(5, 7), said.append)
    return answers, said


def test_all_answer_and_come_in_the_order_of_their_names() -> None:
    sites = Sites(lambda number: {"b", "a"}, good)
    answers, said = held(sites)
    assert [list(found) for found in answers] == [["a", "b"]] * 3 and said == []
    assert [float(found["a"][0]["w"][0]) for found in answers] == [0, 1, 2]
    assert sites.waited[0] == (["a", "b"], 5)


def test_a_site_that_dies_is_missing_and_in_again_when_it_is_back() -> None:
    def answer(site: str, number: int) -> bytes:
        if (site, number) == ("b", 0):
            raise NoAnswerError("its connection broke")
        return good(site, number)

    answers, said = held(Sites(lambda number: {"a"} if number == 1 else {"a", "b"}, answer))
    assert [list(found) for found in answers] == [["a"], ["a"], ["a", "b"]]
    assert said[0].startswith("site b gave no answer: its connection broke. The round goes on")
    assert said[1] == "goes on without b, not connected"


def test_a_refused_answer_names_the_site() -> None:
    def answer(site: str, number: int) -> bytes:
        return b"no" if site == "b" else good(site, number)

    answers, said = held(Sites(lambda number: {"a", "b"}, answer), rounds=1)
    assert list(answers[0]) == ["a"]
    assert said[0].startswith("the answer of site b is refused: it has no checksum")


def test_an_answer_that_is_not_what_was_asked_is_refused_too() -> None:
    def answer(site: str, number: int) -> bytes:
        return checksummed.seal({"w": torch.zeros(2)}, {"odd": site == "a"})

    answers, said = held(Sites(lambda number: {"a", "b"}, answer), rounds=1)
    assert list(answers[0]) == ["b"]
    assert said[0].startswith("the answer of site a is refused: it is odd")


def test_a_round_that_nobody_answers_is_held_again_but_not_for_ever() -> None:
    asked: list[str] = []

    def answer(site: str, number: int) -> bytes:
        asked.append(site)
        if len(asked) <= fails:
            raise NoAnswerError("why not")
        return good(site, number)

    fails = 2 * (EMPTY_ROUNDS - 1)
    answers, _ = held(Sites(lambda number: {"a", "b"}, answer), rounds=1)
    assert list(answers[0]) == ["a", "b"]
    fails = 1000
    asked.clear()
    with pytest.raises(PipelineError, match="no site answered, 3 times in a row"):
        held(Sites(lambda number: {"a", "b"}, answer))
    assert len(asked) == 2 * EMPTY_ROUNDS


def test_without_a_site_it_ends() -> None:
    with pytest.raises(PipelineError, match=r"no site has been connected for 5 s. Start a site \(a, b\)"):
        held(Sites(lambda number: set(), good))
