"""Rules with teeth: groups, conditions, caps, second persons, holds across accounts.

Revision ID: 0011_rules
Revises: 0010_accounts
"""

from __future__ import annotations

from hashlib import sha256

import sqlalchemy as sa
from alembic import op

revision = "0011_rules"
down_revision = "0010_accounts"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')

#: table, column, type, default of a column that must have a value, table that it refers to, comment
COLUMNS = (
    ('agreement', 'document_digest', sa.String(64), None, '', 'the signed paper, by its content'),
    ('agreement', 'document_name', sa.String(200), "''", '', None),
    ('conversion_source', 'confirmed_by_id', KEY, None, 'ab_user', 'who confirmed that a name by pattern is the one meant'),
    ('conversion_source', 'confirmed_at', sa.DateTime(), None, '', None),
    ('rule', 'retirement_by_id', KEY, None, 'ab_user', 'who proposed to retire it; a second person does'),
    ('rule', 'retirement_reason', sa.Text(), "''", '', None),
    ('rule_source', 'similar_names', sa.Boolean(), 'false', '', '或相近名称: names that resemble the words'),
    ('rule_source', 'issuer_id', KEY, None, 'organisation', 'with a category: of this issuer only'),
    ('rule_source', 'group_id', KEY, None, 'rule_group', 'NULL: by itself'),
    ('rule_template', 'terms', sa.String(400), "''", '', 'intake terms; empty: all'),
    ('rule_template', 'programmes', sa.String(1000), "''", '', 'names of programmes; empty: all'),
    ('rule_template', 'minimum_score', sa.Integer(), None, '', None),
    ('rule_template', 'minimum_level_id', KEY, None, 'framework_level', None),
    ('rule_template', 'months_valid', sa.Integer(), None, '', None),
    ('rule_template', 'valid_until', sa.Date(), None, '', None),
    ('rule_template', 'edited_by_id', KEY, None, 'ab_user', 'who changed it last: somebody else applies it'),
    ('rule_version', 'targets_needed', sa.Integer(), None, '', 'the learner chooses so many of the targets; NULL: all are granted'),
    ('rule_version', 'edited_by_id', KEY, None, 'ab_user', 'who changed the draft last: somebody else publishes it'),
)
#: table, name, condition
CHECKS = (
    ('rule_source', 'similar_to_something', "NOT similar_names OR name_pattern <> ''"),
    ('rule_version', 'needed_positive', 'needed IS NULL OR needed > 0'),
    ('rule_version', 'targets_needed_positive', 'targets_needed IS NULL OR targets_needed > 0'),
)


def upgrade() -> None:
    op.create_table('credit_cap',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False, comment='the granting institution'),
    sa.Column('rule_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True, comment='only by this rule'),
    sa.Column('programme_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True, comment='only in this target programme'),
    sa.Column('category_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True, comment='only from this kind of source, large or small'),
    sa.Column('period', sa.String(length=32), nullable=False),
    sa.Column('basis', sa.String(length=32), nullable=False),
    sa.Column('credits', sa.Integer(), nullable=True, comment='hundredths of a credit'),
    sa.Column('share', sa.Integer(), nullable=True, comment="basis points of the programme's graduation credits"),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False, comment='written at (UTC)'),
    sa.Column('created_by_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True, comment='written by; NULL: the system'),
    sa.Column('changed_at', sa.DateTime(), nullable=False, comment='last change (UTC)'),
    sa.Column('version', sa.Integer(), nullable=False, comment='counts every change'),
    sa.CheckConstraint("basis IN ('programme', 'learner')", name=op.f('ck_credit_cap_basis_known')),
    sa.CheckConstraint("period IN ('total', 'year')", name=op.f('ck_credit_cap_period_known')),
    sa.CheckConstraint("share IS NULL OR basis = 'programme'", name=op.f('ck_credit_cap_share_is_of_a_programme')),
    sa.CheckConstraint('(credits IS NULL) <> (share IS NULL)', name=op.f('ck_credit_cap_credits_or_share')),
    sa.CheckConstraint('credits >= 0', name=op.f('ck_credit_cap_credits_not_negative')),
    sa.CheckConstraint('share IS NULL OR (share BETWEEN 0 AND 10000)', name=op.f('ck_credit_cap_share_is_a_part')),
    sa.ForeignKeyConstraint(['category_id'], ['category.id'], name=op.f('fk_credit_cap_category_id')),
    sa.ForeignKeyConstraint(['created_by_id'], ['ab_user.id'], name=op.f('fk_credit_cap_created_by_id')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_credit_cap_organisation_id')),
    sa.ForeignKeyConstraint(['programme_id'], ['programme.id'], name=op.f('fk_credit_cap_programme_id')),
    sa.ForeignKeyConstraint(['rule_id'], ['rule.id'], name=op.f('fk_credit_cap_rule_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_credit_cap')),
    comment='upper limits of converted credits per learner'
    )
    with op.batch_alter_table('credit_cap', schema=None) as batch_op:
        batch_op.create_index('ix_credit_cap_organisation_id', ['organisation_id'], unique=False)

    op.create_table('rule_group',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('rule_version_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('needed', sa.Integer(), nullable=True, comment='NULL: all of its slots'),
    sa.Column('created_at', sa.DateTime(), nullable=False, comment='written at (UTC)'),
    sa.Column('created_by_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True, comment='written by; NULL: the system'),
    sa.Column('changed_at', sa.DateTime(), nullable=False, comment='last change (UTC)'),
    sa.Column('version', sa.Integer(), nullable=False, comment='counts every change'),
    sa.CheckConstraint('needed IS NULL OR needed > 0', name=op.f('ck_rule_group_needed_positive')),
    sa.ForeignKeyConstraint(['created_by_id'], ['ab_user.id'], name=op.f('fk_rule_group_created_by_id')),
    sa.ForeignKeyConstraint(['rule_version_id'], ['rule_version.id'], name=op.f('fk_rule_group_rule_version_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_rule_group')),
    sa.UniqueConstraint('rule_version_id', 'position', name=op.f('uq_rule_group_rule_version_id_position')),
    comment='groups of source slots'
    )
    for table in dict.fromkeys(row[0] for row in COLUMNS):
        _add(table)
    op.create_index('ix_rule_source_category_id', 'rule_source', ['category_id'])
    _holds()
    _live_targets()
    _candidates()


def _add(table: str) -> None:
    columns = [row[1:] for row in COLUMNS if row[0] == table]
    with op.batch_alter_table(table) as batch_op:
        for column, kind, default, refers_to, comment in columns:
            value = None if default is None else sa.text(default)
            batch_op.add_column(
                sa.Column(column, kind, nullable=default is None, server_default=value, comment=comment)
            )
            if refers_to:
                batch_op.create_foreign_key(f'fk_{table}_{column}', refers_to, [column], ['id'])
        for on, name, condition in CHECKS:
            if on == table:
                batch_op.create_check_constraint(op.f(f'ck_{table}_{name}'), condition)
    defaults = [(column, kind) for column, kind, default, *_rest in columns if default is not None]
    if defaults:
        with op.batch_alter_table(table) as batch_op:
            for column, kind in defaults:
                batch_op.alter_column(column, existing_type=kind, existing_nullable=False, server_default=None)


def _holds() -> None:
    """One hold per purpose: an application may hold a source for several programmes."""
    with op.batch_alter_table('consumption_hold') as batch_op:
        batch_op.drop_index('ix_consumption_hold_achievement_id')
        batch_op.drop_constraint('uq_consumption_hold_application_id_achievement_id', type_='unique')
        batch_op.create_unique_constraint('uq_consumption_hold_achievement_id_purpose', ['achievement_id', 'purpose'])
        batch_op.create_index('ix_consumption_hold_application_id', ['application_id'])


def _live_targets() -> None:
    """One grant per person and item, not per account."""
    comment = "the person's, also after an account is closed and opened again"
    op.drop_index('uq_conversion_target_live', 'conversion_target')
    with op.batch_alter_table('conversion_target') as batch_op:
        batch_op.add_column(sa.Column('holder_seal', sa.LargeBinary(32), comment=comment))
    connection = op.get_bind()
    people = connection.execute(sa.text(
        'SELECT DISTINCT l.id, p.holder_seal, p.uid FROM conversion_target t '
        'JOIN learner l ON l.id = t.learner_id JOIN person p ON p.id = l.person_id'
    )).all()
    for learner, seal, uid in people:
        seal = seal or sha256(f'person {uid}'.encode()).digest()
        connection.execute(
            sa.text('UPDATE conversion_target SET holder_seal = :seal WHERE learner_id = :learner'),
            {'seal': seal, 'learner': learner},
        )
    with op.batch_alter_table('conversion_target') as batch_op:
        batch_op.alter_column('holder_seal', existing_type=sa.LargeBinary(32), nullable=False, existing_comment=comment)
    op.create_index(
        'uq_conversion_target_live', 'conversion_target', ['holder_seal', 'catalogue_item_id'],
        unique=True, sqlite_where=sa.text('live'), postgresql_where=sa.text('live'),
    )


def _candidates() -> None:
    """A derived table, made anew: items only, with the days on which the rule is in force."""
    op.drop_index('ix_rule_candidate_rule_id', 'rule_candidate')
    op.drop_table('rule_candidate')
    op.create_table(
        'rule_candidate',
        sa.Column('catalogue_item_id', KEY, sa.ForeignKey('catalogue_item.id', name='fk_rule_candidate_catalogue_item_id'), nullable=False),
        sa.Column('rule_id', KEY, sa.ForeignKey('rule.id', name='fk_rule_candidate_rule_id'), nullable=False),
        sa.Column('valid_from', sa.Date(), nullable=False),
        sa.Column('valid_until', sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint('catalogue_item_id', 'rule_id', name='pk_rule_candidate'),
        comment='derived: which published rules an item can enter, and when',
    )
    op.create_index('ix_rule_candidate_rule_id', 'rule_candidate', ['rule_id'])
    op.create_index('ix_rule_candidate_in_force', 'rule_candidate', ['catalogue_item_id', 'valid_from', 'valid_until', 'rule_id'])
    op.execute("""
        INSERT INTO rule_candidate (catalogue_item_id, rule_id, valid_from, valid_until)
        SELECT DISTINCT s.catalogue_item_id, r.id,
               CASE WHEN v.valid_from > a.valid_from THEN v.valid_from ELSE a.valid_from END,
               CASE WHEN COALESCE(v.valid_until, '9999-12-31') < COALESCE(a.valid_until, '9999-12-31')
                    THEN COALESCE(v.valid_until, '9999-12-31') ELSE COALESCE(a.valid_until, '9999-12-31') END
        FROM rule r JOIN agreement a ON a.id = r.agreement_id JOIN rule_version v ON v.id = r.current_version_id
             JOIN rule_source s ON s.rule_version_id = v.id
        WHERE r.state = 'published' AND s.catalogue_item_id IS NOT NULL
    """)


def downgrade() -> None:
    raise NotImplementedError('restore a backup instead: what the new columns say would be lost')
