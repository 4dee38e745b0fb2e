"""``make docs``: writes ``workflows.md`` and ``permissions.md`` from the tables in code; ``make check`` compares.

What follows from a table is never written by hand, so that it can't be out of date.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from app.kernel.workflow import Transition, Workflow
from app.security.permissions import ROLE_LABELS, TABLE, Grant, Role
from app.security.rows import Scope

HOME = Path(__file__).resolve().parent
_BY_MAKE = "<!-- Written by `make docs` from the tables in code. -->"


def workflows() -> Iterator[Workflow]:
    """Every transition table of the house, in the order in which a case meets them."""
    from app import models as models
    from app.achievements.states import workflow as achievement
    from app.appeals.states import appeals, reversals
    from app.conversion.assessments import workflow as assessment
    from app.conversion.states import workflow as conversion
    from app.recognition.states import workflow as recognition
    from app.rules.states import workflow as rule

    yield from (achievement, recognition, conversion, assessment, appeals, reversals, rule)


def workflows_page() -> str:
    """One diagram and one table per workflow."""
    return "\n".join([_BY_MAKE, "# Workflows", "", *(line for flow in workflows() for line in _flow(flow))])


def _flow(flow: Workflow) -> Iterator[str]:
    yield f"## {flow.name}\n\n```mermaid\nstateDiagram-v2"
    for transition in flow.transitions.values():
        for source in transition.sources:
            for target in _targets(transition):
                yield f"    {source} --> {target}: {transition.label}"
    yield "```\n\n| transition | from | to | permission | guards | effects |\n|---|---|---|---|---|---|"
    for transition in flow.transitions.values():
        yield _row(
            transition.name,
            ", ".join(transition.sources),
            ", ".join(_targets(transition)),
            f"`{transition.permission}`",
            _names(transition.guards),
            _names((*transition.stamps, *transition.effects)),
        )
    yield ""


def _targets(transition: Transition) -> tuple[str, ...]:
    """A target that depends on the case is one of the stages that a return can come from."""
    if isinstance(transition.target, str):
        return (transition.target,)
    return ("initial_review", "final_review", "performance_review")


def _names(parts: Iterable[object]) -> str:
    found = [getattr(part, "__qualname__", "").split(".")[0].strip("_").replace("_", " ") for part in parts]
    return ", ".join(name for name in found if name)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def permissions_page() -> str:
    """Who may do what: a row per view and action, a column per role; the cell says whose rows."""
    heads = [str(ROLE_LABELS[role]) for role in Role]
    lines = [
        _BY_MAKE,
        "# Permissions",
        "",
        "**●** all rows · "
        + " · ".join(f"**{sign}** {scope.value}" for scope, sign in SIGNS.items() if sign != "●")
        + " · *in italics:* while the case is in these states only",
        "",
        _row("view", "action", *heads),
        _row(*["---"] * (len(heads) + 2)),
    ]
    for view, grants in groupby(TABLE, key=lambda grant: grant.view):
        held = list(grants)
        for action in dict.fromkeys(action for grant in held for action in grant.actions):
            fitting = [grant for grant in held if action in grant.actions]
            states = sorted({state for grant in fitting for state in grant.states})
            named = f"{action} *{', '.join(states)}*" if states else action
            lines.append(_row(view, named, *(_cell(fitting, role) for role in Role)))
    return "\n".join([*lines, ""])


SIGNS = {
    Scope.ALL: "●",
    Scope.BELOW: "↓",
    Scope.COMMITTEE: "C",
    Scope.ASSESSOR: "A",
    Scope.LEARNER: "L",
    Scope.USER: "U",
}


def _cell(grants: list[Grant], role: Role) -> str:
    return " ".join(dict.fromkeys(SIGNS[grant.rows] for grant in grants if role in grant.roles))


PAGES = {"workflows.md": workflows_page, "permissions.md": permissions_page}


def outdated() -> list[str]:
    """The pages that no longer say what the code says."""
    return [
        f"docs/{name} is out of date: run `make docs`"
        for name, page in PAGES.items()
        if not (HOME / name).exists() or (HOME / name).read_text(encoding="utf-8") != page()
    ]


if __name__ == "__main__":
    for name, page in PAGES.items():
        (HOME / name).write_text(page(), encoding="utf-8")
