"""The REST API, one class per kind of record (cases are in ``desks``), and its description.

Who may do what stands in the permission table, as for pages; which rows, in the row policy.
"""

from __future__ import annotations

import json
from typing import Any

from flask import Response
from flask.typing import ResponseReturnValue
from flask_appbuilder import BaseView, expose, has_access
from flask_appbuilder.api import BaseApi
from sqlalchemy import select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import joinedload

from app.achievements.models import STATES as ACHIEVEMENT_STATES
from app.achievements.models import Achievement
from app.api import shapes
from app.api.desks import ConversionApi, DecisionApi, RecognitionApi
from app.api.openapi import description
from app.api.operation import Call, key_of, one, one_of, operation, page, word
from app.api.requests import (
    NEW_ITEM,
    hundredths,
)
from app.catalogue import services as catalogue
from app.catalogue.models import ITEM_STATES, CatalogueItem, Category
from app.console.refusals import refusal
from app.kernel.errors import NotFound
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.learners import queries as learners
from app.learners.models import STANDINGS, Learner
from app.organisations.models import Organisation
from app.rules.models import RULE_STATES, Rule, RuleCandidate, RuleSource, RuleTarget, RuleVersion
from app.security.permissions import authorise

_NAME_OF_LEARNER = joinedload(Learner.person)


class CatalogueApi(BaseApi):
    """名录成果."""

    route_base = "/api/v1/catalogue/items"
    options = (
        joinedload(CatalogueItem.category),
        joinedload(CatalogueItem.organisation),
        joinedload(CatalogueItem.programme),
        joinedload(CatalogueItem.level),
    )

    @operation(
        "GET",
        "",
        scope="catalogue:read",
        summary="Items of the catalogue",
        returns="CatalogueItem",
        paged=True,
        query=(
            word("A word in the name."),
            word("The item's code, exactly.", "code"),
            word("Code of the category.", "category"),
            key_of("The institution or issuer.", "organisation"),
            one_of(ITEM_STATES.codes, "Its standing.", "standing"),
        ),
    )
    def list(self, call: Call) -> Any:
        asked, query = call.query, select(CatalogueItem)
        if "q" in asked:
            query = query.where(CatalogueItem.name.contains(asked["q"], autoescape=True))
        if "category" in asked:
            query = query.where(
                CatalogueItem.category_id.in_(select(Category.id).where(Category.code == asked["category"]))
            )
        if "organisation" in asked:
            query = query.where(CatalogueItem.organisation_id == asked["organisation"])
        for name in ("code", "standing"):
            if name in asked:
                query = query.where(getattr(CatalogueItem, name) == asked[name])
        return page(call, CatalogueItem, shapes.item, query, self.options)

    @operation("GET", "/<int:pk>", scope="catalogue:read", summary="One item", returns="CatalogueItem")
    def show(self, call: Call, pk: int) -> Any:
        return shapes.item(one(CatalogueItem, pk, self.options, call))

    @operation(
        "POST",
        "",
        scope="catalogue:write",
        summary="Add an item to the catalogue",
        returns="CatalogueItem",
        body=NEW_ITEM,
        status=201,
    )
    def create(self, uow: UnitOfWork, call: Call) -> Any:
        body = call.body
        category = uow.session.scalar(select(Category).where(Category.code == body["category"]))
        if category is None or uow.session.get(Organisation, body["organisation"]) is None:
            raise NotFound
        row = CatalogueItem(
            category_id=category.id,
            organisation_id=body["organisation"],
            programme_id=body.get("programme"),
            project=body.get("project", ""),
            code=body.get("code", ""),
            name=body["name"].strip(),
            credits=hundredths(body.get("credits")),
            description=body.get("description", ""),
            created_by_id=uow.actor.user_id,
        )
        catalogue.check_item(uow.session, row)
        values = catalogue.values_of(category, body.get("values", {}))
        catalogue.set_values(row, category, values)
        uow.session.add(row)
        try:
            uow.flush()
        except (IntegrityError, DataError) as error:
            raise refusal(error, CatalogueItem) from error
        authorise(uow.actor, "CatalogueApi.create", row)
        return shapes.item(row)


class RuleApi(BaseApi):
    """转换规则."""

    route_base = "/api/v1/rules"
    options = (
        joinedload(Rule.agreement),
        joinedload(Rule.programme),
        joinedload(Rule.current_version)
        .selectinload(RuleVersion.targets)
        .joinedload(RuleTarget.catalogue_item)
        .joinedload(CatalogueItem.organisation),
        joinedload(Rule.current_version)
        .selectinload(RuleVersion.sources)
        .options(
            joinedload(RuleSource.catalogue_item),
            joinedload(RuleSource.category),
            joinedload(RuleSource.minimum_level),
        ),
    )

    @operation(
        "GET",
        "",
        scope="rules:read",
        summary="Conversion rules with the version in force",
        returns="Rule",
        paged=True,
        query=(
            word("A word in the name."),
            key_of("The target programme.", "programme"),
            key_of("A catalogue item that the rule takes.", "source"),
            one_of(RULE_STATES.codes, "Its state.", "state"),
        ),
    )
    def list(self, call: Call) -> Any:
        asked, query = call.query, select(Rule)
        if "q" in asked:
            query = query.where(Rule.name.contains(asked["q"], autoescape=True))
        if "programme" in asked:
            query = query.where(Rule.programme_id == asked["programme"])
        if "source" in asked:
            candidates = select(RuleCandidate.rule_id).where(
                RuleCandidate.catalogue_item_id == asked["source"]
            )
            query = query.where(Rule.id.in_(candidates))
        if "state" in asked:
            query = query.where(Rule.state == asked["state"])
        return page(call, Rule, shapes.rule, query, self.options)

    @operation("GET", "/<int:pk>", scope="rules:read", summary="One rule", returns="Rule")
    def show(self, call: Call, pk: int) -> Any:
        return shapes.rule(one(Rule, pk, self.options, call))


class LearnerApi(BaseApi):
    """学习者: whose account it is and where they belong; no sealed data."""

    route_base = "/api/v1/learners"
    options = (_NAME_OF_LEARNER, joinedload(Learner.home_point), joinedload(Learner.programme))

    @operation(
        "GET",
        "",
        scope="learners:read",
        summary="Learners",
        returns="Learner",
        paged=True,
        query=(
            word("Part of the name, of its pinyin, or initials."),
            word("The account number, exactly.", "number"),
            key_of("The home teaching point.", "home_point"),
            one_of(STANDINGS.codes, "Their standing.", "standing"),
        ),
    )
    def list(self, call: Call) -> Any:
        asked, query = call.query, select(Learner)
        if "q" in asked:
            query = learners.named(query, asked["q"])
        for name, column in (("number", Learner.number), ("home_point", Learner.home_point_id)):
            if name in asked:
                query = query.where(column == asked[name])
        if "standing" in asked:
            query = query.where(Learner.standing == asked["standing"])
        return page(call, Learner, shapes.learner, query, self.options)

    @operation("GET", "/<int:pk>", scope="learners:read", summary="One learner", returns="Learner")
    def show(self, call: Call, pk: int) -> Any:
        return shapes.learner(one(Learner, pk, self.options, call))


class AchievementApi(BaseApi):
    """学习成果."""

    route_base = "/api/v1/achievements"
    options = (
        joinedload(Achievement.category),
        joinedload(Achievement.learner).options(_NAME_OF_LEARNER),
    )

    @operation(
        "GET",
        "",
        scope="achievements:read",
        summary="Learners' achievements",
        returns="Achievement",
        paged=True,
        query=(
            key_of("Whose.", "learner"),
            key_of("Of this catalogue item.", "item"),
            one_of(ACHIEVEMENT_STATES.codes, "Its state.", "state"),
        ),
    )
    def list(self, call: Call) -> Any:
        asked, query = call.query, select(Achievement)
        columns = {
            "learner": Achievement.learner_id,
            "item": Achievement.catalogue_item_id,
            "state": Achievement.state,
        }
        for name, column in columns.items():
            if name in asked:
                query = query.where(column == asked[name])
        return page(call, Achievement, shapes.achievement, query, self.options)

    @operation(
        "GET", "/<int:pk>", scope="achievements:read", summary="One achievement", returns="Achievement"
    )
    def show(self, call: Call, pk: int) -> Any:
        return shapes.achievement(one(Achievement, pk, self.options, call))


class CallerApi(BaseApi):
    """Whose key this is."""

    route_base = "/api/v1/caller"

    @operation("GET", "", scope="", summary="Who calls, with which scopes", returns="Caller")
    def show(self, call: Call) -> Any:
        caller, actor = call.caller, call.caller.actor
        organisation = {"id": actor.organisation_id, "name": actor.organisation_name}
        return {
            "key": caller.key_name,
            "name": actor.name,
            "roles": sorted(actor.roles),
            "organisation": organisation if actor.organisation_id else None,
            "scopes": sorted(caller.scopes),
            "requests_per_minute": settings().api_rate,
        }


#: In the order in which the description lists them.
APIS: tuple[type[BaseApi], ...] = (
    CallerApi,
    CatalogueApi,
    RuleApi,
    LearnerApi,
    AchievementApi,
    RecognitionApi,
    ConversionApi,
    DecisionApi,
)


class DescriptionApi(BaseApi):
    """The API described for programs (OpenAPI 3.1)."""

    route_base = "/api/v1"

    @expose("/openapi.json", methods=("GET",))
    def document(self) -> Response:
        """The document; it follows from the operations, so it can't be out of date."""
        content = json.dumps(description(APIS, settings().base_url), ensure_ascii=False)
        return Response(content, mimetype="application/json")


class SwaggerView(BaseView):
    """The API described for people; the scripts are the house's own."""

    route_base = "/swagger"
    default_view = "index"

    @expose("/v1")
    @has_access
    def index(self) -> ResponseReturnValue:
        return self.render_template("api/swagger.html")
