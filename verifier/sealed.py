"""The sealed pack: papers of a sample, the events of its cases, digests of its evidence, under one signed checkpoint.

``manifest.json`` names every other file by its SHA-256. The bank wrote the manifest's own SHA-256 into its audit trail;
``proof.json`` proves that event, and every event of the cases, to be among those that the checkpoint was signed over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from verifier import box
from verifier.canonical import canonical
from verifier.chain import Flaw, said_number
from verifier.checkpoint import Checkpoint, Unreadable, read_line
from verifier.export import Outcome
from verifier.merkle import proven

FORMAT = "credit bank sealed pack 1"
#: The act whose event holds the manifest's digest.
SEAL = "sample.sealed"
MANIFEST, PROOF, EVENTS = "manifest.json", "proof.json", "events.txt"


def manifest(sample: str, files: Mapping[str, bytes], evidence: list[dict[str, Any]]) -> bytes:
    """The manifest of these files; ``evidence`` are names and digests of files that stay with the bank."""
    digests = {name: sha256(content).hexdigest() for name, content in files.items()}
    return canonical({"format": FORMAT, "sample": sample, "files": digests, "evidence": evidence})


def proof(checkpoint: Checkpoint, seal: bytes, paths: Mapping[int, list[bytes]]) -> bytes:
    """The proofs of the sealing event and of the cases' events, by their numbers."""
    return canonical(
        {
            "checkpoint": checkpoint.line().decode(),
            "paths": {str(number): [step.hex() for step in path] for number, path in paths.items()},
            "seal": seal.decode(),
        }
    )


def check(content: bytes, public: bytes) -> Outcome:
    """Check a pack under this public key; the outcome's events are those of the cases."""
    try:
        files = box.unpack(content)
    except box.Damaged as error:
        return Outcome(Flaw(f"file {error}", "altered: it is not as the pack was written"))
    try:
        return _check(files, public)
    except (KeyError, ValueError, TypeError, AttributeError):
        return Outcome(Flaw(f"file {PROOF}", "altered: it is not readable as it was written"))


def _check(files: dict[str, bytes], public: bytes) -> Outcome:
    for name in (MANIFEST, PROOF, EVENTS):
        if name not in files:
            return Outcome(Flaw(f"file {name}", "missing"))
    told = json.loads(files[PROOF])
    checkpoint = read_line(told["checkpoint"].encode())
    seal = told["seal"].encode()
    paths = {int(number): [bytes.fromhex(step) for step in path] for number, path in told["paths"].items()}
    if proof(checkpoint, seal, paths) != files[PROOF]:
        return Outcome(Flaw(f"file {PROOF}", "altered"))
    flaw = checkpoint.unsigned(public) or _sealed(files[MANIFEST], seal, checkpoint, paths) or _whole(files)
    if flaw:
        return Outcome(flaw)
    events = [line for line in files[EVENTS].split(b"\n") if line]
    for event in events:
        if not _among(event, checkpoint, paths):
            return Outcome(
                Flaw(f"event {said_number(event)}", "altered: the checkpoint was not signed over it")
            )
    if {said_number(event) for event in (*events, seal)} != set(paths):
        return Outcome(Flaw(f"file {EVENTS}", "altered: events and proofs are not the same"))
    return Outcome(None, len(events), len(events))


def _among(event: bytes, checkpoint: Checkpoint, paths: Mapping[int, list[bytes]]) -> bool:
    number = said_number(event)
    return (
        number is not None
        and number in paths
        and proven(event, number - 1, checkpoint.sequence, paths[number], checkpoint.root)
    )


def _sealed(
    written: bytes, seal: bytes, checkpoint: Checkpoint, paths: Mapping[int, list[bytes]]
) -> Flaw | None:
    said = json.loads(seal)
    if said["action"] != SEAL or not _among(seal, checkpoint, paths):
        return Flaw(f"event {said_number(seal)}", "altered: the checkpoint was not signed over the sealing")
    if said["body"]["manifest"] != sha256(written).hexdigest():
        return Flaw(f"file {MANIFEST}", "altered: it is not the one that was sealed")
    return None


def _whole(files: Mapping[str, bytes]) -> Flaw | None:
    listed = json.loads(files[MANIFEST])["files"]
    for name in sorted({*files, *listed} - {MANIFEST, PROOF}):
        if name not in files:
            return Flaw(f"file {name}", "missing")
        if name not in listed:
            return Flaw(f"file {name}", "inserted: the pack was sealed without it")
        if sha256(files[name]).hexdigest() != listed[name]:
            return Flaw(f"file {name}", "altered")
    return None


def same_evidence(content: bytes, shown: bytes) -> str | None:
    """The name under which the pack knows a file that somebody shows; None where it is none of the evidence."""
    digest = sha256(shown).hexdigest()
    listed = json.loads(box.unpack(content)[MANIFEST])["evidence"]
    return next((f"{one['case']} {one['name']}" for one in listed if one["sha256"] == digest), None)


__all__ = ["Unreadable", "check", "manifest", "proof", "same_evidence"]
