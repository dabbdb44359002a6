"""A worker, a scripted model and one heartbeat for every test."""

from tests.support.world import house, model, settings, working

__all__ = ["house", "model", "settings", "working"]
