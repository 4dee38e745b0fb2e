"""规则管理: one page for a rule with what it takes, what it grants, its versions, faults and effects; the linter."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping
from typing import Any

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload, selectinload

from app.catalogue.models import CatalogueItem, Category
from app.console.checked import CheckedView
from app.console.interface import Records
from app.conversion import impact as effects
from app.conversion.models import STATES, ConversionApplication
from app.framework.models import FrameworkLevel
from app.kernel.database import db
from app.kernel.errors import N_, Conflict, DomainError, NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.organisations.models import Organisation
from app.rules import lint, services
from app.rules.forms import GROUPS, Draft
from app.rules.models import CreditCap, Rule, RuleSource, RuleTarget, RuleVersion
from app.security.current import actor
from app.security.permissions import allowed, authorise
from app.security.rows import readable

_WHOLE = (
    selectinload(RuleVersion.sources).options(
        joinedload(RuleSource.catalogue_item).joinedload(CatalogueItem.organisation),
        joinedload(RuleSource.category),
        joinedload(RuleSource.issuer),
        joinedload(RuleSource.minimum_level),
        joinedload(RuleSource.group),
    ),
    selectinload(RuleVersion.targets)
    .joinedload(RuleTarget.catalogue_item)
    .options(
        joinedload(CatalogueItem.programme),
        joinedload(CatalogueItem.organisation),
        joinedload(CatalogueItem.level),
    ),
    selectinload(RuleVersion.groups),
)


class RuleView(CheckedView):
    """规则: what converts to what. Its words stand in versions; a new rule begins as a draft."""

    datamodel = Records(Rule)
    label, label_plural = _("Conversion rule"), _("Rules")
    list_columns = ["name", "agreement", "programme", "state", "changed_at"]
    search_columns = ["name", "agreement", "programme", "state", "template"]
    show_columns = ["agreement", "template", "programme", "state", "description", "changed_at"]
    add_columns = ["agreement", "programme", "name", "description"]
    edit_columns = ["programme", "name", "description"]
    show_template = "rules/rule.html"

    def verify(self, uow: UnitOfWork, row: Rule, before: Mapping[str, Any]) -> None:
        if before and row.state != "draft":
            raise Conflict("not_draft", N_("This rule is in force: draft a new version of it instead."))

    def create(self, uow: UnitOfWork, values: dict[str, Any]) -> Any:
        row = super().create(uow, values)
        uow.flush()
        services.draft(uow, row, [], [])
        return row

    def remove(self, uow: UnitOfWork, row: Rule) -> None:
        services.discard(uow, row)

    def _after(self, row: Rule) -> str:
        """A new rule goes on to the page where its sources and targets are written."""
        newest = self._newest(row.id)
        if request.endpoint == f"{self.endpoint}.add" and newest is not None:
            return url_for("RuleView.compose", pk=row.id, number=newest.number)
        return super()._after(row)

    # --- the page of a rule

    def extra(self, row: Rule) -> dict[str, Any]:
        session = db.session()
        versions = session.scalars(
            select(RuleVersion)
            .where(RuleVersion.rule_id == row.id)
            .order_by(RuleVersion.number.desc())
            .options(*_WHOLE)
        ).all()
        counted = dict(
            session.execute(
                select(ConversionApplication.rule_version_id, func.count())
                .where(ConversionApplication.rule_version_id.in_([v.id for v in versions]))
                .group_by(ConversionApplication.rule_version_id)
            )
            .tuples()
            .all()
        )
        return {
            "versions": versions,
            "current": row.current_version,
            "uses": counted,
            "findings": lint.lint(session, row) if row.state == "published" else [],
            "kinds": lint.KINDS,
            "severities": lint.SEVERITIES,
            "caps": session.scalars(select(CreditCap).where(CreditCap.rule_id == row.id)).all(),
            "allows": {
                name: allowed(actor(), f"RuleView.{name}", row)
                for name in ("compose", "publish", "propose_retirement", "retire", "keep", "impact")
            },
        }

    def _rule(self, pk: int) -> Rule:
        rule: Rule = self.datamodel.one(str(pk), self.base)
        return rule

    def _newest(self, rule_id: int) -> RuleVersion | None:
        query = select(RuleVersion).where(RuleVersion.rule_id == rule_id)
        return db.session.scalar(query.order_by(RuleVersion.number.desc()).limit(1))

    def _version(self, rule: Rule, number: int) -> RuleVersion:
        query = select(RuleVersion).where(RuleVersion.rule_id == rule.id, RuleVersion.number == number)
        found = db.session.scalar(query.options(*_WHOLE)) if number < 2**31 else None
        if found is None:
            raise NotFound
        return found

    # --- writing a version

    @expose("/<int:pk>/draft", methods=["POST"])
    @has_access
    def draft(self, pk: int) -> ResponseReturnValue:
        """The next version, beginning with what the present one says."""
        rule = self._rule(pk)
        authorise(actor(), "RuleView.compose", rule)
        newest = self._newest(pk)
        if newest is None or newest.published_at is not None:
            with UnitOfWork(db.session, actor()) as uow:
                rule = self.datamodel.one(str(pk), self.base, lock=True)
                old = Draft.of(newest) if newest is not None else Draft(name=rule.name)
                newest = services.draft(
                    uow, rule, old.slots(), old.grants(), groups=old.grouped(), **_kept(old, newest)
                )
        return redirect(url_for("RuleView.compose", pk=pk, number=newest.number))

    @expose("/<int:pk>/versions/<int:number>", methods=["GET", "POST"])
    @has_access
    def compose(self, pk: int, number: int) -> ResponseReturnValue:
        """One page: words, sources with conditions and groups, targets, validity."""
        rule = self._rule(pk)
        authorise(actor(), "RuleView.compose", rule)
        version = self._version(rule, number)
        if version.published_at is not None:
            return redirect(url_for("RuleView.show", pk=pk))
        if request.method == "GET":
            return self._composing(rule, version, Draft.of(version))
        typed = Draft.read(request.form)
        if "more" in request.form:
            return self._composing(rule, version, typed, more=request.form["more"])
        try:
            with UnitOfWork(db.session, actor()) as uow:
                rule = self.datamodel.one(str(pk), self.base, lock=True)
                authorise(actor(), "RuleView.compose", rule)
                version = self._version(rule, number)
                seen = request.form.get("version", "")
                self._offered(typed)
                services.revise(
                    uow,
                    version,
                    typed.slots(),
                    typed.grants(),
                    typed.grouped(),
                    int(seen) if seen.isdigit() and len(seen) < 10 else -1,
                    **typed.words(),
                )
        except DomainError as error:
            db.session.rollback()
            problem = gettext(error.message, **error.params)
            rule = self._rule(pk)
            return self._composing(
                rule, self._version(rule, number), typed, problem=problem, status=error.status
            )
        flash(gettext("The draft has been saved. A second person publishes it."), "success")
        return redirect(url_for("RuleView.show", pk=pk))

    def _offered(self, typed: Draft) -> None:
        """Posted ids name rows that exist. Raises NotFound."""
        wanted = (
            (CatalogueItem, {slot.item_id for slot in typed.slots()} | {item for item, _r in typed.grants()}),
            (Category, {slot.category_id for slot in typed.slots()}),
            (Organisation, {slot.issuer_id for slot in typed.slots()}),
            (FrameworkLevel, {slot.minimum_level_id for slot in typed.slots()}),
        )
        for model, keys in wanted:
            keys -= {None}
            query = select(func.count()).select_from(model).where(model.id.in_(keys))  # type: ignore[attr-defined]
            if keys and db.session.scalar(query) != len(keys):
                raise NotFound

    def _composing(
        self,
        rule: Rule,
        version: RuleVersion,
        typed: Draft,
        *,
        problem: str = "",
        more: str = "",
        status: int = 200,
    ) -> ResponseReturnValue:
        session = db.session()
        keys = {row["item"] for row in (*typed.sources, *typed.targets)} | {
            row["issuer"] for row in typed.sources
        }
        numbers = [int(key) for key in keys if key.isdigit() and len(key) < 10]
        items = select(CatalogueItem).where(CatalogueItem.id.in_(numbers))
        issuers = select(Organisation.id, Organisation.name).where(Organisation.id.in_(numbers))
        return self.render_template(
            "rules/compose.html",
            view=self,
            title=rule.name,
            rule=rule,
            version=version,
            typed=typed,
            problem=problem,
            items={
                str(item.id): item
                for item in session.scalars(items.options(joinedload(CatalogueItem.programme)))
            },
            issuers={str(key): name for key, name in session.execute(issuers)},
            categories=session.scalars(
                select(Category)
                .where(Category.parent_id.is_not(None), Category.performance.is_(False), Category.active)
                .order_by(Category.position)
            ).all(),
            levels=session.scalars(select(FrameworkLevel).order_by(FrameworkLevel.number)).all(),
            groups=GROUPS,
            blank_sources=2 if more == "source" else 0 if typed.sources else 1,
            blank_targets=2 if more == "target" else 0 if typed.targets else 1,
        ), status

    @expose("/<int:pk>/versions/<int:number>/publish", methods=["POST"])
    @has_access
    def publish(self, pk: int, number: int) -> ResponseReturnValue:
        """Put a version in force: the second person."""
        return self._step(
            pk,
            "publish",
            lambda uow, rule: services.publish(uow, rule, self._version(rule, number)),
            gettext("The version is in force."),
        )

    # --- taking a rule out of force

    @expose("/<int:pk>/propose-retirement", methods=["POST"])
    @has_access
    def propose_retirement(self, pk: int) -> ResponseReturnValue:
        """The first of two people."""
        reason = request.form.get("reason", "")
        done = gettext("The retirement has been proposed; a second person has to confirm it.")
        return self._step(
            pk, "propose_retirement", lambda uow, rule: services.propose_retirement(uow, rule, reason), done
        )

    @expose("/<int:pk>/retire", methods=["POST"])
    @has_access
    def retire(self, pk: int) -> ResponseReturnValue:
        """The second person."""
        return self._step(pk, "retire", services.retire, gettext("The rule is out of force."))

    @expose("/<int:pk>/keep", methods=["POST"])
    @has_access
    def keep(self, pk: int) -> ResponseReturnValue:
        """Drop the proposal to retire."""
        return self._step(pk, "keep", services.keep, gettext("The rule stays in force."))

    def _step(self, pk: int, name: str, step: Any, message: str) -> ResponseReturnValue:
        authorise(actor(), f"RuleView.{name}", self._rule(pk))
        try:
            with UnitOfWork(db.session, actor()) as uow:
                rule = self.datamodel.one(str(pk), self.base, lock=True)
                authorise(actor(), f"RuleView.{name}", rule)
                step(uow, rule)
            flash(message, "success")
        except DomainError as error:
            flash(gettext(error.message, **error.params), "danger")
        return redirect(url_for("RuleView.show", pk=pk))

    # --- what it would do

    @expose("/<int:pk>/impact")
    @has_access
    def impact(self, pk: int) -> ResponseReturnValue:
        """What publishing a version (``?version=``) or retiring the rule would change; reads only."""
        rule, version, found = self._preview(pk)
        shown = self._readable_learners(found)
        return self.render_template(
            "rules/impact.html",
            view=self,
            title=rule.name,
            rule=rule,
            version=version,
            found=found,
            states=STATES,
            shown=shown,
            first=50,
            findings=lint.lint(db.session(), rule, version) if version is not None else [],
            severities=lint.SEVERITIES,
            kinds=lint.KINDS,
        )

    @expose("/<int:pk>/impact.csv")
    @has_access
    def impact_list(self, pk: int) -> ResponseReturnValue:
        """The same as a list to keep, as far as the actor may know the learners."""
        _rule, _version, found = self._preview(pk)
        shown = self._readable_learners(found)
        found.cases = [case for case in found.cases if case.application.learner_id in shown]
        found.people = [person for person in found.people if person.learner.id in shown]
        text = io.StringIO()
        writer = csv.writer(text)
        heads = (_("Effect"), _("Number"), _("Name"), _("State"), _("Credits before"), _("Credits after"))
        writer.writerow(map(str, heads))
        labels = {
            "application": gettext("Comes out differently"),
            "gains": gettext("Gains"),
            "loses": gettext("Loses"),
        }
        for kind, number, name, state, before, after in effects.lines(found):
            words = gettext(STATES[state].label) if state else ""
            writer.writerow([_plain(cell) for cell in (labels[kind], number, name, words, before, after)])
        answer = Response("\ufeff" + text.getvalue(), mimetype="text/csv")
        answer.headers.set("Content-Disposition", "attachment", filename=f"impact-{pk}.csv")
        return answer

    def _preview(self, pk: int) -> tuple[Rule, RuleVersion | None, effects.Impact]:
        rule = self._rule(pk)
        authorise(actor(), "RuleView.impact", rule)
        asked = request.args.get("version", "")
        version = self._version(rule, int(asked)) if asked.isdigit() and len(asked) < 10 else None
        return rule, version, effects.preview(db.session(), rule, version)

    def _readable_learners(self, found: effects.Impact) -> set[int]:
        keys = {case.application.learner_id for case in found.cases}
        keys |= {person.learner.id for person in found.people}
        query = select(Learner.id).where(readable(Learner, actor()), Learner.id.in_(keys))
        return set(db.session.scalars(query))


def _kept(old: Draft, newest: RuleVersion | None) -> dict[str, Any]:
    """What the next version takes over besides sources and targets."""
    if newest is None:
        return {}
    words = old.words()
    return {key: value for key, value in words.items() if key not in ("name", "description")}


def _plain(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell and cell[0] in "=+-@\t\r" and cell != "-" else cell


class LintView(BaseView):
    """规则检查: every fault that the linter finds in published rules."""

    route_base = "/console/rules/lint"
    default_view = "index"

    @expose("/")
    @has_access
    def index(self) -> ResponseReturnValue:
        found = lint.lint(db.session())
        mine = set(db.session.scalars(select(Rule.id).where(readable(Rule, actor()))))
        found = [finding for finding in found if finding.rule in mine]
        asked = request.args.get("kind", "")
        chosen = [finding for finding in found if finding.kind == asked] if asked in lint.KINDS else found
        return self.render_template(
            "rules/lint.html",
            counts=Counter(finding.kind for finding in found),
            findings=chosen[:500],
            total=len(chosen),
            asked=asked,
            kinds=lint.KINDS,
            severities=lint.SEVERITIES,
        )
