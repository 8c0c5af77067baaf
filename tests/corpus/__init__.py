"""Mini data sets that are broken or odd. pytest shows both sides of what their check compares."""

import pytest

pytest.register_assert_rewrite("tests.corpus.case")
