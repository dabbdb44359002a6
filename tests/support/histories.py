"""Where the recorded workflow histories are."""

from pathlib import Path

HISTORIES = Path(__file__).parent.parent / "workflows" / "histories"
