"""The few words of a bot and a prompt that Temporal's UI shows. What looks like a secret is masked."""

from heartbeat.domain.redaction import mask

MAX = 80


def run_summary(bot_name: str, prompt: str) -> str:
    """One line naming the bot and the prompt's start, secrets masked."""
    words = " ".join(mask(prompt[: 4 * MAX]).split())
    text = f"{' '.join(bot_name.split())[:40]}: {words}"
    return text if len(text) <= MAX else text[: MAX - 1] + "…"
