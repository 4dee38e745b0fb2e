"""Evidence files, to those whose case they prove and who decide on it; every opening is remembered."""

from __future__ import annotations

from urllib.parse import quote

from flask import Response, request
from flask_appbuilder import BaseView, expose, has_access
from sqlalchemy import ColumnElement, exists, or_, select

from app.achievements.models import AchievementEvidence
from app.appeals.models import Appeal
from app.conversion.models import Assessment, ConversionApplication, ConversionFile, ConversionSource
from app.evidence import content as contents
from app.evidence import services
from app.evidence.content import SUFFIXES
from app.evidence.models import EvidenceFile
from app.kernel.actor import Actor
from app.kernel.database import LARGEST_KEY, db
from app.kernel.errors import NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.recognition.models import RecognitionApplication
from app.security.current import actor
from app.security.rows import readable


def readable_file(key: int, me: Actor) -> EvidenceFile:
    """The file, for its learner, for staff of the learner's home, and for whoever may read a case that it belongs to
    (the point where it was submitted, the committee that has it or an appeal against it, the assessor who was asked).

    Raises NotFound.
    """
    if not 0 < key <= LARGEST_KEY:
        raise NotFound
    ways = (readable(EvidenceFile, me), _of_a_case(me), _of_an_achievement(me))
    found = db.session.scalar(select(EvidenceFile).where(EvidenceFile.id == key, or_(*ways)))
    if found is None:
        raise NotFound
    return found


def _of_a_case(me: Actor) -> ColumnElement[bool]:
    return exists().where(
        ConversionFile.file_id == EvidenceFile.id,
        ConversionApplication.id == ConversionFile.application_id,
        _conversion(me),
    )


def _of_an_achievement(me: Actor) -> ColumnElement[bool]:
    held = AchievementEvidence.achievement_id
    recognised = exists().where(
        RecognitionApplication.achievement_id == held, readable(RecognitionApplication, me)
    )
    converted = exists().where(
        ConversionSource.achievement_id == held,
        ConversionApplication.id == ConversionSource.application_id,
        _conversion(me),
    )
    return exists().where(AchievementEvidence.file_id == EvidenceFile.id, or_(recognised, converted))


def _conversion(me: Actor) -> ColumnElement[bool]:
    appealed = exists().where(Appeal.conversion_id == ConversionApplication.id, readable(Appeal, me))
    assessed = exists().where(Assessment.application_id == ConversionApplication.id, readable(Assessment, me))
    return or_(readable(ConversionApplication, me), appealed, assessed)


class EvidenceView(BaseView):
    """One file, inline; a thumbnail of it."""

    route_base = "/evidence"
    default_view = "show"

    @expose("/<int:pk>")
    @has_access
    def show(self, pk: int) -> Response:
        row = readable_file(pk, actor())
        content = services.read(row)
        with UnitOfWork(db.session, actor()) as uow:
            services.opened(uow, row)
        # File names often hold the learner's name, which an assessor must not learn.
        name = f"evidence{SUFFIXES[row.media_type][0]}" if actor().roles == {"Assessor"} else row.name
        if request.args.get("size") == "screen" and row.media_type in services.IMAGES:
            return _answer(contents.screen(content), "image/jpeg", "evidence.jpg")
        return _answer(content, row.media_type, name)

    @expose("/<int:pk>/thumb")
    @has_access
    def thumb(self, pk: int) -> Response:
        row = readable_file(pk, actor())
        if row.media_type not in services.IMAGES:
            raise NotFound
        return _answer(services.read_thumbnail(row), "image/jpeg", "thumbnail.jpg")


def _answer(content: bytes, media_type: str, name: str) -> Response:
    response = Response(content, mimetype=media_type)
    plain = name if name.isascii() and '"' not in name else f"evidence{SUFFIXES[media_type][0]}"
    response.headers["Content-Disposition"] = (
        f"inline; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    response.headers["Cache-Control"] = "private, no-store"
    return response
