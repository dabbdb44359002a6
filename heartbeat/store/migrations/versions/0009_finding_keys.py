"""finding keys"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SEPARATORS = re.compile(r"[\s_:;,./\\|·\-‐‑–—]+")


def key(fingerprint: str) -> str:
    """The fingerprint without case, blanks and separators, but for one between two digits."""
    text = fingerprint.casefold().strip()
    return SEPARATORS.sub(_between_digits, text) or text


def _between_digits(separator: re.Match[str]) -> str:
    before, after = separator.string[: separator.start()][-1:], separator.string[separator.end() :][:1]
    return "-" if before.isdigit() and after.isdigit() else ""


def upgrade() -> None:
    # May be null: workers of before, which know nothing of them, go on during an upgrade.
    with op.batch_alter_table("finding") as finding:
        finding.add_column(sa.Column("fingerprint_key", sa.String(), nullable=True))
        finding.add_column(sa.Column("told_severity", sa.String(), nullable=True))
    op.create_index("ix_finding_key", "finding", ["heartbeat_id", "fingerprint_key"])
    op.execute("UPDATE finding SET told_severity = severity WHERE told_at IS NOT NULL")
    connection = op.get_bind()
    finding = sa.table("finding", *[sa.column(name) for name in ("id", "fingerprint", "fingerprint_key")])
    for row in connection.execute(sa.select(finding.c.id, finding.c.fingerprint)).all():
        values = {"fingerprint_key": key(row.fingerprint)}
        connection.execute(sa.update(finding).where(finding.c.id == row.id).values(values))


def downgrade() -> None:
    raise NotImplementedError("which fingerprints are one matter cannot be told to the older schema")
