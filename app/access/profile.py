"""A learner's own particulars: what they change themselves, and what staff look at first (更正申请, spec 5.20)."""

from __future__ import annotations

import re
from datetime import date

from sqlalchemy import select

from app.access.models import CORRECTABLE, Correction
from app.access.services import full_address, real_name
from app.evidence import services as evidence
from app.kernel.choices import Choice
from app.kernel.clock import now
from app.kernel.errors import N_, Conflict, Invalid, NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.learners import identity, nations
from app.learners.models import Learner
from app.notices import services as notices
from app.security import personal
from app.security.models import GENDERS
from app.security.permissions import authorise

#: How a decision on a correction is called in the notice.
ACCEPTED, REFUSED = Choice("accepted", N_("Accepted")), Choice("refused", N_("Not accepted"))


def describe(uow: UnitOfWork, learner: Learner, introduction: str) -> None:
    """个人简介, at most 500 characters. Raises Invalid."""
    if len(introduction) > 500:
        raise Invalid("too_long", N_("At most %(longest)s characters."), longest=500)
    learner.introduction = introduction.strip()


def move(uow: UnitOfWork, learner: Learner, region: tuple[str, str, str], detail: str) -> None:
    """A new address. Raises Invalid."""
    personal.seal(learner.person, address=full_address(region, detail))
    uow.flush()
    uow.record("learner.address_changed", learner)


def picture(uow: UnitOfWork, learner: Learner, content: bytes | None) -> None:
    """A picture of oneself, drawn anew and small; None takes it away. Raises Invalid, TooLarge, NoSpace."""
    learner.picture = evidence.keep_picture(uow, content) if content is not None else None


def ask(
    uow: UnitOfWork, learner: Learner, part: str, value: str, reason: str, upload: tuple[str, bytes] | None
) -> Correction:
    """Say that something in one's particulars is wrong, with the document that shows it. Raises Invalid, Conflict."""
    if part not in CORRECTABLE:
        raise NotFound
    plain = checked(learner, part, value)
    if not 4 <= len(reason.strip()) <= 300:
        raise Invalid("reason", N_("Please say in a few words what is wrong."))
    open_one = select(Correction.id).where(
        Correction.learner_id == learner.id, Correction.part == part, Correction.decided_at.is_(None)
    )
    if uow.session.scalar(open_one) is not None:
        raise Conflict("open", N_("A correction of this is being looked at already."))
    file = evidence.keep(uow, learner.id, *upload) if upload is not None else None
    row = Correction(
        learner_id=learner.id,
        part=part,
        sealed=personal.seal_value(learner.person, f"correction {part}", plain),
        reason=reason.strip(),
        file_id=file.id if file is not None else None,
        created_by_id=uow.actor.user_id,
    )
    uow.session.add(row)
    uow.flush()
    uow.record("learner.correction_asked", row, part=part)
    return row


def decide(uow: UnitOfWork, row: Correction, accepted: bool, answer: str) -> None:
    """Accept or refuse a correction; the learner is told. Raises Forbidden, Conflict, Invalid."""
    authorise(uow.actor, "CorrectionDesk.decide", row)
    if row.decided_at is not None:
        raise Conflict("decided", N_("This was decided already."))
    if row.learner.person_id == uow.actor.person_id:
        raise Conflict("own_case", N_("Nobody decides on their own case."))
    if not accepted and len(answer.strip()) < 2:
        raise Invalid("answer", N_("Please give the reason: the learner will read it."))
    if accepted:
        _apply(uow, row)
    row.accepted, row.decided_at, row.decided_by_id = accepted, now(), uow.actor.user_id
    row.answer = answer.strip()[:300]
    uow.flush()
    uow.record("learner.correction_decided", row, accepted=accepted)
    notices.post(
        uow,
        "correction_decided",
        row.learner.person_id,
        variables={
            "what": CORRECTABLE[row.part],
            "outcome": ACCEPTED if accepted else REFUSED,
            "opinion": row.answer or "-",
        },
        link="/me/profile/",
    )


def wanted(row: Correction) -> str | None:
    """The new value that a correction asks for; None once the person was erased."""
    return personal.open_value(row.learner.person, f"correction {row.part}", row.sealed)


def checked(learner: Learner, part: str, value: str) -> str:
    """``value`` as it would be kept. Raises Invalid."""
    value = value.strip()
    person = learner.person
    if part == "name":
        return real_name(value)
    if part == "identity":
        identity.check(person.identity_type or "resident", value)
        return personal.normal_identity(value)
    if part == "birth_date":
        return _date(value)
    known: object = {
        "gender": GENDERS,
        "nationality": nations.nationalities("zh"),
        "ethnicity": nations.ETHNICITIES,
    }
    if value not in known[part]:  # type: ignore[index]
        raise Invalid("choice", N_("Please choose one of the list."))
    return value


def _date(value: str) -> str:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise Invalid("date", N_("This date of birth can't be right."))
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError as error:
        raise Invalid("date", N_("This date of birth can't be right.")) from error


def _apply(uow: UnitOfWork, row: Correction) -> None:
    person, value = row.learner.person, wanted(row)
    if value is None:
        raise Conflict("erased", N_("This account was closed meanwhile."))
    if row.part == "name":
        personal.rename(person, value)
    elif row.part == "identity":
        other = personal.find_by_identity(uow.session, person.identity_type or "resident", value)
        if other is not None and other.id != person.id:
            raise Conflict("taken", N_("Another person has this document's number."))
        # What was spent stays spent: holds and uses carry the seal that they were written with.
        seal = person.holder_seal
        personal.seal(person, identity=value)
        person.holder_seal = seal or person.holder_seal
    elif row.part == "birth_date":
        personal.seal(person, birth_date=value)
    else:
        setattr(person, row.part, value)
