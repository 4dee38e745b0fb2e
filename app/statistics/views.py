"""统计分析: the dashboard, the cases behind each of its figures, and both as files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from app.catalogue.models import Category
from app.console.pages import Page, page_size
from app.conversion.models import STATES as CONVERSION_STATES
from app.kernel.choices import Choice
from app.kernel.clock import civil
from app.kernel.database import LARGEST_KEY, db
from app.kernel.numbering import decimal
from app.kernel.unit_of_work import UnitOfWork
from app.organisations.models import Committee, Organisation
from app.recognition.models import STATES as RECOGNITION_STATES
from app.security.current import actor
from app.security.models import Account
from app.security.permissions import holds
from app.statistics import queries
from app.statistics.cases import AGES, KINDS, OUTCOMES, Filter, is_month
from app.statistics.export import XLSX, csv_lines, workbook
from app.statistics.queries import Figures

#: Where a case is looked at: its desk, if the actor may see it there; else its audit sheet.
_DESKS = {
    "recognition": ("RecognitionDesk",),
    "rule": ("InitialReviewDesk", "FinalReviewDesk"),
    "performance": ("PerformanceReviewDesk",),
}


@dataclass(frozen=True)
class Cell:
    """One number of a figure, and where it leads."""

    value: Any
    link: str = ""


@dataclass(frozen=True)
class Figure:
    """A chart with its table: the first column names the lines, each further one is a series."""

    code: str
    title: str
    note: str
    kind: str
    first: str
    series: list[str]
    lines: list[tuple[str, list[Cell]]]


class StatisticsView(BaseView):
    """The dashboard."""

    route_base = "/console/statistics"
    default_view = "index"

    @expose("/")
    @has_access
    def index(self) -> ResponseReturnValue:
        """Figures of the cases submitted in the period."""
        session, wanted = db.session(), _asked()
        found = queries.figures(session, actor(), wanted)
        page: str = self.render_template(
            "statistics/index.html",
            wanted=wanted,
            organisations=queries.organisations(session, actor()),
            heads=_heads(found, wanted),
            figures=_figures(found, wanted),
            export=url_for("StatisticsView.export", **wanted.query()),
        )
        return page

    @expose("/cases")
    @has_access
    def cases(self) -> ResponseReturnValue:
        """The cases behind a figure."""
        session, wanted = db.session(), _asked()
        size = page_size((10, 25, 50, 100), 25)
        total = queries.count_cases(session, actor(), wanted)
        asked = request.args.get("page", "1")
        last = max(-(-total // size), 1)
        number = (
            min(max(int(asked), 1), last) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 1
        )
        rows = session.execute(queries.listed(actor(), wanted).limit(size).offset((number - 1) * size)).all()
        page: str = self.render_template(
            "statistics/cases.html",
            page=Page(list(rows), number, size, total, (10, 25, 50, 100)),
            wanted=wanted,
            said=_said(session, wanted),
            kinds=KINDS,
            states=_state,
            link=_case_link,
            export=url_for("StatisticsView.export", list="1", **wanted.query()),
        )
        return page

    @expose("/export")
    @has_access
    def export(self) -> ResponseReturnValue:
        """The figures, or with ``list=1`` the cases, as a workbook (``format=xlsx``) or CSV.

        That they were taken out goes into the audit trail.
        """
        session, wanted, me = db.session(), _asked(), actor()
        lists = request.args.get("list") == "1"
        with UnitOfWork(db.session, me) as uow:
            account = uow.session.get_one(Account, me.user_id)
            uow.record("statistics.exported", account, of="cases" if lists else "figures", **wanted.query())
        rows = (
            list(_case_rows(session, wanted))
            if lists
            else list(_figure_rows(queries.figures(session, me, wanted), wanted))
        )
        as_book = request.args.get("format") == "xlsx"
        response = (
            Response(workbook(rows), mimetype=XLSX)
            if as_book
            else Response("".join(csv_lines(rows)), mimetype="text/csv")
        )
        name = f"statistics-{wanted.first}-{wanted.last}.{'xlsx' if as_book else 'csv'}"
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return response


def _asked() -> Filter:
    """The filter in the address; what makes no sense is left out."""
    args, usual = request.args, queries.usual()
    first, last = _day(args.get("first"), usual.first), _day(args.get("last"), usual.last)
    if first > last or last - first > queries.LONGEST:
        first, last = usual.first, usual.last
    return Filter(
        first,
        last,
        organisation=_key(args.get("organisation")),
        kind=_one(args.get("kind"), KINDS.codes),
        outcome=_one(args.get("outcome"), OUTCOMES.codes),
        month=_month(args.get("month")),
        decided=_month(args.get("decided")),
        point=_key(args.get("point")),
        committee=_key(args.get("committee")),
        category=_key(args.get("category")),
        age=_one(args.get("age"), tuple(AGES)),
        overdue=args.get("overdue") == "1",
    )


def _day(text: str | None, otherwise: date) -> date:
    try:
        found = date.fromisoformat(text or "")
    except ValueError:
        return otherwise
    return found if 2000 <= found.year <= 2200 else otherwise


def _key(text: str | None) -> int | None:
    if not text or not (text.isascii() and text.isdigit()) or len(text) > 19:
        return None
    return min(int(text), LARGEST_KEY)


def _one(text: str | None, codes: tuple[str, ...]) -> str:
    return text if text in codes else ""  # type: ignore[return-value]


def _month(text: str | None) -> str:
    return text if text and is_month(text) else ""


def _cases(wanted: Filter, **changes: Any) -> str:
    return url_for("StatisticsView.cases", **wanted.query(**changes))


def _cell(value: int, wanted: Filter, **changes: Any) -> Cell:
    return Cell(value, _cases(wanted, **changes) if value else "")


def _heads(found: Figures, wanted: Filter) -> list[tuple[str, Cell]]:
    decided = found.count("approved") + found.count("refused")
    share = f"{found.count('approved') * 100 / decided:.0f} %" if decided else "-"
    return [
        (_("Cases submitted"), _cell(found.count(), wanted)),
        (_("In progress"), _cell(found.count("open"), wanted, outcome="open")),
        (_("Overdue"), _cell(found.overdue, wanted, overdue=True)),
        (_("Approved"), _cell(found.count("approved"), wanted, outcome="approved")),
        (_("Share approved of those decided"), Cell(share)),
        (_("Learners"), Cell(found.learners)),
        (_("Of these activated"), Cell(found.activated)),
    ]


def _figures(found: Figures, wanted: Filter) -> list[Figure]:
    return [
        _by_month(found, wanted),
        _duration(found, wanted),
        _outcomes(found, wanted),
        _ages(found, wanted),
        _organisations(found, wanted),
        _committees(found, wanted),
        _categories(found, wanted),
    ]


def _by_month(found: Figures, wanted: Filter) -> Figure:
    lines = [
        (
            month.month,
            [
                _cell(month.submitted, wanted, month=month.month),
                _cell(month.decided, wanted, decided=month.month),
            ],
        )
        for month in found.months
    ]
    note = _("Of the cases submitted in the period: when they came in, and when they were decided.")
    return Figure(
        "months",
        _("Submitted and decided by month"),
        note,
        "line",
        _("Month"),
        [_("Cases submitted"), _("Cases decided")],
        lines,
    )


def _duration(found: Figures, wanted: Filter) -> Figure:
    lines = [
        (month.month, [Cell(f"{month.days:.1f}", _cases(wanted, decided=month.month))])
        for month in found.months
        if month.days is not None
    ]
    note = _("Days from submission to the decision, on average, by the month of the decision.")
    return Figure(
        "duration", _("How long decisions take"), note, "bar", _("Month"), [_("Days on average")], lines
    )


def _by_outcome(groups: list[queries.Group], wanted: Filter, name: str) -> list[tuple[str, list[Cell]]]:
    return [
        (
            _label(KINDS[group.key]) if name == "kind" else group.name,
            [
                _cell(group.counts.get(outcome.code, 0), wanted, **{name: group.key, "outcome": outcome.code})
                for outcome in OUTCOMES
            ],
        )
        for group in groups
    ]


def _outcome_labels() -> list[str]:
    return [_label(outcome) for outcome in OUTCOMES]


def _outcomes(found: Figures, wanted: Filter) -> Figure:
    lines = _by_outcome(found.outcomes, wanted, "kind")
    note = _("What has become of the cases submitted in the period.")
    return Figure("outcomes", _("Outcomes"), note, "stack", _("Kind"), _outcome_labels(), lines)


def _ages(found: Figures, wanted: Filter) -> Figure:
    lines = [
        (
            _("%(days)s days", days=group.key),
            [_cell(group.counts.get(kind.code, 0), wanted, age=group.key, kind=kind.code) for kind in KINDS],
        )
        for group in found.ages
    ]
    note = _("Cases in progress, by the days since they were submitted.")
    return Figure(
        "ages", _("Age of open cases"), note, "stack", _("Age"), [_label(kind) for kind in KINDS], lines
    )


def _organisations(found: Figures, wanted: Filter) -> Figure:
    lines = _by_outcome(found.points, wanted, "point")
    note = _("By the teaching point where they were submitted, the largest first.")
    if found.more_points:
        note += " " + _("%(count)s further cases at smaller ones.", count=found.more_points)
    return Figure(
        "points", _("By organisation"), note, "stacked-rows", _("Organisation"), _outcome_labels(), lines
    )


def _committees(found: Figures, wanted: Filter) -> Figure:
    lines = _by_outcome(found.committees, wanted, "committee")
    note = _("Applications for conversion that reached a committee.")
    return Figure(
        "committees", _("By committee"), note, "stacked-rows", _("Committee"), _outcome_labels(), lines
    )


def _categories(found: Figures, wanted: Filter) -> Figure:
    def link(key: int) -> str:
        if wanted.organisation is not None or not holds(actor().roles, "AchievementView", "can_list"):
            return ""
        days: dict[str, Any] = {"created_at.from": str(wanted.first), "created_at.to": str(wanted.last)}
        return url_for("AchievementView.list", category=key, **days)

    lines = [
        (
            line.name,
            [
                Cell(line.achievements, link(line.key) if line.achievements else ""),
                Cell(line.recognised),
                Cell(decimal(line.accumulated)),
                Cell(decimal(line.converted)),
            ],
        )
        for line in found.categories
    ]
    series = [
        _("Achievements added"),
        _("Of these recognised"),
        _("Credits accumulated"),
        _("Credits by conversion"),
    ]
    note = _("Achievements added and credits posted in the period.")
    return Figure("categories", _("By category"), note, "rows", _("Category"), series, lines)


def _state(row: Any) -> Choice:
    return (RECOGNITION_STATES if row.kind == "recognition" else CONVERSION_STATES)[row.state]


def _case_link(row: Any) -> str:
    """Where the actor may look at a case, or nothing."""
    roles = actor().roles
    for desk in _DESKS[row.kind]:
        if holds(roles, desk, "can_case"):
            return url_for(f"{desk}.case", pk=row.id)
    return ""


def _said(session: Session, wanted: Filter) -> list[str]:
    """The filter in words."""
    said = [f"{wanted.first} – {wanted.last}"]
    for key, model in (
        (wanted.organisation, Organisation),
        (wanted.point, Organisation),
        (wanted.committee, Committee),
    ):
        row: Any = session.get(model, key) if key is not None else None
        said += [row.name] if row is not None else []
    category = session.get(Category, wanted.category) if wanted.category is not None else None
    said += [category.name_zh] if category is not None else []
    said += [_label(KINDS[wanted.kind])] if wanted.kind else []
    said += [_label(OUTCOMES[wanted.outcome])] if wanted.outcome else []
    said += [_("submitted in %(month)s", month=wanted.month)] if wanted.month else []
    said += [_("decided in %(month)s", month=wanted.decided)] if wanted.decided else []
    said += [_("%(days)s days", days=wanted.age)] if wanted.age else []
    return [*said, _("Overdue")] if wanted.overdue else said


def _figure_rows(found: Figures, wanted: Filter) -> Iterator[list[Any]]:
    """One number a row, so that a spreadsheet can sort and pivot them."""
    yield [_("Figure"), _("Line"), _("Series"), _("Value")]
    for name, cell in _heads(found, wanted):
        yield [_("Statistics"), name, "", cell.value]
    for figure in _figures(found, wanted):
        for name, cells in figure.lines:
            for series, cell in zip(figure.series, cells, strict=True):
                yield [figure.title, name, series, cell.value]


def _case_rows(session: Session, wanted: Filter) -> Iterator[list[Any]]:
    head = [_("Number"), _("Kind"), _("Learner"), _("State"), _("Organisation"), _("Committee")]
    yield [*head, _("Submitted"), _("Decided on"), _("Due on")]
    rows = session.execute(queries.listed(actor(), wanted).limit(MOST_ROWS)).all()
    for row in rows:
        yield [
            *(
                row.number,
                _label(KINDS[row.kind]),
                row.learner,
                _label(_state(row)),
                row.point,
                row.committee,
            ),
            *(_civil(moment) for moment in (row.submitted_at, row.decided_at, row.due_at)),
        ]


#: Rows of a list taken out at once; what is longer is narrowed first.
MOST_ROWS = 20_000


def _civil(moment: Any) -> str:
    return f"{civil(moment):%Y-%m-%d %H:%M}" if moment else ""


def _label(choice: Choice) -> str:
    return str(_(choice.label))
