"""Codes that tell nobody who is known; keys of persons in a table of their own; second factors

Revision ID: 0009_codes_and_keys
Revises: 0008_telling
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009_codes_and_keys"
down_revision = "0008_telling"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SEALED = ("identity", "mobile", "email", "birth_date", "address")
INDEXES = ("identity", "mobile", "email")
UNSENT = sa.text("payload IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "recovery_code",
        sa.Column("id", KEY, nullable=False),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("used_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["ab_user.id"], name=op.f("fk_recovery_code_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
        sa.UniqueConstraint("user_id", "code_hash", name=op.f("uq_recovery_code_user_id_code_hash")),
        comment="recovery codes of second factors, hashed",
    )
    op.create_table(
        "person_key",
        sa.Column("person_id", KEY, autoincrement=False, nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_person_key_person_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_person_key")),
        comment="wrapped data keys of persons; backed up apart from everything else",
    )
    op.execute(
        "INSERT INTO person_key (person_id, wrapped) SELECT id, wrapped_key FROM person WHERE wrapped_key IS NOT NULL"
    )
    columns = [f"{part}_sealed" for part in SEALED] + [f"{part}_index" for part in INDEXES]
    nothing = " AND ".join(f"{column} IS NULL" for column in columns)
    with op.batch_alter_table("person") as batch:
        batch.drop_constraint(op.f("ck_person_erased_means_no_key"), type_="check")
        batch.drop_column("wrapped_key")
        batch.create_check_constraint(
            op.f("ck_person_erased_holds_nothing"), f"erased_at IS NULL OR ({nothing})"
        )
    with op.batch_alter_table("ab_user") as batch:
        batch.add_column(
            sa.Column(
                "totp_sealed", sa.LargeBinary(), comment="secret of the second factor, sealed; NULL: none"
            )
        )
        batch.add_column(
            sa.Column(
                "totp_step",
                sa.Integer(),
                nullable=False,
                server_default="0",
                comment="last time step used: no code works twice",
            )
        )
    with op.batch_alter_table("ab_user") as batch:
        batch.alter_column("totp_step", server_default=None)
    with op.batch_alter_table("notice") as batch:
        batch.alter_column(
            "person_id",
            existing_type=KEY,
            nullable=True,
            comment="NULL: to an address of somebody who has no account yet",
        )
    with op.batch_alter_table("throttle") as batch:
        batch.add_column(
            sa.Column("since", sa.DateTime(), comment="begin of the window that is counted in")
        )
    with op.batch_alter_table("verification_code") as batch:
        batch.add_column(
            sa.Column("spent_at", sa.DateTime(), comment="when what it proved was made use of, once")
        )
        batch.add_column(
            sa.Column(
                "payload",
                sa.LargeBinary(),
                comment="code and whom to send it to, sealed; wiped by the worker that sends it",
            )
        )
        batch.create_index(
            "ix_verification_code_unsent", ["id"], sqlite_where=UNSENT, postgresql_where=UNSENT
        )


def downgrade() -> None:
    """Persons' keys go back to their rows; second factors and codes under way are lost."""
    with op.batch_alter_table("verification_code") as batch:
        batch.drop_index("ix_verification_code_unsent")
    for table, column in (
        ("verification_code", "payload"),
        ("verification_code", "spent_at"),
        ("throttle", "since"),
        ("ab_user", "totp_step"),
        ("ab_user", "totp_sealed"),
    ):
        op.drop_column(table, column)
    with op.batch_alter_table("notice") as batch:
        batch.alter_column("person_id", existing_type=KEY, nullable=False, comment=None)
    op.add_column("person", sa.Column("wrapped_key", sa.LargeBinary()))
    op.execute(
        "UPDATE person SET wrapped_key = (SELECT wrapped FROM person_key WHERE person_id = person.id)"
    )
    with op.batch_alter_table("person") as batch:
        batch.drop_constraint(op.f("ck_person_erased_holds_nothing"), type_="check")
        batch.create_check_constraint(
            op.f("ck_person_erased_means_no_key"), "erased_at IS NULL OR wrapped_key IS NULL"
        )
    op.drop_table("person_key")
    op.drop_table("recovery_code")
