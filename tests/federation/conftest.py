"""The small project that the workflows' tests have."""

from tests.workflows.conftest import sample_project

__all__ = ["sample_project"]
