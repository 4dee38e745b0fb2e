"""The set of conversions that earns most, found exactly (spec 1.5.6): a mixed-integer programme solved by HiGHS.

Plain values in, plain values out. ``mip_rel_gap`` is 0 and one thread is used, so that the same question has the same
answer; ties are broken by further passes: most credits, then most targets, then fewest achievements, then the first rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import highspy
import numpy as np

from app.kernel.errors import N_, DomainError
from app.rules.matching import Holding, Terms, obstacles

#: Seconds after which an answer is given up rather than given inexactly.
PATIENCE = 20.0


class Unsolved(DomainError):
    """The question is too large to be answered exactly in time."""

    status = 503


@dataclass(frozen=True)
class Grant:
    """A target of an option: what it is worth (hundredths), and where a source counts once (see consumption.place)."""

    item: int
    credits: int
    place: str
    counts: bool = True


@dataclass(frozen=True)
class Option:
    """A rule that might be applied for: ``grants`` are its targets, in the order of its terms."""

    key: int
    terms: Terms
    group: str
    grants: tuple[Grant, ...]


@dataclass(frozen=True)
class Limit:
    """A cap's room: over these (option, item), ``room`` hundredths are left. ``sources``: only where one of these
    holdings is brought; None: whatever is.
    """

    room: int
    grants: frozenset[tuple[int, int]]
    sources: frozenset[int] | None = None


@dataclass(frozen=True)
class Problem:
    """What is held, what might be applied for, and what stands in the way.

    ``identity``: holding → what it is spent as; ``spent``: (identity, place, reuse group) in force; ``granted``: items
    that are granted or applied for already.
    """

    holdings: tuple[Holding, ...]
    options: tuple[Option, ...]
    day: date
    identity: dict[int, str] = field(default_factory=dict)
    spent: frozenset[tuple[str, str, str]] = frozenset()
    granted: frozenset[int] = frozenset()
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True)
class Choice:
    """An application of the answer: slot → holding, and the items granted."""

    option: int
    filled: tuple[tuple[int, int], ...]
    items: tuple[int, ...]


def solve(problem: Problem) -> list[Choice]:
    """The best set of applications, in the order of the options. Raises Unsolved."""
    model = _Model(problem)
    return model.answer() if model.columns else []


class _Model:
    """Columns (all 0 or 1) and rows of the programme, and where each column belongs."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.columns = 0
        self.rows: list[tuple[float, float, list[tuple[int, int]]]] = []
        self.applied: dict[int, int] = {}
        self.filled: dict[tuple[int, int, int], int] = {}
        self.granted: dict[tuple[int, int], int] = {}
        self._used: dict[int, dict[int, int]] = {}
        self._places: dict[tuple[str, str], list[tuple[str, int]]] = {}
        for option in problem.options:
            self._option(option)
        self._targets_once()
        self._sources_once()
        for limit in problem.limits:
            self._limit(limit)

    # --- building

    def _column(self) -> int:
        self.columns += 1
        return self.columns - 1

    def _row(self, terms: Iterable[tuple[int, int]], low: float = -np.inf, high: float = np.inf) -> None:
        self.rows.append((low, high, list(terms)))

    def _option(self, option: Option) -> None:
        able = {
            slot.key: [
                h.key for h in self.problem.holdings if not obstacles(option.terms, slot, h, self.problem.day)
            ]
            for slot in option.terms.slots
        }
        open_ones = [grant for grant in option.grants if grant.item not in self.problem.granted]
        wanted = option.terms.targets_needed
        if len(open_ones) < (len(option.grants) if wanted is None else wanted) or not any(able.values()):
            return
        y = self.applied[option.key] = self._column()
        self._fill(option, able, y)
        for grant in open_ones:
            z = self.granted[option.key, grant.item] = self._column()
            if wanted is None:
                self._row([(z, 1), (y, -1)], 0, 0)
            else:
                self._row([(z, 1), (y, -1)], high=0)
        if wanted is not None:
            chosen = [(self.granted[option.key, grant.item], 1) for grant in open_ones]
            self._row([*chosen, (y, -wanted)], 0, 0)
        self._spend(option, open_ones)

    def _fill(self, option: Option, able: dict[int, list[int]], y: int) -> None:
        by_holding: dict[int, list[int]] = {}
        for slot, holdings in able.items():
            for holding in holdings:
                x = self.filled[option.key, slot, holding] = self._column()
                by_holding.setdefault(holding, []).append(x)
            columns = [self.filled[option.key, slot, holding] for holding in holdings]
            self._row([*((x, 1) for x in columns), (y, -1)], high=0)
        for holding, columns in by_holding.items():
            u = self._used.setdefault(option.key, {})[holding] = self._column()
            self._row([*((x, 1) for x in columns), (u, -1)], 0, 0)
        members = option.terms.members
        complete = []
        for member in members:
            w = self._column()
            complete.append((w, 1))
            columns = [
                self.filled[option.key, slot.key, holding] for slot in member for holding in able[slot.key]
            ]
            self._row([*((x, 1) for x in columns), (w, -option.terms.enough(member))], 0, 0)
        needed = len(members) if option.terms.needed is None else option.terms.needed
        self._row([*complete, (y, -needed)], 0, 0)

    def _spend(self, option: Option, grants: Sequence[Grant]) -> None:
        """Each holding that the option uses is spent in each place that it grants in."""
        places: dict[str, list[int]] = {}
        for grant in grants:
            places.setdefault(grant.place, []).append(self.granted[option.key, grant.item])
        for holding, u in self._used.get(option.key, {}).items():
            identity = self.problem.identity.get(holding, str(holding))
            for place, columns in places.items():
                v = self._column()
                for z in columns:
                    self._row([(v, 1), (u, -1), (z, -1)], low=-1)
                self._places.setdefault((identity, place), []).append((option.group, v))

    def _targets_once(self) -> None:
        by_item: dict[int, list[int]] = {}
        for (_option, item), z in self.granted.items():
            by_item.setdefault(item, []).append(z)
        for columns in by_item.values():
            self._row([(z, 1) for z in columns], high=1)

    def _sources_once(self) -> None:
        """Once per place and reuse group; a rule without a group shares with none."""
        for (identity, place), uses in self._places.items():
            taken = {
                group for whose, where, group in self.problem.spent if (whose, where) == (identity, place)
            }
            for group, v in uses:
                if "" in taken or group in taken or (taken and not group):
                    self._row([(v, 1)], 0, 0)
            alone = [(v, 1) for group, v in uses if not group]
            for named in sorted({group for group, _v in uses if group}) or [""]:
                own = [(v, 1) for group, v in uses if group == named and group]
                self._row([*own, *alone], high=1)

    def _limit(self, limit: Limit) -> None:
        worth = {(o.key, grant.item): grant.credits for o in self.problem.options for grant in o.grants}
        terms = []
        for option, item in sorted(limit.grants):
            z = self.granted.get((option, item))
            if z is not None and worth[option, item]:
                counted = z if limit.sources is None else self._counted(option, z, limit.sources)
                terms.append((counted, worth[option, item]))
        if terms:
            self._row(terms, high=max(limit.room, 0))

    def _counted(self, option: int, z: int, sources: frozenset[int]) -> int:
        """A column that is 1 where the target is granted and one of these holdings was brought."""
        k = self._column()
        for holding, u in self._used.get(option, {}).items():
            if holding in sources:
                self._row([(k, 1), (z, -1), (u, -1)], low=-1)
        return k

    # --- solving

    def answer(self) -> list[Choice]:
        solver = self._solver()
        credits = {
            self.granted[o.key, grant.item]: grant.credits
            for o in self.problem.options
            for grant in o.grants
            if grant.counts and (o.key, grant.item) in self.granted
        }
        targets = {self.granted[o.key, g.item]: 1 for o in self.problem.options for g in o.grants
                   if g.counts and (o.key, g.item) in self.granted}  # fmt: skip
        order = {y: number for number, y in enumerate(self.applied.values(), 1)}
        fewest = {x: -(len(order) + 1) for x in self.filled.values()} | {y: -n for y, n in order.items()}
        for goal in (credits, targets, fewest):
            values = self._best(solver, goal)
            reached = sum(weight * round(values[column]) for column, weight in goal.items())
            if goal is not fewest and goal:
                solver.addRow(
                    reached, highspy.kHighsInf, len(goal), list(goal), [float(w) for w in goal.values()]
                )
        return self._read(values)

    def _solver(self) -> Any:
        solver = highspy.Highs()
        solver.silent()
        for name, value in (
            ("mip_rel_gap", 0.0),
            ("mip_abs_gap", 0.0),
            ("threads", 1),
            ("time_limit", PATIENCE),
        ):
            solver.setOptionValue(name, value)
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = self.columns, len(self.rows)
        model.col_cost_ = np.zeros(self.columns)
        model.col_lower_, model.col_upper_ = np.zeros(self.columns), np.ones(self.columns)
        model.integrality_ = [highspy.HighsVarType.kInteger] * self.columns
        model.row_lower_ = np.array([low for low, _high, _terms in self.rows], dtype=float)
        model.row_upper_ = np.array([high for _low, high, _terms in self.rows], dtype=float)
        matrix = model.a_matrix_
        matrix.format_ = highspy.MatrixFormat.kRowwise
        matrix.start_ = np.cumsum([0, *(len(terms) for _low, _high, terms in self.rows)])
        matrix.index_ = np.array([column for row in self.rows for column, _w in row[2]], dtype=np.int32)
        matrix.value_ = np.array([weight for row in self.rows for _c, weight in row[2]], dtype=float)
        solver.passModel(model)
        solver.changeObjectiveSense(highspy.ObjSense.kMaximize)
        return solver

    def _best(self, solver: Any, goal: dict[int, int]) -> list[float]:
        costs = np.zeros(self.columns)
        for column, weight in goal.items():
            costs[column] = weight
        solver.changeColsCost(self.columns, np.arange(self.columns, dtype=np.int32), costs)
        solver.run()
        if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise Unsolved("unsolved", N_("There is too much to plan at once. Please ask the centre."))
        return list(solver.getSolution().col_value)

    def _read(self, values: Sequence[float]) -> list[Choice]:
        found = []
        for option, y in self.applied.items():
            if values[y] > 0.5:
                filled = [(s, h) for (o, s, h), x in self.filled.items() if o == option and values[x] > 0.5]
                items = [item for (o, item), z in self.granted.items() if o == option and values[z] > 0.5]
                found.append(Choice(option, tuple(sorted(filled)), tuple(items)))
        return found
