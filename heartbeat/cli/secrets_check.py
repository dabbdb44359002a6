"""Whether what is kept sealed opens with the secret keys that there are: for `heartbeat doctor` and after a restore."""

from heartbeat.cli.check_result import CheckResult
from heartbeat.domain.clock import utc_now
from heartbeat.secrets.key_hashes import KeyHashes, secret_key_id
from heartbeat.secrets.keyring import CannotOpen, Keyring
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.projects.keys import working_keys
from heartbeat.store.projects.sealed_secrets import sealed_texts


def check_secrets(settings: Settings) -> CheckResult:
    """Check that every sealed text, and every key of a project, opens with the keys of this process; none is shown."""
    database = Database(settings.store_url())
    rows, keys = database.read_now(sealed_texts), database.read_now(working_keys, utc_now())
    database.close()
    try:
        keyring, ids = Keyring.from_settings(settings), KeyHashes.from_settings(settings).ids
    except CannotOpen as problem:
        return CheckResult("secrets", problem.message, "mend the file, or put it back from a backup")
    lost = [key for key in keys if secret_key_id(key.hash) not in ids]
    if lost:
        message = f"{len(lost)} keys of projects are kept with a secret key that is not there, and open nothing"
        return CheckResult("secrets", message, f"put {secret_key_id(lost[0].hash)} back, or make new keys")
    problems = [reason for row, sealed in rows if (reason := _why_sealed(keyring, row, sealed))]
    if problems:
        return CheckResult("secrets", f"{len(problems)} of {len(rows)} do not open", problems[0])
    return CheckResult("secrets", f"{len(rows)} are kept sealed, and all open" if rows else "none are sealed yet")


def _why_sealed(keyring: Keyring, row: str, sealed: str) -> str | None:
    """Say why a sealed text does not open; `None` when it does."""
    try:
        keyring.open(sealed, row)
    except CannotOpen as problem:
        return problem.message
    return None
