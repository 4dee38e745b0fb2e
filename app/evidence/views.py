"""Evidence files, to those whose case they prove and who decide on it; every opening is remembered."""

from __future__ import annotations

from urllib.parse import quote

from flask import Response
from flask_appbuilder import BaseView, expose, has_access
from sqlalchemy import or_, select

from app.achievements.models import AchievementEvidence
from app.conversion.models import Assessment, ConversionApplication, ConversionFile, ConversionSource
from app.evidence import services
from app.evidence.models import EvidenceFile
from app.kernel.actor import Actor
from app.kernel.database import LARGEST_KEY, db
from app.kernel.errors import NotFound
from app.kernel.unit_of_work import UnitOfWork
from app.security.current import actor
from app.security.rows import Scope, condition, readable


def readable_file(key: int, me: Actor) -> EvidenceFile:
    """The file, for its learner, for staff whose rows it is among, and for committee and assessor of a case
    that it belongs to. Raises NotFound.
    """
    if not 0 < key <= LARGEST_KEY:
        raise NotFound
    theirs = [condition(ConversionApplication, me, Scope.COMMITTEE)] if me.committee_ids else []
    if "Assessor" in me.roles:
        theirs.append(
            ConversionApplication.id.in_(
                select(Assessment.application_id).where(condition(Assessment, me, Scope.ASSESSOR))
            )
        )
    ways = [readable(EvidenceFile, me)]
    if theirs:
        cases = select(ConversionApplication.id).where(or_(*theirs))
        held = select(ConversionSource.achievement_id).where(ConversionSource.application_id.in_(cases))
        ways.append(
            EvidenceFile.id.in_(
                select(ConversionFile.file_id).where(ConversionFile.application_id.in_(cases))
            )
        )
        ways.append(
            EvidenceFile.id.in_(
                select(AchievementEvidence.file_id).where(AchievementEvidence.achievement_id.in_(held))
            )
        )
    found = db.session.scalar(select(EvidenceFile).where(EvidenceFile.id == key, or_(*ways)))
    if found is None:
        raise NotFound
    return found


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
        name = "evidence" if actor().roles == {"Assessor"} else row.name
        return _answer(content, row.media_type, name)

    @expose("/<int:pk>/thumb")
    @has_access
    def thumb(self, pk: int) -> Response:
        row = readable_file(pk, actor())
        if row.media_type not in services.IMAGES:
            raise NotFound
        return _answer(services.thumbnail(row), "image/jpeg", "thumbnail.jpg")


def _answer(content: bytes, media_type: str, name: str) -> Response:
    response = Response(content, mimetype=media_type)
    response.headers["Content-Disposition"] = f"inline; filename*=UTF-8''{quote(name)}"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    response.headers["Cache-Control"] = "private, no-store"
    return response
