"""Between a password and a code: what a browser keeps meanwhile, sealed, and whether the code is right."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from api.auth_throttle import AT_SIGN_IN
from api.deps import Stack
from heartbeat.domain.errors import Invalid
from heartbeat.secrets.keyring import CannotOpen, Keyring
from heartbeat.secrets.second_factor import step_of, totp_row
from heartbeat.store.projects.projects import digest
from heartbeat.store.tables.users import User
from heartbeat.store.users.second_factor import recovery_hash, use_recovery_code, use_step
from heartbeat.store.users.users import user_by_id

LASTS = timedelta(minutes=10)
SEALED_AS = "code_challenge"


@dataclass(frozen=True)
class CodeChallenge:
    """Who has given the right password and owes a code; it ends with the password and with the secret."""

    user_id: int
    of: str
    began_at: str


def new_challenge(stack: Stack, user: User) -> str:
    """Return what the browser keeps. Raises `NoKey`."""
    challenge = CodeChallenge(user.id, _of(user), stack.now().isoformat())
    return Keyring.from_settings(stack.settings).seal(json.dumps(asdict(challenge)), SEALED_AS)


async def challenged_user(stack: Stack, sealed: str) -> User | None:
    """Read who owes a code; `None` when the challenge is too old, or none, or the password is another now."""
    try:
        challenge = CodeChallenge(**json.loads(Keyring.from_settings(stack.settings).open(sealed, SEALED_AS)))
    except CannotOpen:
        return None
    user = await stack.database.read(user_by_id, challenge.user_id)
    is_fresh = datetime.fromisoformat(challenge.began_at) + LASTS > stack.now()
    return user if user and user.sealed_totp_secret and is_fresh and _of(user) == challenge.of else None


async def require_code(stack: Stack, sources: Sequence[str], user: User, code: str) -> None:
    """Use up a code of a person. Raises `Invalid` for a wrong or used one, and `TooManyFailures`.

    A failure counts for these sources. While one of them waits, a recovery code is looked at all the same: nobody
    guesses one.
    """
    async with stack.passwords.turns:
        is_recovery_code = recovery_hash(code) in (user.recovery_codes or [])
        if is_recovery_code and await stack.database.write(use_recovery_code, user.id, code):
            return
        stack.auth_throttle.require_no_wait(AT_SIGN_IN, *sources)
        step = step_of(opened_secret(stack, user.uuid, user.sealed_totp_secret or ""), code, stack.now())
        if step is not None and await stack.database.write(use_step, user, step):
            return
        await stack.auth_throttle.count_for(AT_SIGN_IN, *sources)
    raise Invalid("code", "is wrong, too old, or was used already")


def opened_secret(stack: Stack, user_uuid: str, sealed: str) -> str:
    """Open the secret of a person's second factor. Raises `CannotOpen`."""
    return Keyring.from_settings(stack.settings).open(sealed, totp_row(user_uuid))


def _of(user: User) -> str:
    return digest(f"{user.password_hash}\n{user.sealed_totp_secret}")
