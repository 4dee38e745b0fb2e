"""Samples say what they were drawn from and how; the lines of their worksheets. Nothing wrote samples before this."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013_samples"
down_revision = "0012_grams"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _edited() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("created_at", sa.DateTime(), nullable=False, comment="written at (UTC)"),
        sa.Column("created_by_id", _KEY, nullable=True, comment="written by; NULL: the system"),
        sa.Column("changed_at", sa.DateTime(), nullable=False, comment="last change (UTC)"),
        sa.Column("version", sa.Integer(), nullable=False, comment="counts every change"),
    )


def _refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=op.f(f"fk_{table}_{column}"))


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def upgrade() -> None:
    op.drop_table("finding")
    op.drop_table("audit_sample")
    op.create_table(
        "audit_sample",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("number", sa.String(32), nullable=True, comment="CY-year-id"),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("cases", sa.String(32), nullable=False),
        sa.Column("strata", sa.String(32), nullable=True, comment="what a stratified sample is divided by"),
        sa.Column("seed", sa.String(64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("population", sa.Integer(), nullable=False, comment="decided cases that it was drawn from"),
        sa.Column("confidence", sa.Integer(), nullable=False),
        sa.Column("tolerable", sa.Integer(), nullable=False, comment="tolerable share of errors"),
        sa.Column("expected", sa.Integer(), nullable=False, comment="errors that may be found"),
        sa.Column("period_from", sa.Date(), nullable=False),
        sa.Column("period_to", sa.Date(), nullable=False),
        sa.Column("drawn_at", sa.DateTime(), nullable=False, comment="decisions after it are not in it"),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("conclusion", sa.Text(), nullable=False),
        *_edited(),
        _check("audit_sample", "kind_known", "kind IN ('random', 'stratified')"),
        _check("audit_sample", "cases_known", "cases IN ('conversion', 'recognition')"),
        _check("audit_sample", "strata_known", "strata IS NULL OR strata IN ('organisation', 'reviewer', 'rule', 'month')"),
        _check("audit_sample", "size_positive", "size > 0"),
        _check("audit_sample", "stratified_by", "(kind = 'stratified') = (strata IS NOT NULL)"),
        _check("audit_sample", "confidence_plausible", "confidence BETWEEN 5000 AND 9999"),
        _check("audit_sample", "tolerable_plausible", "tolerable BETWEEN 1 AND 5000"),
        _refers("audit_sample", "created_by_id", "ab_user"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_sample")),
        sa.UniqueConstraint("number", name=op.f("uq_audit_sample_number")),
        comment="auditors' samples",
    )
    op.create_table(
        "sampled_case",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("sample_id", _KEY, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False, comment="counts from 1"),
        sa.Column("recognition_id", _KEY, nullable=True),
        sa.Column("conversion_id", _KEY, nullable=True),
        sa.Column("stratum", sa.String(200), nullable=False),
        sa.Column("result", sa.String(32), nullable=False),
        sa.Column("remark", sa.Text(), nullable=False),
        *_edited(),
        _check("sampled_case", "of_one_case", "(recognition_id IS NULL) <> (conversion_id IS NULL)"),
        _check("sampled_case", "result_known", "result IN ('open', 'well', 'error')"),
        _refers("sampled_case", "sample_id", "audit_sample"),
        _refers("sampled_case", "recognition_id", "recognition_application"),
        _refers("sampled_case", "conversion_id", "conversion_application"),
        _refers("sampled_case", "created_by_id", "ab_user"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sampled_case")),
        sa.UniqueConstraint("sample_id", "place", name=op.f("uq_sampled_case_sample_id_place")),
        comment="cases of a sample, with what the auditor found",
    )
    _findings(_check("finding", "closed_says_how", "standing = 'open' OR follow_up <> ''"))


def _findings(*more: sa.CheckConstraint) -> None:
    op.create_table(
        "finding",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("sample_id", _KEY, nullable=True),
        sa.Column("recognition_id", _KEY, nullable=True),
        sa.Column("conversion_id", _KEY, nullable=True),
        sa.Column("severity", sa.String(32), nullable=False),
        sa.Column("standing", sa.String(32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("follow_up", sa.Text(), nullable=False),
        *_edited(),
        _check("finding", "severity_known", "severity IN ('minor', 'major', 'grave')"),
        _check("finding", "standing_known", "standing IN ('open', 'closed')"),
        *more,
        _refers("finding", "sample_id", "audit_sample"),
        _refers("finding", "recognition_id", "recognition_application"),
        _refers("finding", "conversion_id", "conversion_application"),
        _refers("finding", "created_by_id", "ab_user"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding")),
        comment="auditors' findings",
    )
    op.create_index(op.f("ix_finding_sample_id"), "finding", ["sample_id"])


def downgrade() -> None:
    for table in ("finding", "sampled_case", "audit_sample"):
        op.drop_table(table)
    op.create_table(
        "audit_sample",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("number", sa.String(32), nullable=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("seed", sa.String(64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("period_from", sa.Date(), nullable=False),
        sa.Column("period_to", sa.Date(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        *_edited(),
        _check("audit_sample", "kind_known", "kind IN ('random', 'stratified')"),
        _check("audit_sample", "size_positive", "size > 0"),
        _refers("audit_sample", "created_by_id", "ab_user"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_sample")),
        sa.UniqueConstraint("number", name=op.f("uq_audit_sample_number")),
        comment="auditors' samples",
    )
    _findings()
