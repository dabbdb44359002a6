"""A sign-in under way: what is sent to the issuer and has to come back, sealed, for the browser that began it to keep.

Any API process takes up what another began, and nothing is written before somebody was let in.
"""

import json
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from heartbeat.secrets.keyring import CannotOpen, Keyring

LASTS = timedelta(minutes=10)
SEALED_AS = "openid_attempt"


@dataclass(frozen=True)
class SignInAttempt:
    """`state` comes back with the code, `nonce` in the ID token; `verifier` proves that the code is ours (PKCE).

    `prompt` is what the issuer was asked to show, if anything.
    """

    issuer: str
    state: str
    nonce: str
    verifier: str
    next_page: str
    began_at: str
    prompt: str = ""

    def seal(self, keyring: Keyring) -> str:
        """Make what the browser keeps. Raises `NoKey`."""
        return keyring.seal(json.dumps(asdict(self)), SEALED_AS)


def new_attempt(issuer: str, next_page: str, now: datetime, prompt: str = "") -> SignInAttempt:
    """Begin a sign-in that leads to a page of ours."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    return SignInAttempt(issuer, state, nonce, verifier, next_page, now.isoformat(), prompt)


def open_attempt(keyring: Keyring, sealed: str, state: str, issuer: str, now: datetime) -> SignInAttempt | None:
    """Read what a browser kept; `None` unless it is ours, of this state and issuer, and not too old."""
    try:
        attempt = SignInAttempt(**json.loads(keyring.open(sealed, SEALED_AS)))
    except (CannotOpen, TypeError):
        # The second where a process of another version began it, which keeps other fields.
        return None
    same = secrets.compare_digest(attempt.state.encode(), state.encode()) and attempt.issuer == issuer
    return attempt if same and datetime.fromisoformat(attempt.began_at) + LASTS > now else None
