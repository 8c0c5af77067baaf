"""Every command on a page is run by some test, or told why none can."""

from tests.pages import executed, written
from tests.structure.imports import ROOT

RUN = {*executed.README, *executed.ALONE, *executed.STUDY, *executed.TOGETHER, *executed.TUTORIAL, *executed.EXAMPLES}
SHOWN = {written.name(page): written.commands(page) for page in written.PAGES if written.commands(page)}


def test_every_command_is_run_or_told_why_not() -> None:
    run_elsewhere = {line for page in RUN for line in SHOWN[page]} | executed.NOT_RUN.keys()
    assert {(page, line) for page, lines in SHOWN.items() for line in lines if line not in run_elsewhere} == set()


def test_what_is_not_run_is_still_shown() -> None:
    shown = {line for lines in SHOWN.values() for line in lines}
    assert executed.NOT_RUN.keys() - shown == set()


def test_the_pages_that_are_run_are_there() -> None:
    assert RUN - SHOWN.keys() == set()
    assert all((ROOT / page).is_file() for page in RUN)
