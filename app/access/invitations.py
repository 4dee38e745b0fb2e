"""Staff come in by invitation: a one-time link, and for powerful roles a second administrator (spec 2.1, 5)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from flask_appbuilder.security.sqla.models import Role as FabRole
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.access.models import Invitation
from app.access.services import mailbox, real_name
from app.kernel.clock import now
from app.kernel.errors import N_, Conflict, Forbidden, Invalid
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.learners import identity
from app.notices import services as notices
from app.organisations.models import Organisation
from app.security import personal, services
from app.security.models import Account
from app.security.permissions import STAFF, Role, authorise

#: Roles that one person alone must not be able to hand out (spec 5).
POWERFUL = frozenset({Role.COMMITTEE, Role.AUDITOR, Role.CENTER, Role.ADMIN})
#: Kinds of organisation that each role belongs to.
PLACES: dict[Role, tuple[str, ...]] = {
    Role.ADMIN: ("center",),
    Role.CENTER: ("center",),
    Role.AUDITOR: ("center",),
    Role.INSTITUTION: ("institution", "issuer"),
    Role.POINT: ("teaching_point",),
    Role.COMMITTEE: ("center", "institution", "teaching_point", "reviewer", "issuer"),
    Role.ASSESSOR: ("reviewer",),
}


@dataclass(frozen=True)
class Guest:
    """Whom to invite. The identity number keeps duties apart: who has two accounts is still one person."""

    login: str
    name: str
    identity_type: str
    identity: str
    mobile: str
    email: str
    organisation_id: int
    department: str
    roles: tuple[Role, ...]


def invite(uow: UnitOfWork, guest: Guest) -> Invitation:
    """An account without a password, and its invitation; the link goes out at once, or after approval.

    Raises Forbidden, Invalid.
    """
    authorise(uow.actor, "InvitationDesk.invite")
    return _invite(uow, guest, by_operator=False)


def bootstrap(uow: UnitOfWork, guest: Guest) -> tuple[Invitation, str]:
    """The first administrator, invited by whoever runs the host; returns the link's token too.

    Raises Conflict as soon as an administrator exists.
    """
    if administrators(uow.session):
        raise Conflict("has_admin", N_("There is an administrator already: ask them for an invitation."))
    row = _invite(uow, guest, by_operator=True)
    return row, _issue(uow, row)


def operator_approves(uow: UnitOfWork, row: Invitation) -> None:
    """Let an invitation through from the host's command line, while fewer than two administrators could approve it.

    Raises Conflict.
    """
    if administrators(uow.session) > 1:
        raise Conflict("has_admins", N_("There is a second administrator: they approve it on the page."))
    _still_open(row)
    row.by_operator = True
    _let_through(uow, row)


def ask_roles(uow: UnitOfWork, account: Account, roles: tuple[Role, ...], reason: str) -> Invitation:
    """More roles for an account that exists. Raises Forbidden, Invalid."""
    authorise(uow.actor, "InvitationDesk.invite")
    if account.id == uow.actor.user_id:
        raise Forbidden("own_account", N_("Nobody changes the rights of their own account."))
    row = _row(uow, account, roles, reason=reason)
    if not row.needs_second:
        _let_through(uow, row)
    return row


def approve(uow: UnitOfWork, row: Invitation) -> None:
    """The second administrator lets an invitation through. Raises Forbidden, Conflict."""
    authorise(uow.actor, "InvitationDesk.approve")
    _not_ones_own(uow, row)
    _still_open(row)
    row.approved_by_id, row.approved_at = uow.actor.user_id, now()
    uow.record("invitation.approved", row)
    _let_through(uow, row)


def refuse(uow: UnitOfWork, row: Invitation) -> None:
    """The second administrator does not let it through; or whoever invited takes it back. Raises Conflict."""
    authorise(uow.actor, "InvitationDesk.approve")
    if row.used_at is not None or row.refused_at is not None:
        raise Conflict("closed", N_("This invitation is closed."))
    row.refused_at, row.approved_at, row.approved_by_id, row.token_hash = now(), None, None, None
    uow.record("invitation.refused", row)


def renew(uow: UnitOfWork, row: Invitation) -> None:
    """A new link in the place of one that was lost or is too old. Raises Conflict."""
    authorise(uow.actor, "InvitationDesk.invite")
    if row.used_at is not None or row.refused_at is not None or waits(row):
        raise Conflict("closed", N_("This invitation is closed."))
    _issue(uow, row)


def waits(row: Invitation) -> bool:
    """Whether a second administrator has still to look at it."""
    return row.needs_second and row.approved_at is None and row.refused_at is None and not row.by_operator


def find(session: Session, token: str) -> Invitation | None:
    """The invitation that a link leads to, while it can be used."""
    return session.scalar(
        select(Invitation).where(
            Invitation.token_hash == _digest(token),
            Invitation.used_at.is_(None),
            Invitation.refused_at.is_(None),
            Invitation.expires_at > now(),
        )
    )


def accept(uow: UnitOfWork, token: str, password: str) -> Account:
    """Use a link up and set the account's password. Raises Conflict, Invalid."""
    row = uow.session.scalar(
        select(Invitation)
        .where(Invitation.token_hash == _digest(token))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None or row.used_at or row.refused_at or row.expires_at is None or row.expires_at <= now():
        raise Conflict("used", N_("This link was used, or is too old. Please ask for a new one."))
    row.used_at = now()
    account = uow.session.get_one(Account, row.account_id)
    services.set_password(uow, account, password, staff=True)
    account.active = True
    uow.record("invitation.used", account)
    return account


def administrators(session: Session) -> int:
    """How many administrators can log in."""
    found = select(func.count(Account.id)).where(
        Account.active, Account.password.is_not(None), Account.roles.any(FabRole.name == Role.ADMIN)
    )
    return session.scalar(found) or 0


def _invite(uow: UnitOfWork, guest: Guest, *, by_operator: bool) -> Invitation:
    identity.check(guest.identity_type, guest.identity)
    place = uow.session.get(Organisation, guest.organisation_id)
    if place is None or not place.active or not guest.roles:
        raise Invalid("organisation", N_("Please choose an organisation and at least one role."))
    if any(place.kind not in PLACES.get(role, ()) for role in guest.roles):
        raise Invalid("roles", N_("These roles don't belong to an organisation of this kind."))
    person = personal.find_by_identity(uow.session, guest.identity_type, guest.identity)
    if person is None:
        person = personal.new_person(
            real_name(guest.name),
            identity_type=guest.identity_type,
            identity=guest.identity,
            mobile=guest.mobile,
            email=mailbox(guest.email),
        )
        uow.session.add(person)
        uow.flush()
    account = services.new_account(uow, person, (), login=guest.login)
    account.active = False
    account.organisation_id, account.department = place.id, guest.department.strip()[:100]
    row = _row(uow, account, guest.roles, by_operator=by_operator)
    # The person may be known, with contacts of their own: the link goes where the inviter says only where nobody is.
    if not waits(row) and not by_operator:
        _let_through(uow, row)
    elif by_operator:
        _give(uow, row)
    return row


def _row(
    uow: UnitOfWork, account: Account, roles: tuple[Role, ...], *, reason: str = "", by_operator: bool = False
) -> Invitation:
    if not set(roles) <= set(STAFF) or not roles:
        raise Invalid("roles", N_("Please choose an organisation and at least one role."))
    row = Invitation(
        account_id=account.id,
        roles=" ".join(sorted(roles)),
        reason=reason.strip()[:300],
        needs_second=bool(POWERFUL & set(roles)),
        by_operator=by_operator,
        created_by_id=uow.actor.user_id,
    )
    row.account = account
    uow.session.add(row)
    uow.flush()
    uow.record("invitation.asked", row, roles=row.roles)
    return row


def _let_through(uow: UnitOfWork, row: Invitation) -> None:
    _give(uow, row)
    if row.account.password is None:
        _issue(uow, row)
    else:
        row.used_at = now()


def _give(uow: UnitOfWork, row: Invitation) -> None:
    """Add the roles to the account; whatever it may do now, it has to log in for it."""
    wanted = set(row.roles.split()) - {role.name for role in row.account.roles}
    found = uow.session.scalars(select(FabRole).where(FabRole.name.in_(wanted)))
    row.account.roles = [*row.account.roles, *found]
    services.end_sessions(uow, row.account)


def _issue(uow: UnitOfWork, row: Invitation) -> str:
    """A fresh link, told to the account's person by N0; the token itself is kept nowhere."""
    token = secrets.token_urlsafe(32)
    row.token_hash = _digest(token)
    row.expires_at = now() + timedelta(hours=settings().policies.invitation)
    uow.flush()
    uow.record("invitation.issued", row)
    person = row.account.person
    mobile, email = personal.reveal(person, "mobile"), personal.reveal(person, "email")
    notices.post(
        uow,
        "staff_account",
        person.id,
        variables={"name": person.name, "username": services.login_of(row.account)},
        secret={"link": f"{settings().base_url}/invited/{token}"},
        to={channel: address for channel, address in (("sms", mobile), ("email", email)) if address},
    )
    return token


def _still_open(row: Invitation) -> None:
    if row.used_at is not None or not waits(row):
        raise Conflict("closed", N_("This invitation is closed."))


def _not_ones_own(uow: UnitOfWork, row: Invitation) -> None:
    """Whoever asked doesn't approve, nor the person concerned, whichever of their accounts they use."""
    asked = uow.session.get(Account, row.created_by_id) if row.created_by_id is not None else None
    concerned = {asked.person_id if asked is not None else None, row.account.person_id}
    if uow.actor.user_id == row.created_by_id or uow.actor.person_id in concerned:
        raise Forbidden("second", N_("A second administrator has to approve this, not the one who asked."))


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
