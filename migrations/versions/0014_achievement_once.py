"""The same form sent twice is one achievement."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014_achievement_once"
down_revision = "0013_samples"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("achievement") as table:
        table.add_column(
            sa.Column(
                "idempotency_key",
                sa.String(64),
                nullable=True,
                comment="the same form sent twice is one achievement",
            )
        )
        table.create_unique_constraint("uq_achievement_idempotency_key", ["idempotency_key"])


def downgrade() -> None:
    with op.batch_alter_table("achievement") as table:
        table.drop_constraint("uq_achievement_idempotency_key", type_="unique")
        table.drop_column("idempotency_key")
