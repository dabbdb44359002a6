"""of whoever is in the audit log the e-mail address, and what their browser or program calls itself"""

import sqlalchemy as sa
from alembic import op

revision = "0058"
down_revision = "0057"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("actor_email", "user_agent"):
        op.add_column("audit_entry", sa.Column(name, sa.String(), nullable=True))


def downgrade() -> None:
    for name in ("actor_email", "user_agent"):
        op.drop_column("audit_entry", name)
