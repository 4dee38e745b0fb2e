"""Actions on records: buttons of a record's page and of a list's ticked rows.

Each has an address of its own, so the permission table names it, and an unknown one is simply not found. Rows are
read anew under the row policy and the view's base filters, one transaction each; what was skipped is said with the
reason (spec 4, 6).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose, has_access
from flask_babel import gettext, ngettext

from app.console import formats
from app.console.refusals import writing
from app.kernel.errors import DomainError
from app.kernel.unit_of_work import UnitOfWork
from app.security.current import actor
from app.security.permissions import allowed, authorise

if TYPE_CHECKING:
    from app.console.reading import Reading

#: As many rows as one request takes.
MOST = 200


@dataclass(frozen=True)
class Action:
    """One action of a view. ``confirm`` is asked before, ``reason`` is the label of a text that must be given with it."""

    name: str
    run: Callable[..., None]
    label: Any
    confirm: Any = ""
    reason: Any = ""
    icon: str = ""
    single: bool = True
    multiple: bool = True

    @property
    def asks(self) -> bool:
        return bool(self.confirm or self.reason)


def action(
    label: Any,
    *,
    confirm: Any = "",
    reason: Any = "",
    icon: str = "",
    single: bool = True,
    multiple: bool = True,
) -> Callable[[Callable[..., None]], Any]:
    """Make a method ``(self, uow, row)``, with ``reason`` ``(self, uow, row, reason)``, an action at its name.

    It runs in an open unit of work and raises DomainError to refuse. ``single`` shows it on a record's page,
    ``multiple`` on lists.
    """

    def made(method: Callable[..., None]) -> Any:
        declared = Action(method.__name__, method, label, confirm, reason, icon, single, multiple)

        def endpoint(self: Reading) -> ResponseReturnValue:
            return run(self, declared)

        endpoint.__name__ = method.__name__
        endpoint.__doc__ = method.__doc__
        protected = expose(f"/{method.__name__}", methods=["POST"])(has_access(endpoint))
        protected.declared = declared
        return protected

    return made


def declared(view: Reading) -> list[Action]:
    """The actions of a view's class, in the order in which they are written."""
    found: dict[str, Action] = {}
    for base in reversed(type(view).__mro__):
        for name, attribute in vars(base).items():
            found.pop(name, None)
            if hasattr(attribute, "declared"):
                found[name] = attribute.declared
    return list(found.values())


def run(view: Reading, chosen: Action) -> ResponseReturnValue:
    """Carry an action out on the posted rows, or ask first where it asks."""
    posted = request.form.getlist("rowid")
    if len(posted) > MOST:
        abort(413)
    rows = view.datamodel.some(posted, view.base)
    if not rows:
        flash(gettext("Please choose at least one record."), "warning")
        return redirect(back(view))
    reason = request.form.get("reason", "").strip()[:2000]
    unclear = "confirmed" not in request.form or (chosen.reason and not reason)
    if chosen.asks and unclear:
        return render_template(
            "console/confirm.html",
            view=view,
            action=chosen,
            rows=rows,
            back=back(view),
            missing="confirmed" in request.form,
        )
    skipped = [(row, _one(view, chosen, view.datamodel.key_of(row), reason)) for row in rows]
    _report(skipped, len(set(posted)) - len(rows))
    return redirect(back(view))


def back(view: Reading) -> str:
    """Where the request came from, if that is a page of this view; else its list."""
    home = url_for(f"{view.endpoint}.list")
    asked = request.form.get("back", "")
    return asked if asked.startswith(home) and "\\" not in asked and "\n" not in asked else home


def _one(view: Reading, chosen: Action, key: Any, reason: str) -> str | None:
    """Do it to one row; why it was not done, or None."""
    try:
        with writing(view.datamodel.obj) as uow:
            _act(view, chosen, uow, key, reason)
    except DomainError as error:
        return gettext(error.message, **error.params)
    return None


def _act(view: Reading, chosen: Action, uow: UnitOfWork, key: Any, reason: str) -> None:
    row = view.datamodel.one(key, view.base, lock=True)
    authorise(actor(), f"{view.permission_name}.{chosen.name}", row)
    chosen.run(view, uow, row, *([reason] if chosen.reason else []))


def _report(results: Sequence[tuple[Any, str | None]], unknown: int) -> None:
    done = sum(1 for _row, why in results if why is None)
    if done:
        flash(ngettext("Done: %(num)d record.", "Done: %(num)d records.", done), "success")
    for row, why in results[:20]:
        if why is not None:
            flash(gettext("Skipped: %(name)s. %(why)s", name=formats.name(row), why=why), "warning")
    missing = unknown + sum(1 for _row, why in results[20:] if why is not None)
    if missing:
        flash(
            ngettext("Skipped besides: %(num)d record.", "Skipped besides: %(num)d records.", missing),
            "warning",
        )


def shown(view: Reading, row: Any = None) -> list[Action]:
    """The actions that the actor may take: on this row, or on ticked rows of a list."""
    permission = view.permission_name
    if row is None:
        return [
            one
            for one in view.declared_actions
            if one.multiple and allowed(actor(), f"{permission}.{one.name}")
        ]
    return [
        one
        for one in view.declared_actions
        if one.single and allowed(actor(), f"{permission}.{one.name}", row)
    ]
