"""signs and pairs of signs that people are searched by

PostgreSQL keeps them in an index, SQLite in the table; app/security/grams.py puts both there after every migration.

Revision ID: 0012_grams
Revises: 0011_rules
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012_grams"
down_revision = "0011_rules"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('person_gram',
    sa.Column('gram', sa.String(length=2), nullable=False),
    sa.Column('person_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.PrimaryKeyConstraint('gram', 'person_id', name=op.f('pk_person_gram')),
    comment='SQLite only: signs and pairs of signs that people are searched by; written by triggers',
    sqlite_with_rowid=False,
    )
    op.create_table('gram_place',
    sa.Column('place', sa.Integer(), autoincrement=False, nullable=False),
    sa.PrimaryKeyConstraint('place', name=op.f('pk_gram_place')),
    comment='SQLite only: 1 to 600, since triggers know no series'
    )


def downgrade() -> None:
    op.execute('DROP INDEX IF EXISTS ix_person_name_grams')
    op.execute('DROP FUNCTION IF EXISTS name_grams(text)')
    op.drop_table('gram_place')
    op.drop_table('person_gram')
