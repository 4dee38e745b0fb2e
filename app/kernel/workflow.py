"""Workflows as tables: states, and transitions between them, each with who may, what guards it and what
follows.

The buttons, the permission checks, the diagrams in the docs and the tests are all derived from these tables.
``Workflow.fire`` is the only writer of a state column: a listener refuses any other.

When *not* to use it: a yes/no that nobody decides (a flag like ``active``) is a column, not a workflow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event, select
from sqlalchemy.orm.base import NEVER_SET, NO_VALUE

from app.kernel.actor import Actor
from app.kernel.choices import Choice, Choices, Tone
from app.kernel.errors import N_, Conflict, Forbidden, NotFound
from app.kernel.unit_of_work import UnitOfWork

_firing: ContextVar[bool] = ContextVar("firing", default=False)


@dataclass
class Step:
    """One firing of a transition, handed to its guards and effects. ``inputs`` are the caller's plain
    values.
    """

    uow: UnitOfWork
    case: Any
    transition: Transition
    inputs: dict[str, Any] = field(default_factory=dict)

    @property
    def actor(self) -> Actor:
        return self.uow.actor


Part = Callable[[Step], None]
#: (actor, permission, case) → raises Forbidden or Conflict. Given by the security room, so that the kernel knows no
#: permission table.
Authorise = Callable[[Actor, str, Any], None]


@dataclass(frozen=True)
class Transition:
    """``sources`` → ``target`` by who holds ``permission`` (``View.action`` of the permission table).

    ``target`` may be a function of the case (a returned case goes back to the stage it came from).
    ``guards`` raise a DomainError; ``stamps`` write columns that must change in one statement with the state
    (who decided, when); ``effects`` run in order after the state has moved, in the same transaction.
    """

    name: str
    label: str
    sources: tuple[str, ...]
    target: str | Callable[[Any], str]
    permission: str
    guards: tuple[Part, ...] = ()
    stamps: tuple[Part, ...] = ()
    effects: tuple[Part, ...] = ()
    tone: Tone = Tone.NEUTRAL


class Workflow:
    """The table of one kind of case. ``model`` has the columns ``state`` and ``version``."""

    def __init__(
        self,
        name: str,
        model: type[Any],
        states: Choices,
        transitions: Iterable[Transition],
        authorise: Authorise,
    ) -> None:
        self.name = name
        self.model = model
        self.states = states
        self.transitions = {transition.name: transition for transition in transitions}
        self.authorise = authorise
        event.listen(model.state, "set", _only_by_firing)

    def available(self, case: Any, actor: Actor) -> list[Transition]:
        """The transitions that leave the case's state and that the actor is permitted: what buttons to draw."""
        return [
            t for t in self.transitions.values() if case.state in t.sources and self._permits(actor, t, case)
        ]

    def _permits(self, actor: Actor, transition: Transition, case: Any) -> bool:
        try:
            self.authorise(actor, transition.permission, case)
        except (Forbidden, Conflict):
            return False
        return True

    def lock(self, uow: UnitOfWork, case_id: int) -> Any:
        """The case, locked and read anew. Raises NotFound."""
        case = uow.session.scalar(
            select(self.model)
            .where(self.model.id == case_id)
            .with_for_update(of=self.model)
            .execution_options(populate_existing=True)
        )
        if case is None:
            raise NotFound
        return case

    def fire(
        self, uow: UnitOfWork, case: Any, name: str, *, version: int | None = None, **inputs: Any
    ) -> Step:
        """Move ``case`` (already locked) by the transition ``name``.

        ``version`` is what the actor saw; None for the system's own steps. Raises Forbidden, Conflict (stale
        version or a state that the transition doesn't leave) or whatever a guard raises; nothing has changed
        then.
        """
        return self._move(Step(uow, case, self.check(uow, case, name, version), inputs))

    def follow(self, uow: UnitOfWork, case: Any, name: str, **inputs: Any) -> Step:
        """Move ``case`` (already locked) as the consequence of another case's step, which was permitted.
        Raises Conflict.
        """
        transition = self.transitions[name]
        if case.state not in transition.sources:
            raise Conflict("wrong_state", N_("This is no longer possible: the case has moved on."))
        return self._move(Step(uow, case, transition, inputs))

    def _move(self, step: Step) -> Step:
        uow, case, transition, inputs = step.uow, step.case, step.transition, step.inputs
        for guard in transition.guards:
            guard(step)
        before = case.state
        after = transition.target(case) if callable(transition.target) else transition.target
        for stamp in transition.stamps:
            stamp(step)
        with _allowed():
            case.state = after
        uow.flush()
        why = inputs.get("opinion") or inputs.get("reason") or ""
        uow.record(f"{self.name}.{transition.name}", case, why=why, before=before, after=case.state)
        for effect in transition.effects:
            effect(step)
        return step

    def guard(self, uow: UnitOfWork, case: Any, transition: Transition, **inputs: Any) -> None:
        """Ask the guards alone, where a step leaves the state as it is (a new version of a rule in force)."""
        for guard in transition.guards:
            guard(Step(uow, case, transition, inputs))

    def check(self, uow: UnitOfWork, case: Any, name: str, version: int | None) -> Transition:
        """The transition, if the actor may and the case still is where they saw it. Raises Forbidden or
        Conflict.
        """
        transition = self.transitions[name]
        self.authorise(uow.actor, transition.permission, case)
        if version is not None and version != case.version:
            raise Conflict(
                "stale", N_("Someone else changed this record meanwhile. Please look at it again.")
            )
        if case.state not in transition.sources:
            raise Conflict("wrong_state", N_("This is no longer possible: the case has moved on."))
        return transition


@contextmanager
def _allowed() -> Any:
    token = _firing.set(True)
    try:
        yield
    finally:
        _firing.reset(token)


def _only_by_firing(target: Any, value: str, old: Any, _initiator: Any) -> None:
    fresh = old in (None, NO_VALUE, NEVER_SET)
    if not fresh and value != old and not _firing.get():
        raise RuntimeError(f"{type(target).__name__}.state is moved by its workflow only")


def states(*rows: tuple[str, str, Tone]) -> Choices:
    """Shorthand for the states of a workflow: (code, English label, tone)."""
    return Choices(*(Choice(code, label, tone) for code, label, tone in rows))
