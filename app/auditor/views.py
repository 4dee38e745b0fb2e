"""审计: the trail by person, case, action and time; a case told from beginning to end; agreement of reviewers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import gettext as _
from sqlalchemy import select

from app.audit.models import AuditCheckpoint, AuditEvent
from app.auditor import agreement, queries
from app.auditor.queries import Asked, Told
from app.auditor.words import ACTIONS, Difference, Teller
from app.console.pages import address, capped_count, count_text, page_size
from app.insight.models import SIGNAL_KINDS
from app.kernel.clock import CIVIL, now
from app.kernel.database import db
from app.kernel.errors import NotFound
from app.organisations.models import Organisation
from app.review.models import STAGES
from app.security.models import Account
from app.security.permissions import ROLE_LABELS

#: Groups of acts that the filter offers before the single ones.
GROUPS = ("record.", "recognition.", "conversion.", "evidence.", "document.", "security.")
SIZES = (25, 50, 100)
#: Acts whose record is the actor, or nobody.
_OF_THE_ACTOR = ("security.refused", "security.login_failed", "security.locked", "security.logout")


@dataclass(frozen=True)
class Line:
    """One entry as the page shows it."""

    at: datetime
    title: str
    who: str
    text: str
    differences: list[tuple[str, list[Difference], int]]
    link: str
    sequence: int
    case_link: str = ""


class TrailView(BaseView):
    """审计轨迹."""

    route_base = "/console/audit"
    default_view = "index"

    @expose("/")
    @has_access
    def index(self) -> ResponseReturnValue:
        """Events by filter, newest first."""
        session = db.session()
        asked = _asked()
        query = queries.search(session, asked)
        before, size = request.args.get("before", ""), page_size(SIZES, 25)
        total = capped_count(session, query)
        if before.isascii() and before.isdigit() and len(before) < 19:
            query = query.where(AuditEvent.sequence < int(before))
        rows = session.scalars(query.order_by(AuditEvent.sequence.desc()).limit(size + 1)).all()
        more = address(before=rows[size - 1].sequence) if len(rows) > size else None
        teller = Teller(session)
        case = queries.find_case(session, asked.case) if asked.case else None
        return self.render_template(
            "auditor/trail.html",
            lines=self._lines([_one(row) for row in rows[:size]], teller),
            total=count_text(total),
            more=more,
            first=address(before=None) if before else None,
            actions=ACTIONS,
            groups=dict(zip(GROUPS, self._group_names(), strict=True)),
            story=url_for("TrailView.case", kind=case[0], pk=case[1].id) if case else "",
            checkpoint=session.scalars(
                select(AuditCheckpoint).order_by(AuditCheckpoint.sequence.desc()).limit(1)
            ).first(),
        )

    @expose("/<int:sequence>")
    @has_access
    def event(self, sequence: int) -> ResponseReturnValue:
        """One event: what changed, in words, and what was hashed."""
        session = db.session()
        row = session.get(AuditEvent, sequence) if sequence < 2**63 else None
        if row is None:
            raise NotFound
        teller = Teller(session)
        return self.render_template(
            "auditor/event.html",
            row=row,
            line=self._lines([_one(row)], teller)[0],
            said=json.loads(row.canonical),
            subject=teller.subject(row.subject_table, row.subject_id),
            record=teller.table(row.subject_table),
            canonical=bytes(row.canonical).decode(),
            covered=session.scalar(
                select(AuditCheckpoint.sequence)
                .where(AuditCheckpoint.sequence >= sequence)
                .order_by(AuditCheckpoint.sequence)
                .limit(1)
            ),
        )

    @expose("/<string:kind>/<int:pk>")
    @has_access
    def case(self, kind: str, pk: int) -> ResponseReturnValue:
        """A case's timeline."""
        session = db.session()
        found = queries.case_of(session, kind, pk)
        if found is None:
            raise NotFound
        teller = Teller(session)
        return self.render_template(
            "auditor/story.html",
            case=found,
            lines=self._lines(queries.story(session, kind, found), teller),
            state=type(found).__table__.c.state.type.choices[found.state],
            desk=_desk_of(kind, found),
        )

    def _lines(self, entries: list[Told], teller: Teller) -> list[Line]:
        people = _people({entry.actor_id for entry in entries})
        places = _places({entry.organisation_id for entry in entries})
        lines = []
        for entry in entries:
            titles = dict.fromkeys(self._title(event, teller) for event in entry.acts)
            roles = "、".join(_(ROLE_LABELS[role]) for role in entry.roles if role in ROLE_LABELS)
            who = [
                people.get(entry.actor_id or 0, _("System")),
                roles,
                places.get(entry.organisation_id or 0, ""),
            ]
            details = []
            for _sequence, action, table, key, body in entry.events:
                found, hidden = teller.differences(table, action, body)
                if found:
                    title = f"{teller.action(action)} {teller.table(table)} {teller.subject(table, key)}"
                    details.append((title if len(entry.events) > 1 else "", found, hidden))
            sequence = entry.acts[0][0]
            lines.append(
                Line(
                    entry.at,
                    "；".join(list(titles)[:4]) + ("…" if len(titles) > 4 else ""),
                    " · ".join(filter(None, who)),
                    entry.why,
                    details,
                    url_for("TrailView.event", sequence=sequence),
                    sequence,
                    _case_link(entry.acts[0]),
                )
            )
        return lines

    @staticmethod
    def _title(event: Any, teller: Teller) -> str:
        _sequence, action, table, key, _body = event
        if action.startswith(("conversion.", "recognition.")) or action in _OF_THE_ACTOR:
            return teller.action(action)
        if action.startswith("record."):
            return _(
                "%(action)s: %(record)s", action=teller.action(action), record=_called(teller, table, key)
            )
        return _("%(action)s: %(record)s", action=teller.action(action), record=teller.subject(table, key))

    @staticmethod
    def _group_names() -> tuple[str, ...]:
        return (
            _("All changes of records"),
            _("All acts of recognition"),
            _("All acts of conversion"),
            _("All openings of evidence"),
            _("All papers"),
            _("All of logging in and being turned away"),
        )


class ReviewingView(BaseView):
    """一致性与偏移: how far committees agree and drift, and who stands out in reviewing; shown, never deciding."""

    route_base = "/console/audit/agreement"
    default_view = "index"

    @expose("/")
    @has_access
    def index(self) -> ResponseReturnValue:
        """Committees with their figures; reviewers who stand out."""
        session, at = db.session(), now()
        found = agreement.far_from_peers(session, at) + agreement.faster_than_reading(session, at)
        return self.render_template(
            "auditor/agreement.html",
            standings=agreement.standings(session, at),
            found=found,
            people=_people({one.reviewer_id for one in found}),
            kinds=SIGNAL_KINDS,
            stages=STAGES,
            rules=agreement,
        )


def _called(teller: Teller, table: str, key: int | None) -> str:
    record, name = teller.table(table), teller.subject(table, key)
    return name if name.startswith(record) else f"{record} {name}"


def _asked() -> Asked:
    """What the address asks for; what makes no sense is left out."""
    words = {name: request.args.get(name, "").strip()[:100] for name in ("person", "case", "action")}
    action = words["action"] if words["action"] in ACTIONS or words["action"] in GROUPS else ""
    return Asked(
        words["person"],
        words["case"],
        action,
        _day(request.args.get("since", "")),
        _day(request.args.get("until", ""), 1),
    )


def _day(text: str, later: int = 0) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(text) + timedelta(days=later), time(), CIVIL)
    except (ValueError, OverflowError):
        return None


def _one(row: AuditEvent) -> Told:
    return queries.told([row])[0]


def _people(ids: set[int | None]) -> dict[int, str]:
    rows = db.session.scalars(select(Account).where(Account.id.in_(ids - {None})))
    return {row.id: row.get_full_name() for row in rows}


def _places(ids: set[int | None]) -> dict[int, str]:
    rows = db.session.execute(
        select(Organisation.id, Organisation.name).where(Organisation.id.in_(ids - {None}))
    )
    return dict(rows.tuples().all())


def _case_link(event: Any) -> str:
    _sequence, _action, table, key, _body = event
    kinds = {model.__tablename__: kind for kind, model in queries.CASES.items()}
    return url_for("TrailView.case", kind=kinds[table], pk=key) if table in kinds and key else ""


def _desk_of(kind: str, case: Any) -> str:
    desk = "RecognitionDesk" if kind == "recognition" else "InitialReviewDesk"
    if kind == "conversion" and case.kind == "performance":
        desk = "PerformanceReviewDesk"
    return url_for(f"{desk}.case", pk=case.id)
