"""What the API shows of each record: a JSON Schema for the description, and beside it how a row is put into it.

Credits and ratios are decimal text, so that no client rounds them. Names are shown as staff see them; sealed
personal data never leaves by this door.
"""

from __future__ import annotations

from typing import Any

from app.achievements.models import ORIGINS, Achievement
from app.achievements.models import STATES as ACHIEVEMENT_STATES
from app.api.schema import (
    DAY,
    DECIMAL,
    MOMENT,
    NAMED,
    TEXT,
    WHOLE,
    YES_NO,
    Schema,
    code,
    day,
    decimal,
    listed,
    maybe,
    moment,
    named,
    record,
    ref,
)
from app.catalogue.models import ITEM_STATES, CatalogueItem
from app.conversion.models import KINDS as CONVERSION_KINDS
from app.conversion.models import STATES as CONVERSION_STATES
from app.conversion.models import ConversionApplication
from app.learners.models import STANDINGS, Learner
from app.recognition.models import STATES as RECOGNITION_STATES
from app.recognition.models import RecognitionApplication
from app.review.models import DECISIONS, FAULTS, STAGES, Attestation, Review
from app.rules.models import MODES, RULE_STATES, Rule, RuleVersion


def _with(schema: Schema, **more: Schema) -> Schema:
    return record(**schema["properties"], **more)


CATEGORY = record(code=TEXT, name=TEXT)


def _category(row: Any) -> dict[str, Any] | None:
    return None if row is None else {"code": row.code, "name": row.name_zh}


PROGRAMME = record(id=WHOLE, name=TEXT, term=TEXT, grade=TEXT)


def _programme(row: Any) -> dict[str, Any] | None:
    return None if row is None else {"id": row.id, "name": row.name, "term": row.term, "grade": row.grade}


ITEM = record(
    id=WHOLE,
    name=TEXT,
    code=TEXT,
    project=TEXT,
    category=CATEGORY,
    organisation=NAMED,
    programme=maybe(PROGRAMME),
    credits=maybe(DECIMAL),
    level=maybe(WHOLE),
    standing=code(ITEM_STATES),
    description=TEXT,
    version=WHOLE,
)


def item(row: CatalogueItem) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "code": row.code,
        "project": row.project_name,
        "category": _category(row.category),
        "organisation": named(row.organisation),
        "programme": _programme(row.programme),
        "credits": decimal(row.credits),
        "level": row.level.number if row.level else None,
        "standing": row.standing,
        "description": row.description,
        "version": row.version,
    }


SOURCE = record(
    id=WHOLE,
    item=maybe(NAMED),
    category=maybe(CATEGORY),
    name_pattern=TEXT,
    minimum_score=maybe(WHOLE),
    minimum_level=maybe(WHOLE),
    months_valid=maybe(WHOLE),
)
TARGET = record(item=NAMED, organisation=NAMED, credits=maybe(DECIMAL), ratio=DECIMAL)
RULE_VERSION = record(
    id=WHOLE,
    number=WHOLE,
    mode=code(MODES),
    needed=maybe(WHOLE),
    valid_from=DAY,
    valid_until=maybe(DAY),
    reuse_group=TEXT,
    accepts_converted=YES_NO,
    digest=maybe(TEXT),
    sources=listed(SOURCE),
    targets=listed(TARGET),
)


def _version(row: RuleVersion) -> dict[str, Any]:
    sources = [
        {
            "id": slot.id,
            "item": named(slot.catalogue_item),
            "category": _category(slot.category),
            "name_pattern": slot.name_pattern,
            "minimum_score": slot.minimum_score,
            "minimum_level": slot.minimum_level.number if slot.minimum_level else None,
            "months_valid": slot.months_valid,
        }
        for slot in row.sources
    ]
    targets = [
        {
            "item": named(target.catalogue_item),
            "organisation": named(target.catalogue_item.organisation),
            "credits": decimal(target.catalogue_item.credits),
            "ratio": decimal(target.ratio),
        }
        for target in row.targets
    ]
    return {
        "id": row.id,
        "number": row.number,
        "mode": row.mode,
        "needed": row.needed,
        "valid_from": day(row.valid_from),
        "valid_until": day(row.valid_until),
        "reuse_group": row.reuse_group,
        "accepts_converted": row.accepts_converted,
        "digest": row.digest,
        "sources": sources,
        "targets": targets,
    }


RULE = record(
    id=WHOLE,
    name=TEXT,
    description=TEXT,
    state=code(RULE_STATES),
    agreement=record(id=WHOLE, number=TEXT, name=TEXT),
    programme=maybe(PROGRAMME),
    version=maybe(RULE_VERSION),
)


def rule(row: Rule) -> dict[str, Any]:
    agreement = row.agreement
    return {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "state": row.state,
        "agreement": {"id": agreement.id, "number": agreement.number, "name": agreement.name},
        "programme": _programme(row.programme),
        "version": _version(row.current_version) if row.current_version else None,
    }


LEARNER = record(
    id=WHOLE,
    number=TEXT,
    name=TEXT,
    standing=code(STANDINGS),
    home_point=NAMED,
    programme=maybe(PROGRAMME),
)


def learner(row: Learner) -> dict[str, Any]:
    return {
        "id": row.id,
        "number": row.number,
        "name": row.name,
        "standing": row.standing,
        "home_point": named(row.home_point),
        "programme": _programme(row.programme),
    }


ACHIEVEMENT = record(
    id=WHOLE,
    learner=NAMED,
    category=CATEGORY,
    item=maybe(WHOLE),
    name=TEXT,
    issuer=TEXT,
    certificate_number=TEXT,
    obtained_on=maybe(DAY),
    score=TEXT,
    credits=maybe(DECIMAL),
    state=code(ACHIEVEMENT_STATES),
    origin=code(ORIGINS),
    suspect=YES_NO,
)


def achievement(row: Achievement) -> dict[str, Any]:
    return {
        "id": row.id,
        "learner": named(row.learner),
        "category": _category(row.category),
        "item": row.catalogue_item_id,
        "name": row.name,
        "issuer": row.issuer,
        "certificate_number": row.certificate_number,
        "obtained_on": day(row.obtained_on),
        "score": row.score,
        "credits": decimal(row.credits),
        "state": row.state,
        "origin": row.origin,
        "suspect": row.suspect,
    }


ATTESTATION = record(
    id=WHOLE,
    original=TEXT,
    place=TEXT,
    seen_on=DAY,
    pages=WHOLE,
    copy_kept_at=TEXT,
    keep_until=DAY,
    witness=TEXT,
)


def attestation(row: Attestation) -> dict[str, Any]:
    return {
        "id": row.id,
        "original": row.original,
        "place": row.place,
        "seen_on": day(row.seen_on),
        "pages": row.pages,
        "copy_kept_at": row.copy_kept_at,
        "keep_until": day(row.keep_until),
        "witness": str(row.witness),
    }


DECISION = record(
    id=WHOLE,
    recognition=maybe(WHOLE),
    conversion=maybe(WHOLE),
    stage=code(STAGES),
    turn=WHOLE,
    decision=code(DECISIONS),
    opinion=TEXT,
    fault=maybe(code(FAULTS)),
    reviewer=TEXT,
    organisation=maybe(NAMED),
    decided_at=MOMENT,
)


def decision(row: Review) -> dict[str, Any]:
    return {
        "id": row.id,
        "recognition": row.recognition_id,
        "conversion": row.conversion_id,
        "stage": row.stage,
        "turn": row.turn,
        "decision": row.decision,
        "opinion": row.opinion,
        "fault": row.fault,
        "reviewer": str(row.reviewer),
        "organisation": named(row.organisation),
        "decided_at": moment(row.created_at),
    }


RECOGNITION = record(
    id=WHOLE,
    number=maybe(TEXT),
    learner=NAMED,
    achievement=NAMED,
    round=WHOLE,
    state=code(RECOGNITION_STATES),
    home_point=NAMED,
    submitted_at=MOMENT,
    due_at=MOMENT,
    decided_at=maybe(MOMENT),
    version=WHOLE,
)
RECOGNITION_CASE = _with(
    RECOGNITION, attestations=listed(ref("Attestation")), decisions=listed(ref("Decision"))
)


def recognition(row: RecognitionApplication) -> dict[str, Any]:
    return {
        "id": row.id,
        "number": row.number,
        "learner": named(row.achievement.learner),
        "achievement": named(row.achievement),
        "round": row.round,
        "state": row.state,
        "home_point": named(row.home_point),
        "submitted_at": moment(row.submitted_at),
        "due_at": moment(row.due_at),
        "decided_at": moment(row.decided_at),
        "version": row.version,
    }


CONVERSION = record(
    id=WHOLE,
    number=maybe(TEXT),
    kind=code(CONVERSION_KINDS),
    state=code(CONVERSION_STATES),
    learner=NAMED,
    rule=maybe(record(id=WHOLE, name=TEXT, version=WHOLE)),
    sources=listed(NAMED),
    targets=listed(record(item=NAMED, credits=maybe(DECIMAL), ratio=DECIMAL, granted=maybe(DECIMAL))),
    home_point=NAMED,
    committee=maybe(NAMED),
    submitted_at=MOMENT,
    due_at=maybe(MOMENT),
    version=WHOLE,
)
CONVERSION_CASE = _with(
    CONVERSION, attestations=listed(ref("Attestation")), decisions=listed(ref("Decision"))
)


def conversion(row: ConversionApplication) -> dict[str, Any]:
    version = row.rule_version
    targets = [
        {
            "item": named(target.catalogue_item),
            "credits": decimal(target.item_credits),
            "ratio": decimal(target.ratio),
            "granted": decimal(target.granted_credits),
        }
        for target in row.targets
    ]
    return {
        "id": row.id,
        "number": row.number,
        "kind": row.kind,
        "state": row.state,
        "learner": named(row.learner),
        "rule": {"id": version.rule_id, "name": version.name, "version": version.number} if version else None,
        "sources": [named(source) for source in row.achievements],
        "targets": targets,
        "home_point": named(row.home_point),
        "committee": named(row.committee),
        "submitted_at": moment(row.submitted_at),
        "due_at": moment(row.due_at),
        "version": row.version,
    }


CALLER = record(
    key=TEXT,
    name=TEXT,
    roles=listed(TEXT),
    organisation=maybe(NAMED),
    scopes=listed(TEXT),
    requests_per_minute=WHOLE,
)

#: Everything by the name that the description calls it.
SCHEMAS: dict[str, Schema] = {
    "CatalogueItem": ITEM,
    "Rule": RULE,
    "Learner": LEARNER,
    "Achievement": ACHIEVEMENT,
    "Recognition": RECOGNITION,
    "RecognitionCase": RECOGNITION_CASE,
    "Conversion": CONVERSION,
    "ConversionCase": CONVERSION_CASE,
    "Decision": DECISION,
    "Attestation": ATTESTATION,
    "Caller": CALLER,
}
