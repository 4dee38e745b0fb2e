"""Who is asking: one query finds account, person, roles, organisation, learner and committees."""

from __future__ import annotations

from typing import Any

from flask import g, has_request_context, request, session
from sqlalchemy import Select, Text, and_, cast, func, or_, select
from sqlalchemy.orm import Session

from app.kernel.actor import SYSTEM, VISITOR, Actor
from app.kernel.clock import today
from app.kernel.database import Model
from app.security.models import Account

_tables = Model.metadata.tables


class SignedIn:
    """What Flask-Login and Flask-AppBuilder hold as the current user: the actor, in their vocabulary."""

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.id = actor.user_id

    def get_id(self) -> str:
        return str(self.id)

    def get_full_name(self) -> str:
        return self.actor.name

    def __repr__(self) -> str:
        return self.actor.name


def actor() -> Actor:
    """The actor of the running request; a visitor where nobody is logged in, the system outside of requests."""
    if not has_request_context():
        return SYSTEM
    found: Actor | None = getattr(session, "actor", None)
    if found is not None and session.get("_user_id") == str(found.user_id):
        return found
    if "visitor" not in g:
        g.visitor = Actor(user_id=None, roles=VISITOR.roles, address=request.remote_addr or "")
    return g.visitor  # type: ignore[no-any-return]


def actor_of(database: Session, account_id: int, address: str = "") -> Actor:
    """The actor behind an account, for log-in, commands and tests. Raises LookupError when there is none."""
    row = database.execute(actor_query().where(Account.id == account_id)).one_or_none()
    if row is None:
        raise LookupError(f"no account {account_id}")
    return actor_from(row, address)


def actor_query(*columns: Any) -> Select[Any]:
    """Select what an actor is made of, and ``columns`` beside it. The caller adds joins and conditions."""
    role, assigned, member = _tables["ab_role"], _tables["ab_user_role"], _tables["committee_member"]
    committee, organisation, learner, person = (
        _tables[name] for name in ("committee", "organisation", "learner", "person")
    )
    day = today()
    roles = (
        select(func.aggregate_strings(role.c.name, ","))
        .join(assigned, assigned.c.role_id == role.c.id)
        .where(assigned.c.user_id == Account.id)
        .scalar_subquery()
    )
    committees = (
        select(func.aggregate_strings(cast(member.c.committee_id, Text), ","))
        .join(committee, committee.c.id == member.c.committee_id)
        .where(
            and_(member.c.user_id == Account.id, committee.c.active, member.c.since <= day),
            or_(member.c.until.is_(None), member.c.until >= day),
        )
        .scalar_subquery()
    )
    return (
        select(
            Account.id.label("user_id"),
            Account.person_id,
            person.c.name,
            Account.department,
            organisation.c.id.label("organisation_id"),
            organisation.c.path,
            organisation.c.name.label("organisation_name"),
            learner.c.id.label("learner_id"),
            roles.label("roles"),
            committees.label("committees"),
            *columns,
        )
        .select_from(Account)
        .outerjoin(person, person.c.id == Account.person_id)
        .outerjoin(organisation, organisation.c.id == Account.organisation_id)
        .outerjoin(learner, learner.c.user_id == Account.id)
    )


def actor_from(row: Any, address: str) -> Actor:
    """The actor in a row of :func:`actor_query`."""
    return Actor(
        user_id=row.user_id,
        person_id=row.person_id,
        name=row.name or "",
        roles=frozenset((row.roles or "").split(",")) - {""},
        organisation_id=row.organisation_id,
        organisation_path=row.path or "",
        organisation_name=row.organisation_name or "",
        department=row.department,
        learner_id=row.learner_id,
        committee_ids=frozenset(int(part) for part in (row.committees or "").split(",") if part),
        address=address,
    )
