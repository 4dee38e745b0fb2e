"""Activation, registration and recovery: how somebody comes to an account, and back to it (spec 2.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select

from app.access.codes import CHANNELS, imported
from app.kernel.clock import now, today
from app.kernel.errors import N_, Conflict, DomainError, Invalid
from app.kernel.unit_of_work import UnitOfWork
from app.learners import identity, nations, regions
from app.learners.models import Learner
from app.learners.services import HOMES
from app.notices import services as notices
from app.organisations.models import Organisation
from app.organisations.services import centre
from app.security import codes, passwords, personal, services
from app.security.models import GENDERS, IDENTITY_TYPES, Account, Consent, Person, Terms

#: Roles of whoever activates or registers.
LEARNER = ("Learner",)


@dataclass(frozen=True)
class Proof:
    """What a code proved in a walk through the steps; see :func:`app.security.codes.spend`."""

    id: int | None
    purpose: str
    target: str
    binding: str


def spend(uow: UnitOfWork, proof: Proof) -> None:
    """Make use of a proof. Raises Conflict where it was used already, or is too old."""
    if proof.id is None or not codes.spend(uow, proof.id, proof.purpose, proof.target, proof.binding):
        raise Conflict("no_proof", N_("Please prove with a code again that it is you."))


def activate(uow: UnitOfWork, number: str, channel: str, password: str, proof: Proof) -> Account:
    """Give the imported learner with this identity number an account. Raises Invalid (password), Conflict."""
    spend(uow, proof)
    learner = imported(uow, number)
    if learner is None:
        raise Conflict("activated", N_("Please prove with a code again that it is you."))
    passwords.check(password, staff=False, avoid=services.avoided(learner.person))
    account = services.new_account(uow, learner.person, LEARNER, password=passwords.hashed(password))
    learner.user_id, learner.standing = account.id, "active"
    setattr(learner.person, f"{CHANNELS[channel]}_verified_at", now())
    uow.record("learner.activated", learner)
    return account


def recover(uow: UnitOfWork, name: str, kind: str, password: str, proof: Proof) -> Account:
    """Give the account that logs in by ``name`` a new password. Raises Invalid (password), Conflict."""
    spend(uow, proof)
    account = services.find_account(uow.session, name, kind)
    if account is None or not account.active:
        raise Conflict("gone", N_("Please prove with a code again that it is you."))
    services.set_password(uow, account, password, staff=services.is_staff(account))
    uow.record("security.recovered", account)
    return account


@dataclass(frozen=True)
class Registration:
    """What somebody types to register; ``home_id`` None means the centre."""

    login: str
    name: str
    password: str
    nationality: str
    ethnicity: str
    gender: str
    identity_type: str
    identity: str
    birth_date: date
    email: str
    region: tuple[str, str, str]
    address: str
    home_id: int | None
    mobile: str

    def avoided(self) -> tuple[str, ...]:
        """What must not be in the password."""
        return services.telling(self.name, self.identity, self.birth_date.isoformat(), self.login)


def register(uow: UnitOfWork, given: Registration, terms: Terms, proof: Proof) -> Account | None:
    """立即注册: person, account, learner and consent. None where the document's holder is known already.

    Whoever registers with a number that has an account gets the same answer, and its holder is told through their own
    address. Raises Invalid, naming the fields; Conflict without a proof of the mobile.
    """
    odd = check(uow, given)
    spend(uow, proof)
    hashed = passwords.hashed(given.password)
    holder = personal.find_by_identity(uow.session, given.identity_type, given.identity)
    if holder is not None and not _may_join(uow, holder, given.mobile):
        uow.record("learner.register_known", holder)
        notices.post(uow, "registered_again", holder.id, variables={"day": today()}, link="/recover/")
        return None
    person = holder or _person(uow, given)
    account = services.new_account(uow, person, LEARNER, login=given.login, password=hashed)
    learner = Learner(
        number=f"L{account.id:07d}",
        person_id=person.id,
        user_id=account.id,
        home_point_id=given.home_id or _centre(uow),
        created_by_id=account.id,
    )
    uow.session.add(learner)
    uow.session.add(Consent(person_id=person.id, terms_id=terms.id, address=uow.actor.address))
    uow.flush()
    uow.record("learner.registered", learner, terms=terms.edition, odd=odd)
    return account


def check(uow: UnitOfWork, given: Registration) -> list[str]:
    """Everything that can be wrong with a registration, field by field. Raises Invalid; returns what is merely odd."""
    faults: dict[str, list[DomainError]] = {}
    odd: list[str] = []

    def attempt(field: str, step: Callable[[], object]) -> None:
        try:
            step()
        except Invalid as error:
            for name, found in (error.fields or {field: [error]}).items():
                faults.setdefault(name, []).extend(found)

    attempt("login", lambda: services.name_account(uow.session, Account(username="-"), given.login))
    attempt("name", lambda: real_name(given.name))
    attempt("password", lambda: passwords.check(given.password, staff=False, avoid=given.avoided()))
    attempt("nationality", lambda: _one_of(given.nationality, nations.nationalities("zh")))
    attempt("ethnicity", lambda: _one_of(given.ethnicity, nations.ETHNICITIES))
    attempt("gender", lambda: _one_of(given.gender, GENDERS))
    attempt("identity_type", lambda: _one_of(given.identity_type, IDENTITY_TYPES))
    if "identity_type" not in faults:
        attempt(
            "identity",
            lambda: odd.extend(
                identity.check(given.identity_type, given.identity, given.birth_date, given.gender)
            ),
        )
    attempt("email", lambda: mailbox(given.email))
    attempt("mobile", lambda: personal.normal_mobile(given.mobile))
    attempt("address", lambda: full_address(given.region, given.address))
    attempt("home", lambda: _home(uow, given.home_id))
    if faults:
        raise Invalid("registration", N_("Please look at the marked fields."), faults)
    return odd


def mailbox(address: str) -> str:
    """An e-mail address as it is kept. Raises Invalid."""
    try:
        return validate_email(address.strip(), check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise Invalid("email", N_("This is not an e-mail address.")) from error


def full_address(region: tuple[str, str, str], detail: str) -> str:
    """Province, city, district and the rest in one line. Raises Invalid."""
    words = regions.words(*region)
    if words is None:
        raise Invalid("region", N_("Please choose province, city and district."))
    if not 2 <= len(detail.strip()) <= 200:
        raise Invalid("address", N_("Please give street and number, at most 200 characters."))
    return f"{words} {' '.join(detail.split())}"


def real_name(name: str) -> str:
    """A name as it is kept. Raises Invalid: control signs, markup, too long."""
    plain = " ".join(name.split())
    if not 2 <= len(plain) <= 50 or not all(sign.isalpha() or sign in " ·.'’-" for sign in plain):
        raise Invalid("name", N_("Please give your name as it stands in your document."))
    return plain


def _one_of(value: str, known: object) -> None:
    if value not in known:  # type: ignore[operator]
        raise Invalid("choice", N_("Please choose one of the list."))


def _centre(uow: UnitOfWork) -> int:
    """The management centre: home of whoever chose no teaching point."""
    found = centre(uow.session)
    if found is None:
        raise LookupError("no management centre: install the reference data (`flask --app run deploy`)")
    return found.id


def _home(uow: UnitOfWork, home_id: int | None) -> None:
    home = uow.session.get(Organisation, home_id) if home_id is not None else None
    if home_id is not None and (home is None or home.kind not in HOMES or not home.active):
        raise Invalid("home", N_("Please choose a teaching point that is open."))


def _may_join(uow: UnitOfWork, holder: Person, mobile: str) -> bool:
    """Whether a known person registers as a learner now: their verified mobile, and no account at the bank yet."""
    same = holder.mobile_index == personal.mobile_index(mobile) and holder.mobile_verified_at is not None
    learner = uow.session.scalar(select(Learner.id).where(Learner.person_id == holder.id))
    return same and learner is None


def _person(uow: UnitOfWork, given: Registration) -> Person:
    person = personal.new_person(
        real_name(given.name),
        identity_type=given.identity_type,
        identity=given.identity,
        mobile=given.mobile,
        email=mailbox(given.email),
        birth_date=given.birth_date.isoformat(),
        address=full_address(given.region, given.address),
    )
    person.gender, person.nationality, person.ethnicity = given.gender, given.nationality, given.ethnicity
    person.mobile_verified_at = now()
    uow.session.add(person)
    uow.flush()
    return person
