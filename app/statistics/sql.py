"""What the two databases say differently: civil months, and days between moments."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Float, FunctionElement, String
from sqlalchemy.ext.compiler import compiles


class civil_month(FunctionElement[str]):
    """The month of a moment on the clocks of China, e.g. ``2026-03``."""

    type = String()
    inherit_cache = True


class days_between(FunctionElement[float]):
    """Days from one moment to another, with their fraction."""

    type = Float()
    inherit_cache = True


@compiles(civil_month, "sqlite")
def _month_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"strftime('%Y-%m', {compiler.process(element.clauses, **options)}, '+8 hours')"


@compiles(civil_month, "postgresql")
def _month_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return f"to_char({compiler.process(element.clauses, **options)} + interval '8 hours', 'YYYY-MM')"


@compiles(days_between, "sqlite")
def _days_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    first, last = (compiler.process(clause, **options) for clause in element.clauses)
    return f"(julianday({last}) - julianday({first}))"


@compiles(days_between, "postgresql")
def _days_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    first, last = (compiler.process(clause, **options) for clause in element.clauses)
    return f"(extract(epoch from ({last} - {first})) / 86400.0)"
