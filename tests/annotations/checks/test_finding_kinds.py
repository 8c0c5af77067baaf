"""The kind of a finding: our sentence stays, the user's words do not, whatever they are."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segpipe.annotations.checks.finding_kinds import kind_of

NAME = st.text(st.characters(categories=["Lu", "Ll", "Nd"]), min_size=8, max_size=16).filter(lambda name: kind_of(name) == "...")
"""As a file or a class may be called; a word of ours is none."""


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        ("a damaged image (it ends too early)", "a damaged image (it ends too early)"),
        ("values that are no class: 3, 4", "values that are no class: ..."),
        ('a shape of the type "hidden shape", which is not known', "a shape of the type ..., which is not known"),
        ("names the mask of in/a.jpg (line 2) for another image", "names the mask of ... (line ...) for another image"),
        ("run lengths of another size than the image's", "run lengths of another size than the image's"),
        ("the object of Zebrafish lies wholly under another", "the object of ... lies wholly under another"),
    ],
)
def test_by_hand(problem: str, kind: str) -> None:
    assert kind_of(problem) == kind


def test_a_class_of_a_word_of_ours_is_left_out_where_it_is_known() -> None:
    assert kind_of("the object of later class lies under image", ["later class", "image"]) == "the object of ... lies under ..."


@settings(max_examples=30)
@given(NAME, NAME)
def test_no_name_is_left(one: str, other: str) -> None:
    kind = kind_of(f"labels {one}, '{other}' and ({one}-{other}) in {one}/{other}.png, line 7 of {other}: not listed.")
    assert one not in kind and other not in kind
    assert kind == "labels ... and (...) in ..., line ... of ...: not listed."
