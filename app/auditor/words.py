"""What the trail says, in words: records, acts, and what changed from what to what. No JSON on any screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext
from sqlalchemy import JSON, inspect
from sqlalchemy.orm import Session

from app.achievements.states import workflow as achievement
from app.appeals.states import appeals, reversals
from app.console import formats
from app.console.labels import LABELS
from app.conversion.assessments import workflow as assessment
from app.documents.words import ACTIONS as CASE_ACTIONS
from app.kernel.clock import civil
from app.kernel.database import Code, Model, Moment
from app.kernel.errors import N_
from app.rules.states import workflow as rule
from app.security import personal
from app.security.models import Account

_WORKFLOWS = (achievement, assessment, appeals, reversals, rule)

#: Acts that are told as such; changes of records have words of their own.
ACTIONS: Mapping[str, str] = {
    **CASE_ACTIONS,
    **{f"{flow.name}.{name}": step.label for flow in _WORKFLOWS for name, step in flow.transitions.items()},
    "record.created": N_("Newly added"),
    "record.changed": N_("Changed"),
    "record.deleted": N_("Deleted"),
    "record.bulk": N_("Written in bulk"),
    "record.bulk_deleted": N_("Deleted in bulk"),
    "review.recused": N_("Kept out of the case"),
    "evidence.opened": N_("Opened the evidence"),
    "learner.revealed": N_("Read personal data in clear"),
    "document.issued": N_("Issued a paper"),
    "document.doubted": N_("Paper under review"),
    "document.confirmed": N_("Paper confirmed"),
    "credential.issued": N_("Issued a credential"),
    "notice.resend": N_("Sent a notice again"),
    "organisation.moved": N_("Moved an organisation"),
    "rule.publish": N_("Published a rule"),
    "template.apply": N_("Expanded a rule template"),
    "api.decision": N_("Decided through the interface for programs"),
    "api.key_issued": N_("Issued a key for programs"),
    "api.key_revoked": N_("Revoked a key for programs"),
    "security.login": N_("Logged in"),
    "security.logout": N_("Logged out"),
    "security.login_failed": N_("Log-in failed"),
    "security.locked": N_("Log-in locked after failures"),
    "security.password_changed": N_("Changed the password"),
    "security.refused": N_("Turned away"),
    "job.asked": N_("Asked for a job"),
    "job.cancelled": N_("Cancelled a job"),
    "job.file_taken": N_("Took the file of a job"),
    "sample.drawn": N_("Drew a sample"),
    "sample.sealed": N_("Sealed a sample's pack"),
}

#: What the records of each table are called.
TABLES: Mapping[str, str] = {
    "ab_user": N_("Account"),
    "achievement": N_("Achievement"),
    "achievement_evidence": N_("Evidence of an achievement"),
    "agreement": N_("Agreement"),
    "announcement": N_("Announcement"),
    "appeal": N_("Appeal"),
    "assessment": N_("Assessment"),
    "attestation": N_("Attestation of an original"),
    "audit_sample": N_("Sample"),
    "catalogue_item": N_("Catalogue item"),
    "category": N_("Category"),
    "category_field": N_("Field of a category"),
    "code_value": N_("Value of a code list"),
    "committee": N_("Committee"),
    "committee_member": N_("Committee member"),
    "committee_scope": N_("Scope of a committee"),
    "consumption_entry": N_("Entry of use"),
    "consumption_hold": N_("Source held"),
    "conversion_application": N_("Conversion application"),
    "conversion_file": N_("Material of the application"),
    "conversion_source": N_("Source of the application"),
    "conversion_target": N_("Target of the application"),
    "credential": N_("Credential"),
    "credit_entry": N_("Posting"),
    "evidence_file": N_("Evidence"),
    "finding": N_("Finding"),
    "issued_document": N_("Issued paper"),
    "learner": N_("Learner"),
    "notice_template": N_("Notice template"),
    "organisation": N_("Organisation"),
    "person": N_("Person"),
    "programme": N_("Programme"),
    "question": N_("Question"),
    "recognition_application": N_("Recognition application"),
    "recusal": N_("Recusal"),
    "reversal": N_("Reversal"),
    "review": N_("Decision"),
    "rule": N_("Rule"),
    "rule_template": N_("Rule template"),
    "rule_version": N_("Rule version"),
    "sampled_case": N_("Case of a sample"),
    "signal": N_("Signal"),
}

#: Columns that have a label of their own here, beside those of the console.
COLUMNS: Mapping[str, str] = {
    "bank_days_used": N_("Working days used"),
    "claimed_at": N_("Taken at"),
    "decided_person": N_("Decided by"),
    "document": N_("Issued paper"),
    "file": N_("File"),
    "final_person": N_("Final review by"),
    "gender": N_("Gender"),
    "granted_by": N_("Granted by"),
    "given_person": N_("Given by"),
    "identity_type": N_("Document type"),
    "initial_person": N_("Initial review by"),
    "nationality": N_("Nationality"),
    "period_from": N_("Period from"),
    "period_to": N_("Period to"),
    "reminded_at": N_("Reminded at"),
    "revoked_at": N_("Revoked at"),
    "sample": N_("Sample"),
    "seed": N_("Seed"),
    "what": N_("What was asked for"),
    "part": N_("Part of the personal data"),
    "rows": N_("Rows"),
    "before": N_("Before"),
    "after": N_("After"),
}


#: Columns that only repeat what stands above every event.
_SILENT = ("id", "created_at", "created_by_id")


@dataclass(frozen=True)
class Difference:
    """One column's change; ``before`` is empty where there was nothing."""

    label: str
    before: str
    after: str


class Teller:
    """Turns events into words; remembers the rows that it has looked up, so it serves one page."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._models = {mapper.class_.__tablename__: mapper.class_ for mapper in Model.registry.mappers}
        self._names: dict[tuple[str, int], str] = {}

    def action(self, action: str) -> str:
        """What was done."""
        return gettext(ACTIONS[action]) if action in ACTIONS else gettext("Another act")

    def table(self, table: str) -> str:
        """What a record of this table is called."""
        return gettext(TABLES[table]) if table in TABLES else gettext("Record of the house")

    def subject(self, table: str, key: int | None) -> str:
        """A record by its own name, where it still has one."""
        return self._named(table, key) if key is not None else "-"

    def differences(self, table: str, action: str, body: Mapping[str, Any]) -> tuple[list[Difference], int]:
        """What changed, and how many columns besides that only machines read (keys, digests)."""
        if not action.startswith("record.") or action in ("record.bulk", "record.bulk_deleted"):
            return list(self._act(body)), 0
        found, hidden = [], 0
        model = self._models.get(table)
        for name, (before, after) in body.items():
            label, kind, target = self._column(model, name)
            if label is None or name in _SILENT:
                hidden += name not in _SILENT
                continue
            was, now = (self._value(value, kind, target) for value in (before, after))
            if was or now:
                found.append(Difference(label, was, now))
        return found, hidden

    def _act(self, body: Mapping[str, Any]) -> Iterator[Difference]:
        for name, value in body.items():
            label = COLUMNS.get(name) or LABELS.get(name)
            if (
                label is not None
                and isinstance(value, (str, int))
                and name not in ("before", "after", "digest", "code")
            ):
                yield Difference(
                    gettext(label) if name in COLUMNS else str(label), "", self._value(value, None, None)
                )

    def _column(self, model: type[Any] | None, name: str) -> tuple[str | None, Any, str | None]:
        """(label, column type, table that a foreign key leads to) of a column."""
        stem = name.removesuffix("_id")
        for candidate in (name, stem):
            if candidate in COLUMNS:
                label: str | None = gettext(COLUMNS[candidate])
                break
            if candidate in LABELS and candidate not in (
                "digest",
                "hash",
                "key",
                "idempotency_key",
                "identity_key",
            ):
                label = str(LABELS[candidate])
                break
        else:
            return None, None, None
        column = (
            inspect(model).columns.get(name) if model is not None and name in inspect(model).columns else None
        )
        if column is None:
            return label, None, None
        target = next((key.column.table.name for key in column.foreign_keys), None)
        return label, column.type, target

    def _value(self, value: Any, kind: Any, target: str | None) -> str:
        if value is None or value == "" or value == [] or value == {}:
            return ""
        if value == personal.ERASED or (isinstance(value, str) and value.startswith("hmac:")):
            return gettext("sealed personal data")
        if isinstance(value, str) and value.startswith("sha256:"):
            return gettext("sealed")
        if target is not None and isinstance(value, int):
            return self._named(target, value)
        if isinstance(kind, Moment):
            return civil(datetime.fromisoformat(value)).strftime("%Y-%m-%d %H:%M")
        if isinstance(kind, Code):
            return gettext(kind.choices[value].label) if value in kind.choices else str(value)
        if isinstance(kind, JSON) or isinstance(value, (dict, list)):
            return self._nested(value)
        if isinstance(value, bool):
            return formats.yes_no(value)
        return str(formats.read(value, kind)) if kind is not None else str(value)

    def _nested(self, value: Any) -> str:
        """Values within values as a sentence: ``获取时间：2020-05-22；证书编号：1900…``."""
        if isinstance(value, dict):
            parts = []
            for name, inner in value.items():
                label, _kind, _target = self._column(None, name)
                words = self._nested(inner)
                if words:
                    parts.append(gettext("%(name)s: %(value)s", name=label or name, value=words))
            return gettext("; ").join(parts)
        if isinstance(value, list):
            return "、".join(filter(None, (self._nested(inner) for inner in value)))
        return "" if value is None else formats.yes_no(value) if isinstance(value, bool) else str(value)

    def _named(self, table: str, key: int) -> str:
        if (table, key) not in self._names:
            model = self._models.get(table)
            row = self._session.get(model, key) if model is not None else None
            words = (
                row.get_full_name()
                if isinstance(row, Account)
                else formats.name(row)
                if row is not None
                else ""
            )
            plain = not words or words.startswith("<") or words == f"#{key}"
            self._names[(table, key)] = f"{self.table(table)} {key}" if plain else words
        return self._names[(table, key)]
