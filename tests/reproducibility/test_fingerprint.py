"""A fingerprint is a hash of values."""

from segpipe.reproducibility import fingerprint


def test_a_fingerprint_knows_no_order() -> None:
    assert fingerprint.fingerprint({"a": 1, "b": 2}) == fingerprint.fingerprint({"b": 2, "a": 1})
    assert fingerprint.fingerprint({"a": 1}) != fingerprint.fingerprint({"a": 2})
