"""`heartbeat secrets`: new keys, and what is kept sealed with them."""

from dataclasses import dataclass, field
from functools import partial

import typer
from sqlalchemy import Connection

from heartbeat.cli.projects import write_store
from heartbeat.secrets.keyring import CannotOpen, Keyring, config_row, headers_row
from heartbeat.settings import Settings
from heartbeat.store.notifications.targets import seal_targets_anew
from heartbeat.store.tools.servers import seal_anew

BATCH_SIZE = 200


def rotate(settings: Settings) -> int:
    """Seal everything with the first key and say how much that was; returns the exit code. Raises `NoKey`."""
    rotation = Rotation(Keyring.from_settings(settings))
    first = rotation.keyring.first
    rotation.carry_out(settings)
    typer.echo(f"Sealed anew with {first}: {rotation.anew}. Sealed with it already: {rotation.already}.")
    for problem in rotation.problems:
        typer.echo(f"heartbeat: {problem}", err=True)
    return 1 if rotation.problems else 0


@dataclass
class Rotation:
    """Every sealed row, in batches of one short transaction each; what does not open stays as it is."""

    keyring: Keyring
    anew: int = 0
    already: int = 0
    problems: list[str] = field(default_factory=list)

    def carry_out(self, settings: Settings) -> None:
        """Go through all rows, by id, until there are no more."""
        for batch in (self._tools, self._targets):
            last: int | None = 0
            while last is not None:
                last = write_store(settings, partial(batch, last))

    def _tools(self, after: int, connection: Connection) -> int | None:
        return seal_anew(
            connection, after, BATCH_SIZE, lambda row: self._sealed_anew(row.sealed_headers, headers_row(row.uuid))
        )

    def _targets(self, after: int, connection: Connection) -> int | None:
        return seal_targets_anew(
            connection, after, BATCH_SIZE, lambda row: self._sealed_anew(row.sealed_config, config_row(row.uuid))
        )

    def _sealed_anew(self, sealed: str | None, row: str) -> str | None:
        assert sealed is not None
        if self.keyring.is_newest(sealed):
            self.already += 1
            return None
        try:
            opened = self.keyring.open(sealed, row)
        except CannotOpen as problem:
            self.problems.append(problem.message)
            return None
        self.anew += 1
        return self.keyring.seal(opened, row)
