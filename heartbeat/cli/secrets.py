"""`heartbeat secrets rotate`: seal every secret anew with the first key of the settings."""

from dataclasses import dataclass, field

import typer

from heartbeat.cli.database import write_database
from heartbeat.cli.output import print_error
from heartbeat.secrets.keyring import CannotOpen, Keyring, config_row, headers_row
from heartbeat.settings import Settings
from heartbeat.store.notifications.targets import seal_targets_anew
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tables.notifications import Target
from heartbeat.store.tools.servers import seal_anew

BATCH_SIZE = 200


def rotate_secrets(settings: Settings) -> int:
    """Seal everything with the first key and print how much that was; returns the exit code. Raises `NoKey`."""
    rotation = Rotation(Keyring.from_settings(settings))
    newest_key = rotation.keyring.first
    rotation.carry_out(settings)
    typer.echo(f"Sealed anew with {newest_key}: {rotation.anew}. Sealed with it already: {rotation.already}.")
    for problem in rotation.problems:
        print_error(problem)
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
        last_id: int | None = 0
        while last_id is not None:
            last_id = write_database(settings, seal_anew, last_id, BATCH_SIZE, self._headers)
        last_id = 0
        while last_id is not None:
            last_id = write_database(settings, seal_targets_anew, last_id, BATCH_SIZE, self._config)

    def _headers(self, tool: Tool) -> str | None:
        return self._sealed_anew(tool.sealed_headers, headers_row(tool.uuid))

    def _config(self, target: Target) -> str | None:
        return self._sealed_anew(target.sealed_config, config_row(target.uuid))

    def _sealed_anew(self, sealed: str | None, row: str) -> str | None:
        """Seal a text with the newest key; `None` when it is already, or cannot be opened."""
        assert sealed is not None
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
