"""Checkpoints name the key that signed them, and keep the tree that the next one goes on from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005_checkpoints"
down_revision = "0004_api_keys"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Nothing has written a checkpoint before this: the table is empty.
    with op.batch_alter_table("audit_checkpoint") as table:
        table.add_column(sa.Column("key", sa.String(16), nullable=False, comment="short name of the signing key"))
        table.add_column(
            sa.Column(
                "tree",
                sa.LargeBinary(),
                nullable=False,
                comment="roots of the tree's complete parts: where the next one goes on",
            )
        )
        table.alter_column("signature", existing_type=sa.LargeBinary(), existing_nullable=False, comment="Ed25519")


def downgrade() -> None:
    with op.batch_alter_table("audit_checkpoint") as table:
        table.drop_column("tree")
        table.drop_column("key")
        table.alter_column("signature", existing_type=sa.LargeBinary(), existing_nullable=False, comment=None)
