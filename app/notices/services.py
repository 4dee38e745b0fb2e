"""Telling people: rows of the outbox, written in the transaction of what they tell (spec 2.8).

The words are put together at once, in the language of the bank. What is secret (codes, one-time links) stands
only in ``Notice.secret``, sealed, until the worker has delivered it; on screen it is a row of dots.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from uuid import uuid4

from sqlalchemy import inspect, select, update
from sqlalchemy.orm import Session

from app.kernel.clock import now
from app.kernel.errors import N_, Conflict, DomainError, Invalid, NotFound
from app.kernel.settings import settings
from app.kernel.unit_of_work import UnitOfWork
from app.notices import words
from app.notices.models import Notice, NoticePreference, NoticeTemplate
from app.notices.words import MASK, Value
from app.security import personal
from app.security.models import Person

#: Binds a sealed payload to what it is for.
PURPOSE = "notice"
_CHANNELS = ("in_app", "sms", "email")
#: Warnings that nobody can decline.
ALWAYS = frozenset({"contact_changed", "staff_account", "registered_again", "standing_changed"})
#: What previews show for a variable; others show their own name.
_SAMPLES = {
    "name": "陈喆",
    "username": "chenzhe",
    "source": "大学英语等级考试(CET)四级及以上证书",
    "target": "学位外语",
    "organisation": "广东开放大学",
    "code": "493817",
    "minutes": "10",
    "masked": "138****1234",
    "count": "3",
    "question": "外省的课程成绩可以认定吗？",
    "title": "关于2026年秋季学习成果认定工作的通知",
    "body": "学习成果认定申请自9月1日起受理，请按时提交。",
}
#: A path, not the address of another host in disguise (two slashes, or a backslash).
_LINK = re.compile(r"|/(?![/\\])[^\s\\\x00-\x1f]*")


def post(
    uow: UnitOfWork,
    code: str,
    person_id: int | None,
    *,
    variables: Mapping[str, Value],
    link: str = "",
    secret: Mapping[str, str] | None = None,
    to: Mapping[str, str] | None = None,
    event: str | None = None,
) -> list[Notice]:
    """Put a notice in the outbox, one row per channel; returns the rows (none, if this was already posted).

    ``variables`` and ``secret`` together fill exactly the template's variables; what is in ``secret`` is
    sealed and goes by SMS and e-mail only. ``to`` maps channels to addresses that stand instead of the
    person's own, e.g. the old one after a change; without a person it says where to go, and nothing shows in
    the platform. ``link`` is a path of ours. ``event`` names what happened, so that posting it twice is
    posting it once; by default it is the act recorded last in this unit of work.

    Raises Invalid where the variables are not those of the template.
    """
    template = _template(uow, code)
    person = uow.session.get(Person, person_id) if person_id is not None else None
    if person is None and (person_id is not None or to is None):
        raise NotFound
    if not _LINK.fullmatch(link):
        raise ValueError("a notice leads to a page of ours")
    language = settings().locale
    hidden = dict(secret or {})
    plain = {name: words.shown(value, language) for name, value in variables.items()}
    masked = plain | dict.fromkeys(hidden, MASK)
    _check_names(template, set(masked))
    root = _root(code, person_id, event or _event(uow, masked, link, unique=bool(hidden)))
    asked = person_id is None or hidden or to or code in ALWAYS
    declined = set() if asked or person_id is None else _declined(uow, person_id)
    channels = [c for c in _channels(template, bool(hidden) or person is None, to) if c not in declined]
    if uow.session.scalar(select(Notice.id).where(Notice.key.in_([f"{root}.{c}" for c in channels]))):
        return []
    subject, body = _fill(template, masked, language)
    real = _fill(template, plain | hidden, language)[1]
    notices = []
    for channel in channels:
        notice = Notice(
            key=f"{root}.{channel}",
            template_code=code,
            person_id=person_id,
            channel=channel,
            language=language,
            variables=masked,
            subject=subject[:200],
            body=body,
            link=link,
            resendable=channel != "in_app" and not hidden and not to,
            created_by_id=uow.actor.user_id,
        )
        _route(notice, person, to)
        if notice.state == "pending" and (hidden or to):
            _seal(notice, real, (to or {}).get(channel))
        uow.session.add(notice)
        notices.append(notice)
    uow.flush()
    return notices


def resend(uow: UnitOfWork, notice_id: int) -> Notice:
    """Put a copy of a notice in the outbox, for staff. A copy may be sent again in its turn.

    Raises Conflict for one that is still on its way or was sent again already, and for one that carried a
    secret: of those a new one is asked for where the first one was.
    """
    old = uow.session.get(Notice, notice_id)
    if old is None:
        raise NotFound
    if not old.resendable:
        raise Conflict(
            "not_resendable", N_("This notice can't be sent again: let its code or link be issued anew.")
        )
    if old.state in ("pending", "sending"):
        raise Conflict("on_its_way", N_("This notice is still on its way."))
    root = sha256(f"again {old.key}".encode()).hexdigest()[:32]
    key = f"{old.template_code}.{root}.{old.channel}"
    if uow.session.scalar(select(Notice.id).where(Notice.key == key)):
        raise Conflict("sent_again", N_("This notice was already sent again."))
    same = ("template_code", "person_id", "channel", "language", "variables", "subject", "body", "link")
    notice = Notice(key=key, created_by_id=uow.actor.user_id, **{name: getattr(old, name) for name in same})
    _route(notice, old.person, None)
    uow.session.add(notice)
    uow.flush()
    uow.record("notice.resend", notice, earlier=old.id)
    return notice


def mark_read(uow: UnitOfWork, notice_id: int | None = None) -> None:
    """Note that the actor has read a notice of their own (``None``: all of them). Others' are left alone."""
    mine = update(Notice).where(
        Notice.person_id == uow.actor.person_id, Notice.channel == "in_app", Notice.read_at.is_(None)
    )
    if notice_id is not None:
        mine = mine.where(Notice.id == notice_id)
    uow.session.execute(mine.values(read_at=now(), version=Notice.version + 1))


@dataclass(frozen=True)
class Words:
    """A notice's words without variables left, and whether its template goes out by e-mail."""

    subject: str
    body: str
    by_email: bool


def words_of(uow: UnitOfWork, code: str, variables: Mapping[str, Value]) -> Words:
    """The words that :func:`post` would write, for notices written many at a time. Raises Invalid."""
    template, language = _template(uow, code), settings().locale
    plain = {name: words.shown(value, language) for name, value in variables.items()}
    _check_names(template, set(plain))
    subject, body = _fill(template, plain, language)
    return Words(subject, body, template.by_email)


def preference(session: Session, person_id: int | None) -> tuple[bool, bool]:
    """(by SMS, by e-mail): both, where a person has said nothing."""
    row = session.scalar(select(NoticePreference).where(NoticePreference.person_id == person_id))
    return (row.by_sms, row.by_email) if row is not None else (True, True)


def prefer(uow: UnitOfWork, *, by_sms: bool, by_email: bool) -> None:
    """Note by which ways the actor wants to be told from now on; what is on its way already still comes."""
    me = uow.actor.person_id
    if me is None:
        raise NotFound
    row = uow.session.scalar(select(NoticePreference).where(NoticePreference.person_id == me))
    if row is None:
        row = NoticePreference(person_id=me, created_by_id=uow.actor.user_id)
        uow.session.add(row)
    row.by_sms, row.by_email = by_sms, by_email
    uow.flush()


def _declined(uow: UnitOfWork, person_id: int) -> set[str]:
    by_sms, by_email = preference(uow.session, person_id)
    return {channel for channel, wanted in (("sms", by_sms), ("email", by_email)) if not wanted}


def check_template(template: NoticeTemplate) -> None:
    """Raises Invalid, naming the fields, where the words of ``template`` use a variable it doesn't have."""
    faults: dict[str, list[DomainError]] = {}
    for field in ("subject_zh", "subject_en", "body_zh", "body_en"):
        try:
            words.check(getattr(template, field) or "", _names(template))
        except Invalid as error:
            faults[field] = [error]
    if faults:
        raise Invalid("bad_template", N_("These words can't be used."), faults)


def preview(template: NoticeTemplate, language: str) -> tuple[str, str]:
    """Subject and body of ``template`` with a sample for each variable. Raises Invalid."""
    return _fill(template, {name: _SAMPLES.get(name, f"〔{name}〕") for name in _names(template)}, language)


def _template(uow: UnitOfWork, code: str) -> NoticeTemplate:
    template: NoticeTemplate | None = uow.session.scalar(
        select(NoticeTemplate).where(NoticeTemplate.code == code)
    )
    if template is None:
        raise LookupError(
            f"no notice template {code!r}: install the reference data (`flask --app run deploy`)"
        )
    return template


def _names(template: NoticeTemplate) -> frozenset[str]:
    return frozenset(filter(None, (name.strip() for name in template.variables.split(","))))


def _check_names(template: NoticeTemplate, given: set[str]) -> None:
    for name in given - _names(template):
        raise Invalid("unknown_variable", N_("This notice has no variable “{%(place)s}”."), place=name)
    for name in _names(template) - given:
        raise Invalid("missing_variable", N_("The variable “{%(place)s}” has no value."), place=name)


def _fill(template: NoticeTemplate, values: Mapping[str, str], language: str) -> tuple[str, str]:
    subject, body = (
        (template.subject_zh, template.body_zh)
        if language == "zh"
        else (template.subject_en, template.body_en)
    )
    return " ".join(words.fill(subject, values).split()), words.fill(body, values)


def _channels(template: NoticeTemplate, secret: bool, to: Mapping[str, str] | None) -> list[str]:
    """In the platform always, but for secrets, which can't be shown there; the rest as the template wants."""
    wanted = {"in_app": not secret, "sms": template.by_sms, "email": template.by_email}
    return [c for c in _CHANNELS if wanted[c] and (to is None or c == "in_app" or to.get(c))]


def _route(notice: Notice, person: Person | None, to: Mapping[str, str] | None) -> None:
    """The first state: read in the platform at once, on its way, or nowhere to go."""
    if notice.channel == "in_app":
        notice.state, notice.sent_at = "sent", now()
    elif to is None and (person is None or not reachable(person, notice.channel)):
        notice.state = "no_address"
    else:
        notice.state = "pending"


def _seal(notice: Notice, body: str, address: str | None) -> None:
    payload = json.dumps({"body": body, "address": address})
    notice.secret = personal.seal_bytes(PURPOSE, notice.key, payload.encode())


def unseal(notice: Notice) -> tuple[str, str | None]:
    """The real words of a notice and, where it has one of its own, its address; for its delivery only."""
    if notice.secret is None:
        return notice.body, None
    payload = json.loads(personal.open_bytes(PURPOSE, notice.key, notice.secret))
    return payload["body"], payload["address"]


def reachable(person: Person, channel: str) -> bool:
    """Whether the person has an address for the channel: any mobile, but only a verified e-mail."""
    if person.erased_at is not None:
        return False
    if channel == "sms":
        return person.mobile_sealed is not None
    return person.email_sealed is not None and person.email_verified_at is not None


def _event(uow: UnitOfWork, values: Mapping[str, str], link: str, unique: bool) -> str:
    """What is told of: the act recorded last, by its row and version, and what is said about it.

    Each secret is an event of its own.
    """
    subject = uow.events[-1].subject if uow.events and not unique else None
    if subject is None or not inspect(subject).identity:
        return uuid4().hex
    row = [type(subject).__name__, *inspect(subject).identity, getattr(subject, "version", 0)]
    return json.dumps([uow.events[-1].action, row, sorted(values.items()), link])


def _root(code: str, person_id: int | None, event: str) -> str:
    return f"{code}.{sha256(json.dumps([code, person_id, event]).encode()).hexdigest()[:32]}"
