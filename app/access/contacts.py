"""Changing one's mobile or e-mail: proved at the new one, told to the old one (spec 2.1)."""

from __future__ import annotations

from app.access.codes import CHANNELS
from app.access.services import Proof, mailbox, spend
from app.kernel.choices import Choice
from app.kernel.clock import now
from app.kernel.errors import N_, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.notices import services as notices
from app.security import personal
from app.security.models import Account

#: What notices call the parts.
LABELS = {"sms": N_("Mobile"), "email": N_("E-mail")}


def normal(channel: str, address: str) -> str:
    """A mobile or mailbox as it is kept. Raises Invalid."""
    return personal.normal_mobile(address) if channel == "sms" else mailbox(address)


def change(uow: UnitOfWork, account: Account, channel: str, address: str, proof: Proof) -> None:
    """Put a proved address in the place of the present one, and tell the old. Raises Conflict, Invalid."""
    spend(uow, proof)
    person = account.person
    if person is None:
        raise Invalid("no_person", N_("This account belongs to nobody."))
    part = CHANNELS[channel]
    old = personal.reveal(person, part)
    personal.seal(person, **{part: normal(channel, address)})
    setattr(person, f"{part}_verified_at", now())
    uow.flush()
    uow.record("security.contact_changed", person, part=part)
    if old:
        notices.post(
            uow,
            "contact_changed",
            person.id,
            variables={"what": Choice(part, LABELS[channel]), "masked": personal.masked(person, part)},
            to={channel: old},
        )
