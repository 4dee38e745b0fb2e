"""what imports wrote, piece by piece

Revision ID: 0006_import_chunks
Revises: 0005_checkpoints
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006_import_chunks"
down_revision = "0005_checkpoints"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('import_chunk',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('job_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('rows', sa.JSON(), nullable=False, comment='id of the main table → row of the sheet'),
    sa.Column('made', sa.JSON(), nullable=False, comment='table → ids, in the order in which they have to go'),
    sa.Column('root', sa.String(length=64), nullable=False, comment='Merkle root of the rows, in hex'),
    sa.Column('undone', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False, comment='written at (UTC)'),
    sa.Column('created_by_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True, comment='written by; NULL: the system'),
    sa.ForeignKeyConstraint(['created_by_id'], ['ab_user.id'], name=op.f('fk_import_chunk_created_by_id')),
    sa.ForeignKeyConstraint(['job_id'], ['job.id'], name=op.f('fk_import_chunk_job_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_import_chunk')),
    sa.UniqueConstraint('job_id', 'number', name=op.f('uq_import_chunk_job_id_number')),
    comment='what imports wrote, piece by piece'
    )


def downgrade() -> None:
    op.drop_table('import_chunk')
