"""Commands of accounts: invitations from the host, and renewing keys."""

from __future__ import annotations

import base64
import secrets

import click
from flask.cli import with_appcontext
from sqlalchemy import func, select

from app.access import invitations
from app.access.models import Invitation
from app.kernel.actor import SYSTEM
from app.kernel.commands import plain
from app.kernel.database import db
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.organisations.models import Organisation
from app.organisations.services import centre
from app.security import personal, totp
from app.security.models import IDENTITY_TYPES, Person, PersonKey
from app.security.permissions import STAFF, Role
from app.security.services import find_account

#: Persons whose keys are wrapped anew in one transaction.
_CHUNK = 500


@click.group()
def user() -> None:
    """Staff accounts."""


@user.command("invite")
@click.option("--bootstrap", is_flag=True, help="The first administrator; only while there is none.")
@click.option("--login", prompt="User name", help="Letters and digits, beginning with a letter.")
@click.option("--name", prompt="Real name", help="As it stands in the person's document.")
@click.option(
    "--identity-type", type=click.Choice(IDENTITY_TYPES.codes), default="resident", show_default=True
)
@click.option(
    "--identity", prompt="Identity number", help="Keeps duties apart: one person, however many accounts."
)
@click.option("--mobile", prompt="Mobile", help="Where the link goes.")
@click.option("--email", prompt="E-mail", help="Where the link goes too.")
@click.option("--organisation", default="", help="Its code or name; the management centre where not given.")
@click.option("--department", default="", help="Prefills opinions.")
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice([str(role) for role in STAFF]),
    help="May be repeated.",
)
@with_appcontext
@plain
def user_invite(bootstrap: bool, organisation: str, roles: tuple[str, ...], **given: str) -> None:
    """Invite a member of staff by a one-time link, valid for 24 hours.

    With --bootstrap the first administrator, whose link is printed here. Roles of committees, auditors, the centre and
    administrators need a second administrator; while there is none, `user approve` stands in for them.
    """
    wanted = tuple(Role(role) for role in roles) or ((Role.ADMIN,) if bootstrap else ())
    with UnitOfWork(db.session, SYSTEM) as uow:
        guest = invitations.Guest(organisation_id=_organisation(uow, organisation), roles=wanted, **given)
        if bootstrap:
            row, token = invitations.bootstrap(uow, guest)
            click.echo(f"Invitation {row.id}. Open within {settings().policies.invitation} hours:")
            click.echo(f"{settings().base_url}/invited/{token}")
            return
        row = invitations.invite(uow, guest)
        waiting = invitations.waits(row)
        click.echo(
            f"Invitation {row.id} " + ("waits for a second administrator." if waiting else "is on its way.")
        )


@user.command("approve")
@click.argument("invitation", type=int)
@with_appcontext
@plain
def user_approve(invitation: int) -> None:
    """Let INVITATION through from the host, while there is no second administrator to do it."""
    with UnitOfWork(db.session, SYSTEM) as uow:
        row = uow.session.get(Invitation, invitation)
        if row is None:
            raise click.ClickException(f"there is no invitation {invitation}")
        invitations.operator_approves(uow, row)
    click.echo(f"Invitation {invitation} is on its way.")


def _organisation(uow: UnitOfWork, wanted: str) -> int:
    found = (
        uow.session.scalar(
            select(Organisation).where((Organisation.code == wanted) | (Organisation.name == wanted))
        )
        if wanted
        else centre(uow.session)
    )
    if found is None:
        raise click.ClickException(f"there is no organisation {wanted!r}")
    return found.id


@user.command("reset-factor")
@click.argument("login")
@with_appcontext
@plain
def user_reset_factor(login: str) -> None:
    """Remove the second factor of the account that logs in by LOGIN, e.g. after its device and codes were lost."""
    with UnitOfWork(db.session, SYSTEM) as uow:
        account = find_account(uow.session, login)
        if account is None:
            raise click.ClickException("there is no such account")
        totp.remove(uow, account)
    click.echo("Removed; its sessions have ended.")


@click.group()
def keys() -> None:
    """Keys that personal data is sealed under."""


@keys.command("new")
def keys_new() -> None:
    """Print a new key, to be appended to CREDITBANK_DATA_KEYS (after a comma) or to the key file (a line)."""
    click.echo(base64.b64encode(secrets.token_bytes(32)).decode())


@keys.command("rotate")
@with_appcontext
@plain
def keys_rotate() -> None:
    """Wrap every person's key with the newest of CREDITBANK_DATA_KEYS. May be broken off and repeated.

    The first key stays: blind indexes are made with it. Others may be taken out once this command says that none is left.
    """
    newest = len(settings().data_keys) - 1
    total = db.session.scalar(select(func.count()).select_from(PersonKey)) or 0
    done = last = 0
    with click.progressbar(length=total, label="Keys") as bar:
        while True:
            with UnitOfWork(db.session, SYSTEM) as uow:
                people = uow.session.scalars(
                    select(Person).join(Person.key).where(Person.id > last).order_by(Person.id).limit(_CHUNK)
                ).all()
                changed = sum(personal.rewrap(person) for person in people)
                if changed:
                    uow.record("keys.rotated", people[-1], count=changed, newest=newest)
                done += changed
                last = people[-1].id if people else last
            bar.update(len(people))
            db.session.expunge_all()
            if not people:
                break
    click.echo(f"{done} of {total} keys wrapped anew; all are under key {newest + 1} of {newest + 1}.")
