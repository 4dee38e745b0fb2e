"""Sealing a sample: its papers, the events of its cases and the digests of their evidence, in one file that anyone can
check with Python and the bank's public key.

For the worker, which alone can sign: the manifest's digest goes into the trail, a checkpoint is signed over that, and
the pack carries the proofs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

import verifier
from app.audit import checkpoints, verification
from app.audit.models import AuditCheckpoint, AuditEvent, AuditSample
from app.auditor.papers import issue_working_paper
from app.auditor.queries import CASES, of_case
from app.documents.services import SHEETS
from app.evidence.models import EvidenceFile
from app.jobs.kinds import Kind, Work
from app.kernel.actor import Actor
from app.kernel.errors import N_, Conflict, NotFound
from app.kernel.storage import store
from app.kernel.unit_of_work import UnitOfWork
from app.security.permissions import authorise
from verifier import box, sealed
from verifier.chain import said_number
from verifier.checkpoint import Checkpoint
from verifier.merkle import Proofs
from verifier.signature import key_name

INSTRUCTIONS = (Path(__file__).parent / "pack.txt").read_text(encoding="utf-8")


def run(work: Work) -> Iterator[None]:
    """The job: seal the sample of ``parameters['sample']``; the pack is the job's file."""
    with work.unit() as uow:
        sample = uow.session.get(AuditSample, work.parameters.get("sample"))
        if sample is None:
            raise NotFound
        authorise(uow.actor, "SampleView.pack")
        number, lines = sample.number or "", len(sample.lines)
    work.total = lines + 1
    papers: dict[str, str] = dict(work.place.get("papers", {}))
    for index in range(len(papers), lines + 1):
        with work.unit() as uow:
            name, digest = _paper(uow, work.parameters["sample"], index, work.language)
            papers[name] = digest
            work.done, work.place = index + 1, {"papers": papers}
        yield
    with work.unit() as uow:
        sample = uow.session.get_one(AuditSample, work.parameters["sample"])
        files, evidence = _files(uow.session, sample, papers)
        written = sealed.manifest(number, files, evidence)
        uow.record(sealed.SEAL, sample, manifest=sha256(written).hexdigest())
        session = uow.session
    yield
    work.give(f"{number}.zip", finish(session, files, written))
    with work.unit():
        pass
    yield


def seal_now(
    session: Session,
    actor: Actor,
    sample_id: int,
    language: str,
    progress: Callable[[int], None] = lambda done: None,
) -> bytes:
    """The same at once, for the command line. Raises NotFound, Invalid, Conflict."""
    sample = session.get(AuditSample, sample_id)
    if sample is None:
        raise NotFound
    papers: dict[str, str] = {}
    for index in range(len(sample.lines) + 1):
        with UnitOfWork(session, actor) as uow:
            name, digest = _paper(uow, sample_id, index, language)
            papers[name] = digest
        progress(1)
    with UnitOfWork(session, actor) as uow:
        sample = uow.session.get_one(AuditSample, sample_id)
        files, evidence = _files(uow.session, sample, papers)
        written = sealed.manifest(sample.number or "", files, evidence)
        uow.record(sealed.SEAL, sample, manifest=sha256(written).hexdigest())
    return finish(session, files, written)


def _paper(uow: UnitOfWork, sample_id: int, index: int, language: str) -> tuple[str, str]:
    """Issue the paper of the line at ``index``, after the last one the working paper; (file name, digest)."""
    sample = uow.session.get_one(AuditSample, sample_id)
    if index == len(sample.lines):
        paper, _content = issue_working_paper(uow, sample, language)
        return f"{paper.number}.pdf", paper.digest or ""
    line = sample.lines[index]
    model, issue = SHEETS[sample.cases]
    case = uow.session.get_one(model, line.conversion_id or line.recognition_id)
    paper, _content = issue(uow, case, language)
    return f"sheets/{line.place:04d} {case.number}.pdf", paper.digest or ""


def _files(
    session: Session, sample: AuditSample, papers: dict[str, str]
) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
    """What goes into the pack, and the evidence that only its digests speak for."""
    files: dict[str, bytes] = {"README.txt": INSTRUCTIONS.encode()}
    for source in sorted(Path(verifier.__file__).parent.glob("*.py")):
        files[f"verifier/{source.name}"] = source.read_bytes()
    for name, digest in papers.items():
        with store().open(digest) as file:
            files[name] = file.read()
    evidence, events = [], {}
    for line in sample.lines:
        case = session.get_one(CASES[sample.cases], line.conversion_id or line.recognition_id)
        for row in _evidence(session, case):
            evidence.append(
                {"case": case.number, "name": f"evidence {row.id}", "sha256": row.digest, "size": row.size}
            )
        condition = of_case(session, sample.cases, case)
        for sequence, content in session.execute(
            select(AuditEvent.sequence, AuditEvent.canonical).where(condition)
        ):
            events[sequence] = bytes(content)
    files[sealed.EVENTS] = b"".join(events[number] + b"\n" for number in sorted(events))
    return files, evidence


def _evidence(session: Session, case: Any) -> list[EvidenceFile]:
    ids = {row.file_id for achievement in case.achievements for row in achievement.evidence}
    ids |= {row.file_id for row in getattr(case, "files", ())}
    return list(
        session.scalars(select(EvidenceFile).where(EvidenceFile.id.in_(ids)).order_by(EvidenceFile.id))
    )


def finish(session: Session, files: dict[str, bytes], written: bytes) -> bytes:
    """The pack: a checkpoint over the sealing, and the proofs. Raises Invalid (no key), checkpoints.Refused, Conflict."""
    checkpoints.write(session)
    public = checkpoints.known_public_key()
    digest = sha256(written).hexdigest()
    seal = next(
        (
            bytes(content)
            for content in session.scalars(
                select(AuditEvent.canonical)
                .where(AuditEvent.action == sealed.SEAL)
                .order_by(AuditEvent.sequence.desc())
            )
            if json.loads(content)["body"]["manifest"] == digest
        ),
        None,
    )
    last = session.scalars(select(AuditCheckpoint).order_by(AuditCheckpoint.sequence.desc()).limit(1)).first()
    if seal is None or last is None or public is None or last.sequence < (said_number(seal) or 0):
        raise Conflict("not_signed", N_("No checkpoint covers the sealing of this pack yet."))
    checkpoint = Checkpoint(
        last.sequence,
        bytes(last.head),
        bytes(last.root),
        last.created_at.isoformat(),
        last.key,
        bytes(last.signature),
    )
    if checkpoint.key != key_name(public):
        raise Conflict("not_signed", N_("No checkpoint covers the sealing of this pack yet."))
    events = [line for line in files[sealed.EVENTS].split(b"\n") if line]
    numbers = [said_number(event) or 0 for event in (*events, seal)]
    paths = _paths(session, checkpoint.sequence, numbers)
    packed = {**files, sealed.MANIFEST: written, sealed.PROOF: sealed.proof(checkpoint, seal, paths)}
    content = box.pack(packed)
    flaw = sealed.check(content, public).flaw
    if flaw:
        raise Conflict("not_sealed", N_("The pack does not check out: %(flaw)s"), flaw=str(flaw))
    return content


def _paths(session: Session, size: int, numbers: list[int]) -> dict[int, list[bytes]]:
    """The proofs of these events in the tree over the first ``size``."""
    proofs = Proofs(size, [number - 1 for number in numbers])
    for number, written, _digest in verification.events(session):
        if number > size:
            break
        proofs.append(written)
    return {number: proofs.path(number - 1) for number in numbers}


KIND = Kind("sample_pack", N_("Seal a sample's pack"), run, family="export")
