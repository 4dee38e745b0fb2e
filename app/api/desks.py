"""Cases over the REST API: rounds of recognition, applications for conversion, and every decision on them. Deciding goes
through the services of the review desks.
"""

from __future__ import annotations

from typing import Any

from flask_appbuilder.api import BaseApi
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.achievements.models import Achievement
from app.api import shapes
from app.api.operation import Call, key_of, one, one_of, operation, page
from app.api.requests import ATTESTATION, CONVERSION_DECISION, RECOGNITION_DECISION, hundredths, seen
from app.conversion import queries as conversion_queries
from app.conversion import services as conversion
from app.conversion.models import KINDS as CONVERSION_KINDS
from app.conversion.models import STATES as CONVERSION_STATES
from app.conversion.models import ConversionApplication
from app.kernel.database import db
from app.kernel.errors import N_, Conflict
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.recognition import services as recognition
from app.recognition.models import STATES as RECOGNITION_STATES
from app.recognition.models import RecognitionApplication
from app.review import services as review
from app.review.models import STAGES, Review
from app.security.rows import visible


class RecognitionApi(BaseApi):
    """认定: rounds of recognition, and deciding them."""

    route_base = "/api/v1/recognitions"
    options = (
        joinedload(RecognitionApplication.achievement)
        .joinedload(Achievement.learner)
        .joinedload(Learner.person),
        joinedload(RecognitionApplication.home_point),
    )

    @operation(
        "GET",
        "",
        scope="applications:read",
        summary="Rounds of recognition",
        returns="Recognition",
        paged=True,
        query=(
            one_of(RECOGNITION_STATES.codes, "Its state.", "state"),
            key_of("Of this achievement.", "achievement"),
        ),
    )
    def list(self, call: Call) -> Any:
        asked, query = call.query, select(RecognitionApplication)
        if "state" in asked:
            query = query.where(RecognitionApplication.state == asked["state"])
        if "achievement" in asked:
            query = query.where(RecognitionApplication.achievement_id == asked["achievement"])
        return page(call, RecognitionApplication, shapes.recognition, query, self.options)

    @operation(
        "GET",
        "/<int:pk>",
        scope="applications:read",
        summary="One round, with attestations and decisions",
        returns="RecognitionCase",
    )
    def show(self, call: Call, pk: int) -> Any:
        return self._case(call, pk)

    @operation(
        "POST",
        "/<int:pk>/attestations",
        scope="decisions:write",
        summary="Say that the paper original was seen",
        returns="RecognitionCase",
        body=ATTESTATION,
        status=201,
    )
    def attest(self, uow: UnitOfWork, call: Call, pk: int) -> Any:
        visible(uow.session, RecognitionApplication, pk, uow.actor)
        recognition.attest(uow, pk, seen(call.body))
        uow.flush()
        return self._case(call, pk)

    @operation(
        "POST",
        "/<int:pk>/decisions",
        scope="decisions:write",
        summary="Decide a round",
        returns="RecognitionCase",
        body=RECOGNITION_DECISION,
        status=201,
    )
    def decide(self, uow: UnitOfWork, call: Call, pk: int) -> Any:
        visible(uow.session, RecognitionApplication, pk, uow.actor)
        body = call.body
        row = recognition.decide(
            uow,
            pk,
            body["decision"],
            body["opinion"],
            body["version"],
            fault=body.get("fault"),
            credits=hundredths(body.get("credits")),
        )
        uow.record("api.decision", row, key=call.caller.key_id)
        uow.flush()
        return self._case(call, pk)

    def _case(self, call: Call, pk: int) -> dict[str, Any]:
        row = one(RecognitionApplication, pk, self.options, call)
        return {**shapes.recognition(row), **_history(row)}


class ConversionApi(BaseApi):
    """转换: applications for conversion, and deciding them at the stage where they wait."""

    route_base = "/api/v1/conversions"
    options = (
        *conversion_queries.QUEUE,
        joinedload(ConversionApplication.home_point),
        joinedload(ConversionApplication.committee),
    )

    @operation(
        "GET",
        "",
        scope="applications:read",
        summary="Applications for conversion",
        returns="Conversion",
        paged=True,
        query=(
            one_of(CONVERSION_STATES.codes, "Its state.", "state"),
            one_of(CONVERSION_KINDS.codes, "By rule, or of a performance achievement.", "kind"),
            key_of("Whose.", "learner"),
        ),
    )
    def list(self, call: Call) -> Any:
        asked, query = call.query, select(ConversionApplication)
        for name in ("state", "kind"):
            if name in asked:
                query = query.where(getattr(ConversionApplication, name) == asked[name])
        if "learner" in asked:
            query = query.where(ConversionApplication.learner_id == asked["learner"])
        return page(call, ConversionApplication, shapes.conversion, query, self.options)

    @operation(
        "GET",
        "/<int:pk>",
        scope="applications:read",
        summary="One application, with attestations and decisions",
        returns="ConversionCase",
    )
    def show(self, call: Call, pk: int) -> Any:
        return self._case(call, pk)

    @operation(
        "POST",
        "/<int:pk>/attestations",
        scope="decisions:write",
        summary="Say that the paper original was seen",
        returns="ConversionCase",
        body=ATTESTATION,
        status=201,
    )
    def attest(self, uow: UnitOfWork, call: Call, pk: int) -> Any:
        visible(uow.session, ConversionApplication, pk, uow.actor)
        conversion.attest(uow, pk, seen(call.body))
        uow.flush()
        return self._case(call, pk)

    @operation(
        "POST",
        "/<int:pk>/decisions",
        scope="decisions:write",
        summary="Decide an application at the stage where it waits",
        returns="ConversionCase",
        body=CONVERSION_DECISION,
        status=201,
    )
    def decide(self, uow: UnitOfWork, call: Call, pk: int) -> Any:
        case = visible(uow.session, ConversionApplication, pk, uow.actor)
        stage = conversion.stage_of(case)
        if stage is None:
            raise Conflict("wrong_state", N_("This is no longer possible: the case has moved on."))
        body = call.body
        row = conversion.decide(
            uow, pk, stage, body["decision"], body["opinion"], body["version"], fault=body.get("fault")
        )
        uow.record("api.decision", row, key=call.caller.key_id)
        uow.flush()
        return self._case(call, pk)

    def _case(self, call: Call, pk: int) -> dict[str, Any]:
        row = one(ConversionApplication, pk, self.options, call)
        return {**shapes.conversion(row), **_history(row)}


def _history(case: Any) -> dict[str, Any]:
    session = db.session()
    return {
        "attestations": [shapes.attestation(row) for row in review.attestations(session, case)],
        "decisions": [shapes.decision(row) for row in review.reviews(session, case)],
    }


class DecisionApi(BaseApi):
    """审核: every decision, one row each, never changed."""

    route_base = "/api/v1/decisions"
    options = (joinedload(Review.reviewer), joinedload(Review.organisation))

    @operation(
        "GET",
        "",
        scope="decisions:read",
        summary="Decisions",
        returns="Decision",
        paged=True,
        query=(
            one_of(STAGES.codes, "The stage.", "stage"),
            key_of("On this round of recognition.", "recognition"),
            key_of("On this conversion.", "conversion"),
        ),
    )
    def list(self, call: Call) -> Any:
        asked, query = call.query, select(Review)
        columns = {
            "stage": Review.stage,
            "recognition": Review.recognition_id,
            "conversion": Review.conversion_id,
        }
        for name, column in columns.items():
            if name in asked:
                query = query.where(column == asked[name])
        return page(call, Review, shapes.decision, query, self.options)

    @operation("GET", "/<int:pk>", scope="decisions:read", summary="One decision", returns="Decision")
    def show(self, call: Call, pk: int) -> Any:
        return shapes.decision(one(Review, pk, self.options, call))
