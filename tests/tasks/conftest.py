"""Tests of tasks over the API have an owner; those of runs a worker, a scripted model and a heartbeat."""

from tests.api.conftest import alone, api, shared_app, shared_database
from tests.run.conftest import house, model, settings, working

__all__ = ["alone", "api", "house", "model", "settings", "shared_app", "shared_database", "working"]
