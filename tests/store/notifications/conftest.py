"""One heartbeat in the store alone, with a webhook target."""

from tests.support.store_world import settings, world

__all__ = ["settings", "world"]
