"""views of lists and phrases for opinions that people keep

Revision ID: 0007_preferences
Revises: 0006_import_chunks
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007_preferences"
down_revision = "0006_import_chunks"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.create_table('saved_view',
    sa.Column('id', KEY, nullable=False),
    sa.Column('user_id', KEY, nullable=False),
    sa.Column('page', sa.String(length=100), nullable=False, comment='endpoint of the list'),
    sa.Column('name', sa.String(length=40), nullable=False),
    sa.Column('query', sa.String(length=1000), nullable=False, comment="the address's parameters"),
    sa.Column('shared', sa.Boolean(), nullable=False, comment='shown to all who may open the list'),
    sa.Column('created_at', sa.DateTime(), nullable=False, comment='written at (UTC)'),
    sa.Column('created_by_id', KEY, nullable=True, comment='written by; NULL: the system'),
    sa.ForeignKeyConstraint(['created_by_id'], ['ab_user.id'], name=op.f('fk_saved_view_created_by_id')),
    sa.ForeignKeyConstraint(['user_id'], ['ab_user.id'], name=op.f('fk_saved_view_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_saved_view')),
    sa.UniqueConstraint('user_id', 'page', 'name', name=op.f('uq_saved_view_user_id_page_name')),
    comment='lists with filters, order and columns that somebody kept'
    )
    with op.batch_alter_table('saved_view', schema=None) as batch_op:
        batch_op.create_index('ix_saved_view_page', ['page'], unique=False)

    op.create_table('phrase',
    sa.Column('id', KEY, nullable=False),
    sa.Column('user_id', KEY, nullable=False),
    sa.Column('text', sa.String(length=500), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False, comment='written at (UTC)'),
    sa.Column('created_by_id', KEY, nullable=True, comment='written by; NULL: the system'),
    sa.ForeignKeyConstraint(['created_by_id'], ['ab_user.id'], name=op.f('fk_phrase_created_by_id')),
    sa.ForeignKeyConstraint(['user_id'], ['ab_user.id'], name=op.f('fk_phrase_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_phrase')),
    sa.UniqueConstraint('user_id', 'text', name=op.f('uq_phrase_user_id_text')),
    comment="reviewers' own phrases for opinions"
    )


def downgrade() -> None:
    op.drop_table('phrase')
    with op.batch_alter_table('saved_view', schema=None) as batch_op:
        batch_op.drop_index('ix_saved_view_page')
    op.drop_table('saved_view')
