"""papers: what they say and to whom, what they are built on; credentials that were signed

No credential was ever written before.

Revision ID: 0003_papers
Revises: 0002_jobs
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003_papers"
down_revision = "0002_jobs"
branch_labels = None
depends_on = None

_KINDS = (
    "'recognition_sheet', 'conversion_sheet', 'statement', 'transcript', 'register', 'statistics', 'working_paper'"
)


def _key() -> sa.types.TypeEngine:
    return sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    columns = (
        sa.Column('language', sa.String(length=2), server_default='zh', nullable=False),
        sa.Column('disclosure', sa.String(length=32), server_default='none', nullable=False),
        sa.Column('said', sa.JSON(), nullable=True, comment="what it says, for those who verify it; no name: that is the learner's"),
        sa.Column('scope', sa.JSON(), nullable=True, comment='what a register is about'),
    )
    with op.batch_alter_table('issued_document') as batch_op:
        for column in columns:
            batch_op.add_column(column)
        batch_op.drop_constraint(op.f('ck_issued_document_kind_known'), type_='check')
        batch_op.create_check_constraint(op.f('ck_issued_document_kind_known'), f"kind IN ({_KINDS})")
        batch_op.create_check_constraint(
            op.f('ck_issued_document_disclosure_known'), "disclosure IN ('none', 'summary', 'full')"
        )
    op.create_table('document_source',
    sa.Column('id', _key(), nullable=False),
    sa.Column('document_id', _key(), nullable=False),
    sa.Column('achievement_id', _key(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False, comment='written at (UTC)'),
    sa.Column('created_by_id', _key(), nullable=True, comment='written by; NULL: the system'),
    sa.ForeignKeyConstraint(['achievement_id'], ['achievement.id'], name=op.f('fk_document_source_achievement_id')),
    sa.ForeignKeyConstraint(['created_by_id'], ['ab_user.id'], name=op.f('fk_document_source_created_by_id')),
    sa.ForeignKeyConstraint(['document_id'], ['issued_document.id'], name=op.f('fk_document_source_document_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_document_source')),
    sa.UniqueConstraint('document_id', 'achievement_id', name=op.f('uq_document_source_document_id_achievement_id')),
    comment='achievements that papers are built on'
    )
    op.create_index('ix_document_source_achievement_id', 'document_source', ['achievement_id'])
    op.drop_table('credential')
    op.create_table('credential',
    sa.Column('id', _key(), nullable=False),
    sa.Column('uid', sa.String(length=64), nullable=False),
    sa.Column('learner_id', _key(), nullable=False),
    sa.Column('achievement_id', _key(), nullable=False),
    sa.Column('status_index', sa.Integer(), nullable=False),
    sa.Column('standing', sa.String(length=32), server_default='valid', nullable=False),
    sa.Column('body', sa.JSON(), nullable=False, comment='what was signed'),
    sa.Column('token', sa.Text(), server_default='', nullable=False, comment='VC-JWT'),
    sa.Column('revoked_at', sa.DateTime(), nullable=True),
    sa.Column('created_at', sa.DateTime(), nullable=False, comment='written at (UTC)'),
    sa.Column('created_by_id', _key(), nullable=True, comment='written by; NULL: the system'),
    sa.Column('changed_at', sa.DateTime(), nullable=False, comment='last change (UTC)'),
    sa.Column('version', sa.Integer(), nullable=False, comment='counts every change'),
    sa.CheckConstraint("(standing = 'revoked') = (revoked_at IS NOT NULL)", name=op.f('ck_credential_revoked_has_time')),
    sa.CheckConstraint("standing IN ('valid', 'under_review', 'revoked')", name=op.f('ck_credential_standing_known')),
    sa.ForeignKeyConstraint(['achievement_id'], ['achievement.id'], name=op.f('fk_credential_achievement_id')),
    sa.ForeignKeyConstraint(['created_by_id'], ['ab_user.id'], name=op.f('fk_credential_created_by_id')),
    sa.ForeignKeyConstraint(['learner_id'], ['learner.id'], name=op.f('fk_credential_learner_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_credential')),
    sa.UniqueConstraint('status_index', name=op.f('uq_credential_status_index')),
    sa.UniqueConstraint('uid', name=op.f('uq_credential_uid')),
    comment='portable credentials'
    )
    op.create_index('ix_credential_achievement_id', 'credential', ['achievement_id'])
    op.create_index('ix_credential_learner_id', 'credential', ['learner_id'])
    op.create_index(
        'uq_credential_standing', 'credential', ['achievement_id'], unique=True,
        sqlite_where=sa.text("standing <> 'revoked'"), postgresql_where=sa.text("standing <> 'revoked'"),
    )


def downgrade() -> None:
    raise NotImplementedError("papers that were issued can't be unissued")
