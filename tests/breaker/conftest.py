"""The house of the run tests, here too."""

from tests.run.conftest import house, model, settings, working

__all__ = ["house", "model", "settings", "working"]
