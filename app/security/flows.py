"""What a visitor has done so far on pages of several steps (activate, recover, register, second factor).

Kept sealed in the visitor's own session cookie, so that neither they nor a proxy can read or change it; what must
happen once only (codes, proofs) is held by the database.
"""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask import session

from app.kernel.clock import now
from app.kernel.errors import N_, Conflict
from app.security import personal

#: How long somebody may take over all steps.
LONGEST = timedelta(minutes=30)


@dataclass
class Flow:
    """One walk through the steps of ``purpose``. ``binding`` ties codes to it, ``proof`` is what a code gave."""

    purpose: str
    content: dict[str, Any]
    binding: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    target: str = ""
    proof: int | None = None
    until: str = field(default_factory=lambda: (now() + LONGEST).isoformat())

    def keep(self) -> None:
        """Remember it for the next step."""
        sealed = personal.seal_bytes("flow", self.purpose, json.dumps(asdict(self)).encode())
        session[f"flow_{self.purpose}"] = base64.b64encode(sealed).decode()


def begin(purpose: str, **content: Any) -> Flow:
    """Begin at the first step, forgetting any earlier walk."""
    flow = Flow(purpose, content)
    flow.keep()
    return flow


def present(purpose: str) -> Flow:
    """The walk that is under way. Raises Conflict where there is none, or it took too long."""
    flow = find(purpose)
    if flow is None:
        raise Conflict("no_flow", N_("Please begin again at the first step."))
    return flow


def find(purpose: str) -> Flow | None:
    """The walk that is under way, if any."""
    kept = session.get(f"flow_{purpose}")
    if not kept:
        return None
    try:
        flow = Flow(**json.loads(personal.open_bytes("flow", purpose, base64.b64decode(kept))))
    except (personal.Unreadable, ValueError, TypeError):
        return None
    return flow if datetime.fromisoformat(flow.until) > now() else None


def end(purpose: str) -> None:
    """Forget it."""
    session.pop(f"flow_{purpose}", None)
