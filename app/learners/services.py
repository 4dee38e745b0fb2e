"""What staff do with a learner's record: move it to another teaching point, and look at what is sealed."""

from __future__ import annotations

from app.kernel.errors import N_, Forbidden, Invalid, NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.learners.models import Learner
from app.organisations.models import Organisation
from app.security import personal
from app.security.permissions import allowed, authorise

#: Where a learner can be at home: somebody there has to look at originals.
HOMES = ("teaching_point", "institution", "center")


def reveal(uow: UnitOfWork, learner: Learner, part: str, purpose: str) -> str | None:
    """The plain value of a sealed part; who looked, at what and for which purpose goes into the audit trail (spec 1.2).

    Raises Forbidden, Invalid without a purpose, NotFound for an unknown part.
    """
    authorise(uow.actor, "LearnerView.reveal", learner)
    if part not in personal.PARTS:
        raise NotFound
    purpose = purpose.strip()
    if len(purpose) < 4:
        raise Invalid("no_purpose", N_("Please say what you need it for."))
    if len(purpose) > 300:
        raise Invalid("too_long", N_("At most %(longest)s characters."), longest=300)
    uow.record("learner.revealed", learner, why=purpose, part=part)
    return personal.reveal(learner.person, part)


def check_home(uow: UnitOfWork, learner: Learner, before_id: int | None = None) -> None:
    """A learner's new home is open, can see originals, and is one that the actor may give them to.

    Cases under way keep the teaching point that they were submitted under. Raises Invalid, Forbidden.
    """
    if learner.home_point_id == before_id:
        return
    home = uow.session.get(Organisation, learner.home_point_id)
    if home is None or home.kind not in HOMES or not home.active:
        late = Invalid("home", N_("Please choose a teaching point that is open."))
        raise Invalid("home", late.message, fields={"home_point": [late]})
    if not uow.actor.is_system and not _may_give(uow, home):
        raise Forbidden("foreign_home", N_("You can move learners within your own organisation only."))


def _may_give(uow: UnitOfWork, home: Organisation) -> bool:
    if "Center" in uow.actor.roles:
        return True
    return bool(uow.actor.organisation_path) and home.path.startswith(uow.actor.organisation_path)


def may_see_masked(uow: UnitOfWork, learner: Learner) -> bool:
    """Whether the actor may see this learner's personal data in its masked form (spec 1.2)."""
    return uow.actor.is_system or allowed(uow.actor, "LearnerView.show", learner)
