"""Sign in with an e-mail address and a password: one answer for every failure, after the same work."""

from collections.abc import Sequence

from api.auth_throttle import AT_SIGN_IN
from api.dashboard.visitor import Visitor
from api.deps import Stack
from heartbeat.domain.errors import Invalid
from heartbeat.domain.failure_sources import is_known, of_browser
from heartbeat.store.tables.users import User
from heartbeat.store.users.memberships import projects_of
from heartbeat.store.users.sessions import SessionOwner
from heartbeat.store.users.users import user_by_email


async def person_with(stack: Stack, sources: Sequence[str], email: str, password: str) -> User | None:
    """Read the person with this password, `None` for any that is not right; raises `TooManyFailures`.

    A failure counts for these sources, and while one of them waits no password is looked at.
    """
    throttle = stack.auth_throttle
    # Taken in turn: who sends many at once would else have them all looked at before the first is counted.
    async with stack.passwords.known_turns if is_known(sources) else stack.passwords.turns:
        throttle.require_no_wait(AT_SIGN_IN, *sources)
        user = await stack.database.read(user_by_email, email)
        kept = user.password_hash if user else None
        if await stack.passwords.matches(kept, password):
            return user
        await throttle.count_for(AT_SIGN_IN, *sources)
    return None


async def require_password(visitor: Visitor, user: User, password: str) -> None:
    """Raise `Invalid` unless this is the person's password; failures count for their session, and keep no other out."""
    if await person_with(visitor.stack, [of_browser(visitor.session_uuid)], user.email, password) is None:
        raise Invalid("current", "is not your password")


async def owner_of(stack: Stack, user: User) -> SessionOwner:
    """Whose session it is, and which of their projects it opens first."""
    own = await stack.database.read(projects_of, user.id)
    return SessionOwner(user_id=user.id, project_id=own[0].id if own else None)
