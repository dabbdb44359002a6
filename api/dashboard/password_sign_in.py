"""Sign in with an e-mail address and a password: one answer for every failure, after the same work."""

from api.auth_throttle import AT_SIGN_IN
from api.deps import Stack
from heartbeat.domain.errors import Invalid
from heartbeat.domain.people import MAX_PASSWORD, fold_email
from heartbeat.store.tables.users import User
from heartbeat.store.users.memberships import projects_of
from heartbeat.store.users.sessions import SessionOwner
from heartbeat.store.users.users import user_by_email


async def person_with(stack: Stack, address: str, email: str, password: str) -> User | None:
    """Read the person with this password, `None` for any that is not right; raises `TooManyFailures`.

    Whoever waits gets in with what has worked from just this address since the process began.
    """
    both = f"{fold_email(email)}\n{password}"
    hashes = stack.key_hashes.all(both)
    # Taken in turn: who sends many at once would else have them all looked at before the first is counted.
    async with stack.passwords.turns:
        await stack.auth_throttle.admit(AT_SIGN_IN, address, both[:MAX_PASSWORD], hashes)
        user = await stack.database.read(user_by_email, email)
        kept = user.password_hash if user else None
        if await stack.passwords.matches(kept, password):
            stack.auth_throttle.note_worked(address, hashes[0])
            return user
        await stack.auth_throttle.count(AT_SIGN_IN, address)
    return None


async def require_password(stack: Stack, address: str, user: User, password: str) -> None:
    """Raise `Invalid` unless this is the person's password; a failure counts as one to sign in."""
    if await person_with(stack, address, user.email, password) is None:
        raise Invalid("current", "is not your password")


async def owner_of(stack: Stack, user: User) -> SessionOwner:
    """Whose session it is, and which of their projects it opens first."""
    own = await stack.database.read(projects_of, user.id)
    return SessionOwner(user_id=user.id, project_id=own[0].id if own else None)
