"""How many cases, and which: arithmetic that anyone can repeat, without a database.

**Size**: the smallest sample whose result, if it shows at most the expected errors, leaves a risk of no more than
1 - confidence that the population holds the tolerable share of errors or more (attributes sampling, exact
hypergeometric distribution).

**Choice**: every case has a lot, SHA-256 over the seed and its number; the lowest lots are drawn. Nobody can choose the
lots without choosing the seed, and the order in which a database returns rows plays no part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import ceil, comb, exp, lgamma, log

#: Where the formula stands; printed on every working paper.
SOURCE = (
    "AICPA, Audit Guide: Audit Sampling, attributes sampling; ISA 530, Audit Sampling; "
    "中国注册会计师审计准则第1314号——审计抽样"
)
FORMULA = "min n: P(X ≤ {expected} | N = {population}, K = ceil({tolerable} % · N), n) ≤ 1 - {confidence} %, X ~ Hypergeometric"


@dataclass(frozen=True)
class Candidate:
    """One decided case of the population."""

    number: str
    key: int
    stratum: str = ""


def size_for(population: int, confidence: int, tolerable: int, expected: int = 0) -> int:
    """How many cases of ``population`` to draw; confidence and tolerable share in basis points. At most all of them."""
    wrong = ceil(tolerable * population / 10000)
    allowed = 1 - confidence / 10000
    if population == 0 or wrong <= expected:
        return population
    low, high = 1, population
    while low < high:
        middle = (low + high) // 2
        if _at_most(expected, population, wrong, middle) <= allowed * (1 + 1e-12):
            high = middle
        else:
            low = middle + 1
    return low


def _at_most(found: int, population: int, wrong: int, drawn: int) -> float:
    """The chance of at most ``found`` errors in a sample, where ``wrong`` of the population are errors."""
    total = 0.0
    for number in range(found + 1):
        if number <= wrong and 0 <= drawn - number <= population - wrong:
            total += _part(number, population, wrong, drawn)
    return total


def _part(number: int, population: int, wrong: int, drawn: int) -> float:
    if population <= 400:
        return comb(wrong, number) * comb(population - wrong, drawn - number) / comb(population, drawn)
    return exp(_log(wrong, number) + _log(population - wrong, drawn - number) - _log(population, drawn))


def _log(of: int, chosen: int) -> float:
    if chosen in (0, of):
        return log(1)
    return lgamma(of + 1) - lgamma(chosen + 1) - lgamma(of - chosen + 1)


def lot(seed: str, number: str) -> bytes:
    """The lot of a case."""
    return sha256(f"{seed}\0{number}".encode()).digest()


def draw(candidates: Sequence[Candidate], size: int, seed: str) -> list[Candidate]:
    """The ``size`` lowest lots, lowest first."""
    return sorted(candidates, key=lambda one: lot(seed, one.number))[:size]


def shares(strata: Mapping[str, int], size: int) -> dict[str, int]:
    """How many to draw of each stratum: in proportion (largest remainder), at least one of each while there is room."""
    population = sum(strata.values())
    size = min(size, population)
    least = {name: 1 if size >= len(strata) else 0 for name in strata}
    exact = {name: size * count / population for name, count in strata.items()}
    given = {name: max(int(exact[name]), least[name]) for name in strata}
    by_remainder = sorted(strata, key=lambda name: (int(exact[name]) - exact[name], name))
    while sum(given.values()) < size:
        name = next(name for name in by_remainder if given[name] < strata[name])
        given[name] += 1
        by_remainder = [*[n for n in by_remainder if n != name], name]
    for name in sorted(strata, key=lambda name: (-given[name], name)):
        while sum(given.values()) > size and given[name] > least[name]:
            given[name] -= 1
    return given


def draw_stratified(candidates: Sequence[Candidate], size: int, seed: str) -> list[Candidate]:
    """The lowest lots of each stratum, by its share, strata in the order of their names."""
    strata: dict[str, list[Candidate]] = {}
    for one in candidates:
        strata.setdefault(one.stratum, []).append(one)
    given = shares({name: len(rows) for name, rows in strata.items()}, size) if strata else {}
    return [one for name in sorted(strata) for one in draw(strata[name], given[name], seed)]
