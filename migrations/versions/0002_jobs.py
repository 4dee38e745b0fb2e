"""jobs: one table of leased work instead of one each for imports and exports

Nothing was ever written to the tables that go.

Revision ID: 0002_jobs
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002_jobs"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ('import_row_error', 'import_job', 'export_job'):
        op.drop_table(table)
    op.create_table('job',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('family', sa.String(length=32), nullable=False),
    sa.Column('kind', sa.String(length=48), nullable=False, comment='which function does it'),
    sa.Column('name', sa.String(length=200), nullable=False, comment='of what, for people'),
    sa.Column('parameters', sa.JSON(), nullable=False),
    sa.Column('language', sa.String(length=2), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True, comment='on whose behalf'),
    sa.Column('state', sa.String(length=32), nullable=False),
    sa.Column('cancel', sa.Boolean(), nullable=False, comment='somebody asked to stop it'),
    sa.Column('done', sa.Integer(), nullable=False, comment='rows done'),
    sa.Column('bad', sa.Integer(), nullable=False, comment='rows refused'),
    sa.Column('total', sa.Integer(), nullable=True, comment='rows in all, once known'),
    sa.Column('place', sa.JSON(), nullable=False, comment='where to carry on, written with each chunk'),
    sa.Column('error', sa.String(length=500), nullable=False, comment='English source'),
    sa.Column('error_parameters', sa.JSON(), nullable=False),
    sa.Column('file_digest', sa.String(length=64), nullable=True, comment='what it made, in the store'),
    sa.Column('file_name', sa.String(length=200), nullable=False),
    sa.Column('started_at', sa.DateTime(), nullable=True),
    sa.Column('finished_at', sa.DateTime(), nullable=True),
    sa.Column('key', sa.String(length=128), nullable=False, comment='idempotency key'),
    sa.Column('due_at', sa.DateTime(), nullable=False, comment='not before (UTC)'),
    sa.Column('lease_owner', sa.String(length=64), nullable=True, comment='worker that holds it'),
    sa.Column('lease_until', sa.DateTime(), nullable=True, comment='free again after (UTC)'),
    sa.Column('attempts', sa.Integer(), nullable=False, comment='times tried'),
    sa.Column('created_at', sa.DateTime(), nullable=False, comment='written at (UTC)'),
    sa.Column('created_by_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True, comment='written by; NULL: the system'),
    sa.CheckConstraint("(state = 'running') = (lease_owner IS NOT NULL)", name=op.f('ck_job_running_is_leased')),
    sa.CheckConstraint("family IN ('import', 'export', 'task')", name=op.f('ck_job_family_known')),
    sa.CheckConstraint("state IN ('waiting', 'running', 'done', 'failed', 'cancelled', 'undone')", name=op.f('ck_job_state_known')),
    sa.CheckConstraint('bad >= 0', name=op.f('ck_job_bad_not_negative')),
    sa.CheckConstraint('done >= 0', name=op.f('ck_job_done_not_negative')),
    sa.ForeignKeyConstraint(['created_by_id'], ['ab_user.id'], name=op.f('fk_job_created_by_id')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_job_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_job')),
    sa.UniqueConstraint('key', name=op.f('uq_job_key')),
    comment='long work, leased by workers'
    )
    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.create_index('ix_job_created_by_id', ['created_by_id', 'id'], unique=False)
        batch_op.create_index('ix_job_due', ['due_at', 'id'], unique=False, sqlite_where=sa.text("state IN ('waiting', 'running')"), postgresql_where=sa.text("state IN ('waiting', 'running')"))
        batch_op.create_index('ix_job_family', ['family', 'id'], unique=False)

    op.create_table('import_row_error',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('job_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('sheet', sa.String(length=64), nullable=False),
    sa.Column('row', sa.Integer(), nullable=False),
    sa.Column('column', sa.String(length=64), nullable=False),
    sa.Column('reason', sa.String(length=200), nullable=False, comment='English source of the refusal'),
    sa.Column('parameters', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False, comment='written at (UTC)'),
    sa.Column('created_by_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True, comment='written by; NULL: the system'),
    sa.ForeignKeyConstraint(['created_by_id'], ['ab_user.id'], name=op.f('fk_import_row_error_created_by_id')),
    sa.ForeignKeyConstraint(['job_id'], ['job.id'], name=op.f('fk_import_row_error_job_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_import_row_error')),
    sa.UniqueConstraint('job_id', 'sheet', 'row', 'column', name=op.f('uq_import_row_error_job_id_sheet_row_column')),
    comment='rows that an import could not take'
    )


def downgrade() -> None:
    raise NotImplementedError('jobs can not go back to a table each: restore the backup made before the upgrade')
