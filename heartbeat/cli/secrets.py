"""`heartbeat secrets rotate`: seal every secret anew with the first key of the settings."""

from dataclasses import dataclass, field

import typer

from heartbeat.cli.database import read_database, write_database
from heartbeat.cli.output import print_error
from heartbeat.secrets.key_hashes import secret_key_id
from heartbeat.secrets.keyring import CannotOpen, Keyring
from heartbeat.settings import Settings
from heartbeat.store.database.clock import database_time
from heartbeat.store.projects.keys import working_keys
from heartbeat.store.projects.sealed_addresses import seal_addresses
from heartbeat.store.projects.sealed_columns import SEALED_COLUMNS
from heartbeat.store.projects.sealed_secrets import record_rotation, seal_anew
from heartbeat.store.tables.projects import ApiKey

BATCH_SIZE = 200


def rotate_secrets(settings: Settings) -> int:
    """Seal everything with the first key and print how much that was; returns the exit code. Raises `NoKey`."""
    rotation = Rotation(Keyring.from_settings(settings))
    newest_key = rotation.keyring.sealing_key_id
    rotation.carry_out(settings)
    if rotation.anew:
        write_database(settings, record_rotation, newest_key, rotation.anew)
    typer.echo(f"Sealed anew with {newest_key}: {rotation.anew}. Sealed with it already: {rotation.already}.")
    older = [key for key in _working_keys(settings) if secret_key_id(key.hash) not in ("", newest_key)]
    if older:
        names = ", ".join(key.uuid for key in older)
        rotation.problems.append(
            f"Keys of projects that are kept with an older secret key until they are used with this one in place: "
            f"{names}. Use or revoke them before you remove it."
        )
    for problem in rotation.problems:
        print_error(problem)
    return 1 if rotation.problems else 0


def _working_keys(settings: Settings) -> list[ApiKey]:
    return read_database(settings, working_keys, read_database(settings, database_time))


@dataclass
class Rotation:
    """Every sealed row, in batches of one short transaction each; what does not open stays as it is."""

    keyring: Keyring
    anew: int = 0
    already: int = 0
    problems: list[str] = field(default_factory=list)

    def carry_out(self, settings: Settings) -> None:
        """Go through all rows, by id, until there are no more, and seal the addresses that never were."""
        for column in SEALED_COLUMNS:
            last_id: int | None = 0
            while last_id is not None:
                last_id = write_database(settings, seal_anew, column, last_id, BATCH_SIZE, self._reseal)
        self.anew += write_database(settings, seal_addresses, self.keyring)

    def _reseal(self, sealed: str, row: str) -> str | None:
        """Seal a text with the newest key; `None` when it is already, or cannot be opened."""
        if self.keyring.is_newest(sealed):
            self.already += 1
            return None
        try:
            text = self.keyring.open(sealed, row)
        except CannotOpen as problem:
            self.problems.append(problem.message)
            return None
        self.anew += 1
        return self.keyring.seal(text, row)
