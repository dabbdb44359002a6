"""The newest rows of a project: those of each bot from an index that begins with it, and of these the newest.

An index by bot serves no order over several bots. Whoever asks for them all has each row of each bot sorted.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, Table, bindparam, select, true

# Of each bot, and of all.
LIMIT = bindparam("limit", type_=Integer())


def of_each_bot(
    bots: Select[Any], table: Table, shown: tuple[str, ...], newest: Callable[[ColumnElement[int]], Select[Any]]
) -> Mapping[str, Select[Any]]:
    """Build by dialect what selects the columns `shown` of what `newest` selects the ids of for one bot."""
    bot = bots.subquery()
    ids = newest(bot.c.id)
    # The columns of the index alone: PostgreSQL reads no row for them.
    inner = ids.with_only_columns(*(table.c[name] for name in shown)).lateral()
    rows = table.alias()
    return {
        "postgresql": select(*inner.c).select_from(bot.join(inner, true())),
        # SQLite has no LATERAL, and looks up by id what a list for each bot names.
        "sqlite": select(*(rows.c[name] for name in shown)).select_from(bot.join(rows, rows.c.id.in_(ids))),
    }
