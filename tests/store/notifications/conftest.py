"""One heartbeat with a webhook target, and a receiver on loopback."""

from tests.support.desk import desk, receiver, settings

__all__ = ["desk", "receiver", "settings"]
