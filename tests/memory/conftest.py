"""Real runs, as the tests of runs have them."""

from tests.run.conftest import house, model, settings, working

__all__ = ["house", "model", "settings", "working"]
