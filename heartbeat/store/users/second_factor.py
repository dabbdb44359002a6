"""The second factor as the store keeps it: turned on and off, and codes that each count once."""

from collections.abc import Sequence

from sqlalchemy import Connection, update

from heartbeat.domain.errors import Conflict
from heartbeat.secrets.second_factor import fold_code
from heartbeat.store.projects.projects import digest
from heartbeat.store.tables.users import User
from heartbeat.store.users.users import NO_SECOND_FACTOR, USER, lock_user, record_user, user_by_id

ON_ALREADY = "You have a second factor already; turn it off before you set up another."


def turn_on(connection: Connection, user_id: int, sealed_secret: str, step: int, recovery_codes: Sequence[str]) -> None:
    """Ask a person for a code from now on; that of this step was used. Raises `Conflict` if they are asked already."""
    values = {
        "sealed_totp_secret": sealed_secret,
        "totp_counter": step,
        "recovery_codes": [recovery_hash(code) for code in recovery_codes],
    }
    mine = (USER.c.id == user_id) & USER.c.sealed_totp_secret.is_(None)
    if connection.execute(update(USER).where(mine).values(values)).rowcount == 0:
        raise Conflict("second_factor_on", ON_ALREADY)
    _record(connection, user_id, ["off", "on"])


def turn_off(connection: Connection, user_id: int) -> None:
    """Ask a person for no code any more."""
    mine = (USER.c.id == user_id) & USER.c.sealed_totp_secret.is_not(None)
    if connection.execute(update(USER).where(mine).values(NO_SECOND_FACTOR)).rowcount:
        _record(connection, user_id, ["on", "off"])


def use_step(connection: Connection, user: User, step: int) -> bool:
    """Use up the code of a step, and all before it; tells whether it was not used before."""
    unused = USER.c.totp_counter.is_(None) | (USER.c.totp_counter < step)
    # Of the secret that the code was made with: another may have been set up meanwhile.
    mine = (USER.c.id == user.id) & (USER.c.sealed_totp_secret == user.sealed_totp_secret) & unused
    return connection.execute(update(USER).where(mine).values(totp_counter=step)).rowcount == 1


def use_recovery_code(connection: Connection, user_id: int, code: str) -> bool:
    """Use up a recovery code; tells whether it is one that was not used before."""
    left = lock_user(connection, user_id).recovery_codes or []
    hashed = recovery_hash(code)
    if hashed not in left:
        return False
    others = [one for one in left if one != hashed]
    connection.execute(update(USER).where(USER.c.id == user_id).values(recovery_codes=others))
    return True


def _record(connection: Connection, user_id: int, change: list[str]) -> None:
    if user := user_by_id(connection, user_id):
        record_user(connection, user, "member.update", {"second_factor": change})


def recovery_hash(code: str) -> str:
    """Return what is kept of a recovery code, however it is written."""
    return digest(fold_code(code))
