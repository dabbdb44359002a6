"""Rules about people: how an e-mail address is compared, what a member may do, and what makes a password."""

import re
from functools import cache
from unicodedata import is_normalized

from heartbeat.domain.errors import Invalid
from heartbeat.domain.scopes import PRESETS, Scope, read_scopes, write_scopes
from heartbeat.domain.text import storable_text

# What a member of a project may be, from the least that may be done to the most.
MEMBER_ROLES = tuple(PRESETS)
MAX_EMAIL, MAX_NAME = 254, 100
MIN_PASSWORD, MAX_PASSWORD = 12, 200
EMAIL = re.compile(r"[^@\s<>\"',;:]+@[^@\s<>\"',;:]+", re.ASCII)


def fold_email(text: str) -> str:
    """Return an e-mail address as it is kept and compared: without spaces around it, in lower case.

    One with letters that stand for others stays as it is, and so is nobody's: the Kelvin sign would become a "k".
    """
    email = text.strip()
    return email.lower() if is_normalized("NFKC", email) else email


def check_email(text: str) -> str:
    """Return the address as it is kept; raises `Invalid` for what is none."""
    email = fold_email(text)
    is_plain = email.isprintable() and is_normalized("NFKC", email)
    if len(email) > MAX_EMAIL or not EMAIL.fullmatch(email) or not is_plain:
        raise Invalid("email", "must be one plain address such as ada@example.com")
    return email


def check_name(text: str) -> str:
    """Return a person's name as it is kept; raises `Invalid` for none."""
    name = storable_text(" ".join(text.split()))[:MAX_NAME]
    if not name:
        raise Invalid("name", "must not be empty")
    return name


def check_password(password: str, email: str) -> str:
    """Return the password; raises `Invalid` for one that is too short, too long, or the person's own address."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise Invalid("password", f"must have {MIN_PASSWORD} to {MAX_PASSWORD} characters")
    if len(set(password)) < MIN_PASSWORD // 3 or fold_email(password) == email:
        raise Invalid("password", "is too easy to guess")
    return password


def check_role(role: str) -> str:
    """Return the role; raises `Invalid` for one that there is not."""
    if role not in MEMBER_ROLES:
        raise Invalid("role", f"must be one of {', '.join(MEMBER_ROLES)}")
    return role


@cache
def scopes_of_role(role: str) -> frozenset[Scope]:
    """What a member may do; nothing with a role that only a newer version knows."""
    return read_scopes(write_scopes(frozenset(PRESETS.get(role, ()))))
