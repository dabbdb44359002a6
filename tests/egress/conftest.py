"""Servers on loopback that no guarded request may come to."""

from tests.support.guarded import inside

__all__ = ["inside"]
