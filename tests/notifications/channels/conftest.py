"""A receiver on loopback, which the operator of these tests has let in, and a message for it."""

from datetime import UTC, datetime

import pytest

from heartbeat.notifications.channels.message import Message
from heartbeat.settings import Settings

# What untrusted text may try: every service's markup, its mentions, and a link that lies.
NASTY = "<!channel> <b>bold</b> & @everyone <@1> [safe.example](https://evil.example)"


@pytest.fixture
def settings() -> Settings:
    return Settings(_env_file=None, egress_allow=["127.0.0.1"])


@pytest.fixture
def message() -> Message:
    return Message(
        uuid="note_1",
        kind="run.finding",
        priority="urgent",
        title="Disk is full\non db-1",
        body=f"At 98 %.\n{NASTY}",
        link="https://desk.example/f/1?a=1&b=2",
        bot="Watcher",
        heartbeat="Disks",
        at=datetime(2026, 11, 22, 17, 30, tzinfo=UTC),
        data={"run": "run_1"},
    )
