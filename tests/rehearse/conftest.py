"""The house of the run tests with a desk of tools connected, here too."""

from tests.run.conftest import house, model, settings, working
from tests.run.test_acting import agent, desk

__all__ = ["agent", "desk", "house", "model", "settings", "working"]
