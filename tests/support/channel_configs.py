"""A whole config of each channel, all of which lead to a receiver on loopback."""

from typing import Any

from tests.support.receiver import Receiver

TOKEN = "123456789:AAEabcdefghijklmnopqrstuvwxyz-_12345"


def set_up(channel: str, receiver: Receiver) -> dict[str, Any]:
    """A whole config of `channel` that leads to the receiver."""
    return {
        "webhook": {"url": f"{receiver.url}/hook"},
        "slack": {"url": f"{receiver.url}/services/T1/B1/sesame"},
        "discord": {"url": f"{receiver.url}/api/webhooks/1/sesame?thread_id=7"},
        "telegram": {"token": TOKEN, "chat_id": "-100123", "api_url": receiver.url},
        "teams": {"url": f"{receiver.url}/workflows/1/triggers/manual/paths/invoke?sig=sesame"},
        "ntfy": {"topic": "sesame_topic", "token": "tk_sesame", "server": receiver.url},
    }[channel]
