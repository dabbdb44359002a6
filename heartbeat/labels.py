"""The few words of a bot and a prompt that Temporal's UI shows. What looks like a secret is masked."""

import re

MAX = 80

SECRET = re.compile(
    r"""(?ix)
      \b(?:sk|pk|rk|hbk|xox[abpr]|gh[pousr]|glpat|AKIA|eyJ)[-_A-Za-z0-9.]{8,}      # keys with a known beginning
    | \b[A-Za-z0-9+/_=-]{24,}\b                                                    # any long run of key characters
    | (?<=://)[^/\s:@]+:[^/\s@]+(?=@)                                              # user:password in an address
    | (?<=[?&])(?:key|token|secret|password|sig|api_key)=[^&\s]+                   # query parameters
    | \b(?:password|passwd|secret|token|api[ _-]?key)\s*(?:[:=]|\bis\b)\s*\S+       # "password: hunter2"
    """
)


def mask(text: str) -> str:
    """The text with everything that looks like a secret replaced by dots."""
    return SECRET.sub("•••", text)


def run_summary(bot_name: str, prompt: str) -> str:
    """One line naming the bot and the prompt's start, secrets masked."""
    words = " ".join(mask(prompt[: 4 * MAX]).split())
    text = f"{' '.join(bot_name.split())[:40]}: {words}"
    return text if len(text) <= MAX else text[: MAX - 1] + "…"
