"""What stands on a sheet, as plain values. Moments are aware; credits are hundredths, ratios basis points."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime


@dataclass(frozen=True)
class Achievement:
    """One achievement with its category's fields as (label, value)."""

    name: str
    category: str
    state: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Evidence:
    """One file and the digest that tells whether it is the one that was reviewed."""

    name: str
    media_type: str
    size: int
    sha256: str
    uploaded_at: datetime
    purpose: str = ""


@dataclass(frozen=True)
class Attested:
    """原件核验."""

    original: str
    witness: str
    organisation: str
    place: str
    seen_on: date
    pages: int
    copy_kept_at: str
    keep_until: date


@dataclass(frozen=True)
class Reviewed:
    """One decision."""

    stage: str
    decision: str
    reviewer: str
    role: str
    organisation: str
    department: str
    at: datetime
    opinion: str
    fault: str = ""


@dataclass(frozen=True)
class Recused:
    """Somebody who had to keep out, or was warned."""

    stage: str
    who: str
    reason: str
    blocked: bool
    at: datetime
    note: str = ""


@dataclass(frozen=True)
class Assessed:
    """A third party's advice on performance evidence; ``at`` is None while it is awaited."""

    organisation: str
    who: str
    state: str
    question: str
    advice: str
    grounds: str
    at: datetime | None


@dataclass(frozen=True)
class Moment:
    """One line of the timeline."""

    at: datetime
    what: str
    who: str


@dataclass(frozen=True)
class Target:
    """What was granted or asked for, with its arithmetic."""

    name: str
    category: str
    organisation: str
    credits: int | None
    ratio: int
    granted: int | None


@dataclass(frozen=True)
class Rule:
    """The rule version that an application was made under."""

    agreement: str
    name: str
    description: str
    version: int
    digest: str


@dataclass(frozen=True)
class Appeal:
    """An appeal or a reversal that belongs to the case."""

    kind: str
    state: str
    grounds: str
    opinion: str
    who: str
    at: datetime | None


@dataclass(frozen=True)
class CaseSheet:
    """What the sheets of both kinds of case have in common."""

    number: str
    code: str
    url: str
    issued_at: datetime
    issued_by: str
    case_number: str
    state: str
    learner: str
    identity: str
    home_point: str
    authorised_institution: str
    recognising_institution: str
    submitted_at: datetime
    clocks: tuple[tuple[str, str], ...]
    achievements: tuple[Achievement, ...]
    evidence: tuple[Evidence, ...]
    attestations: tuple[Attested, ...]
    reviews: tuple[Reviewed, ...]
    recusals: tuple[Recused, ...]
    timeline: tuple[Moment, ...]
    last_event: tuple[int, str]
    checkpoint: tuple[int, str] = (0, "")
    appeals: tuple[Appeal, ...] = field(default=())
    assessments: tuple[Assessed, ...] = field(default=())
    #: The moment whose values of the achievement are shown; None: they are today's.
    as_of: datetime | None = None
    #: "Under review", where what the case was built on was withdrawn.
    doubted: str = ""


@dataclass(frozen=True)
class RecognitionSheet(CaseSheet):
    """认定审核表 of one round."""

    round: int = 1
    credits: int | None = None
    level: str = ""


@dataclass(frozen=True)
class ConversionSheet(CaseSheet):
    """转换审核表; ``rule`` is None for a performance conversion."""

    rule: Rule | None = None
    committee: str = ""
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True)
class Cover:
    """What names a paper that is about more than one case. ``facts`` are (label, value): what it is about."""

    number: str
    code: str
    url: str
    issued_at: datetime
    issued_by: str
    facts: tuple[tuple[str, str], ...]
    last_event: tuple[int, str]
    checkpoint: tuple[int, str]


@dataclass(frozen=True)
class RegisterRow:
    """One case of a register. ``part`` and ``group`` are the bookmarks that it stands under (kind of case, month)."""

    part: str
    group: str
    number: str
    learner: str
    source: str
    target: str
    organisation: str
    submitted_at: datetime
    decided_at: datetime | None
    state: str
    credits: int | None


@dataclass(frozen=True)
class Stratum:
    """A part of the population that a sample was drawn from."""

    name: str
    population: int
    drawn: int


@dataclass(frozen=True)
class SampledCase:
    """One line of a sample; ``result`` are the auditor's words, "" while it is not looked at."""

    place: int
    number: str
    kind: str
    stratum: str
    organisation: str
    reviewer: str
    decided_at: datetime | None
    state: str
    result: str


@dataclass(frozen=True)
class FindingLine:
    """One finding and what became of it."""

    case_number: str
    severity: str
    state: str
    text: str
    follow_up: str
    who: str
    at: datetime


@dataclass(frozen=True)
class WorkingPaper:
    """审计底稿 of a sample: how it was drawn so that anyone can draw it again, what was looked at, what was found.

    ``formula`` says how the size follows from confidence and tolerable error, ``source`` where it stands.
    """

    cover: Cover
    seed: str
    formula: str
    source: str
    strata: tuple[Stratum, ...]
    cases: tuple[SampledCase, ...]
    findings: tuple[FindingLine, ...]
    conclusion: str


@dataclass(frozen=True)
class Holder:
    """Whose account a paper is about; the identity number as it may be shown."""

    name: str
    number: str
    identity: str
    home_point: str
    programme: str = ""


@dataclass(frozen=True)
class Posted:
    """One posting of an account; ``remark`` names what a counter-entry undoes."""

    at: datetime
    name: str
    kind: str
    category: str
    level: str
    credits: int
    remark: str = ""


@dataclass(frozen=True)
class Statement:
    """学分账户对账单: every posting, and the balance per kind, category and level. ``totals`` per kind: the two are never
    added together (spec 2.2).
    """

    cover: Cover
    holder: Holder
    totals: tuple[tuple[str, int], ...]
    balances: tuple[tuple[str, str, str, int], ...]
    entries: tuple[Posted, ...]


@dataclass(frozen=True)
class Held:
    """One achievement on a transcript; ``credits`` is None where none were posted yet."""

    name: str
    category: str
    issuer: str
    obtained: str
    level: str
    kind: str
    credits: int | None


@dataclass(frozen=True)
class Transcript:
    """学分证明: what the bank has recognised and granted, with the totals per kind and per level."""

    cover: Cover
    holder: Holder
    totals: tuple[tuple[str, int], ...]
    levels: tuple[tuple[str, str, int], ...]
    achievements: tuple[Held, ...]


@dataclass(frozen=True)
class Series:
    """One colour of a chart, a value per label."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Chart:
    """A bar chart and the table of its figures; ``first`` heads the labels, ``digits`` are decimals. Amounts are
    ``stacked``; averages stand side by side.
    """

    title: str
    first: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    note: str = ""
    digits: int = 0
    stacked: bool = True


@dataclass(frozen=True)
class Statistics:
    """审核统计 of a period."""

    cover: Cover
    totals: tuple[tuple[str, str], ...]
    charts: tuple[Chart, ...]
