"""Secrets masked in texts that others see."""

import re

SECRET = re.compile(
    r"""(?ix)
      \b(?:sk|pk|rk|hbk|xox[abpr]|gh[pousr]|glpat|AKIA|eyJ)[-_A-Za-z0-9.]{8,}      # keys with a known beginning
    | \b[A-Za-z0-9+/_=-]{24,}\b                                                    # any long run of key characters
    | (?<=://)[^/\s:@]+:[^/\s@]+(?=@)                                              # user:password in an address
    | (?<=[?&])(?:key|token|secret|password|sig|api_key)=[^&\s]+                   # query parameters
    | \b(?:password|passwd|secret|token|api[ _-]?key)\s*(?:[:=]|\bis\b)\s*\S+       # "password: hunter2"
    """
)

# How a provider's words follow our own.
SAID = "It said: {}"


def shown_address(url: str) -> str:
    """An address without what may be a secret of it: a user, a password, the query and what follows it."""
    scheme, separator, rest = re.split("[?#]", url, maxsplit=1)[0].partition("://")
    authority, slash, path = rest.partition("/")
    return scheme + separator + authority.rpartition("@")[2] + slash + path


def mask(text: str) -> str:
    """The text with everything that looks like a secret replaced by dots."""
    return SECRET.sub("•••", text)
