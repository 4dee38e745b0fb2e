"""认定: the learner's page and the reviewers' desk."""

from __future__ import annotations

import re
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from app.achievements import queries as achievement_queries
from app.achievements import signals, values
from app.achievements.models import ORIGINS, Achievement
from app.achievements.models import STATES as ACHIEVEMENT_STATES
from app.achievements.states import EDITABLE
from app.achievements.views import me
from app.appeals.models import Appeal
from app.catalogue.models import Category
from app.console.desk import Column, Desk, Filter
from app.console.pages import numbered
from app.framework.models import FrameworkLevel
from app.kernel.choices import Choice, Choices, Tone
from app.kernel.database import db
from app.kernel.errors import N_, DomainError, Invalid
from app.kernel.numbering import narrow, whole
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.recognition import services
from app.recognition.models import STATES, RecognitionApplication
from app.review import services as review
from app.review.models import DECISIONS as REVIEW_DECISIONS
from app.review.models import Review
from app.security.current import actor
from app.security.grams import named_like
from app.security.models import Person
from app.security.rows import visible


class MyRecognitionView(BaseView):
    """认定成果申请."""

    route_base = "/me/recognition"
    default_view = "index"

    @expose("/")
    @has_access
    def index(self) -> ResponseReturnValue:
        page = numbered(db.session(), achievement_queries.of_learner(me().id))
        return self.render_template(
            "recognition/mine.html",
            page=page,
            states=ACHIEVEMENT_STATES,
            origins=ORIGINS,
            submittable=EDITABLE,
            learner=me(),
        )

    @expose("/submit", methods=["POST"])
    @has_access
    def submit(self) -> ResponseReturnValue:
        ids = [key for key in map(whole, request.form.getlist("rowid")) if key is not None]
        try:
            with UnitOfWork(db.session, actor()) as uow:
                made = services.submit(uow, ids)
            flash(
                _("%(count)s submitted. Please show the originals at your teaching point.", count=len(made)),
                "success",
            )
        except DomainError as error:
            flash(_(error.message, **error.params), "danger")
        return redirect(url_for("MyRecognitionView.index"))

    @expose("/records/<int:pk>")
    @has_access
    def records(self, pk: int) -> ResponseReturnValue:
        """认定记录 of one achievement: submissions and decisions in order."""
        achievement = visible(db.session(), Achievement, pk, actor())
        rounds = db.session.scalars(
            select(RecognitionApplication)
            .where(RecognitionApplication.achievement_id == pk)
            .order_by(RecognitionApplication.round)
        ).all()
        decided = (
            select(Review).where(Review.recognition_id.in_([row.id for row in rounds])).order_by(Review.id)
        )
        reviews = db.session.scalars(
            decided.options(joinedload(Review.reviewer), joinedload(Review.organisation))
        ).all()
        appeals = db.session.scalars(
            select(Appeal).where(Appeal.recognition_id.in_([row.id for row in rounds]))
        ).all()
        last = rounds[-1] if rounds else None
        may_appeal = (
            last is not None
            and last.state == "refused"
            and not any(a.recognition_id == last.id for a in appeals)
        )
        return self.render_template(
            "recognition/records.html",
            achievement=achievement,
            rounds=rounds,
            reviews=reviews,
            appeals=appeals,
            states=ACHIEVEMENT_STATES,
            decisions=REVIEW_DECISIONS,
            may_appeal=may_appeal,
            last=last,
        )


def _person_named(query: Select[Any], word: str) -> Select[Any]:
    return (
        query.join(Achievement, Achievement.id == RecognitionApplication.achievement_id)
        .join(Learner, Learner.id == Achievement.learner_id)
        .join(Person, Person.id == Learner.person_id)
        .where(named_like(word))
    )


class RecognitionDesk(Desk):
    """认定审核."""

    route_base = "/console/recognition"
    model = RecognitionApplication
    waiting = ("submitted",)
    done = ("recognised", "refused", "returned")
    states = STATES
    stage = "recognition"
    title = _l("Recognition review")
    decided_message = _l("Recognition decided")
    attests = True
    details_template = "recognition/_details.html"
    extra_template = "recognition/_extra.html"
    decisions = Choices(
        Choice("agree", N_("Recognise"), Tone.SUCCESS),
        Choice("refuse", N_("Do not recognise"), Tone.DANGER),
        Choice("return", N_("Return for correction"), Tone.WARNING),
    )
    columns = (
        Column(N_("Name"), lambda case: case.learner.name),
        Column(N_("Achievement"), lambda case: case.achievement.name),
        Column(N_("Large category"), lambda case: case.achievement.category.parent),
        Column(N_("Type"), lambda case: case.achievement.category),
        Column(N_("Authorised institution"), lambda case: case.authorised_institution),
        Column(N_("Recognising institution"), lambda case: case.recognising_institution),
        Column(N_("Submitted"), lambda case: case.submitted_at),
    )
    filters = (Filter("name", N_("Name"), _person_named),)
    options = (
        joinedload(RecognitionApplication.achievement)
        .joinedload(Achievement.learner)
        .joinedload(Learner.person),
        joinedload(RecognitionApplication.achievement)
        .joinedload(Achievement.category)
        .joinedload(Category.parent),
        joinedload(RecognitionApplication.authorised_institution),
        joinedload(RecognitionApplication.recognising_institution),
    )

    def decide_case(
        self, uow: UnitOfWork, pk: int, decision: str, opinion: str, version: int | None, form: Any, key: str
    ) -> Any:
        return services.decide(
            uow,
            pk,
            decision,
            opinion,
            version,
            fault=form.get("fault") or None,
            credits=_hundredths(form.get("credits", "")),
            level_id=whole(form.get("level", "")),
            item_id=whole(form.get("item", "")),
            propose=bool(form.get("propose")),
            idempotency_key=key or None,
        )

    def claim_case(self, uow: UnitOfWork, pk: int) -> None:
        services.claim(uow, pk)

    def release_case(self, uow: UnitOfWork, pk: int) -> None:
        services.release(uow, pk)

    def attest_case(self, uow: UnitOfWork, pk: int, seen: review.Seen) -> None:
        services.attest(uow, pk, seen)

    def unready(self, case: Any) -> str | None:
        return (
            None
            if review.attestations(db.session(), case)
            else _("The original has not been attested yet: please attest it first.")
        )

    def details(self, case: Any) -> dict[str, Any]:
        achievement = case.achievement
        rounds = db.session.scalars(
            select(RecognitionApplication)
            .where(
                RecognitionApplication.achievement_id == achievement.id, RecognitionApplication.id != case.id
            )
            .order_by(RecognitionApplication.round)
        ).all()
        return {
            "achievement": achievement,
            "signals": signals.of(db.session(), achievement),
            "shown": values.shown(achievement),
            "origins": ORIGINS,
            "rounds": rounds,
            "levels": db.session.scalars(select(FrameworkLevel).order_by(FrameworkLevel.number)).all()
            if achievement.category.asks_level
            else [],
            "pdf": url_for("DocumentView.recognition", pk=case.id),
        }


def _hundredths(text: str) -> int | None:
    folded = narrow(text)
    if not folded:
        return None
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,2})?", folded):
        raise Invalid("not_a_number", N_("Please enter a number, with at most two decimals."))
    whole, _dot, part = folded.partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0") or 0)
