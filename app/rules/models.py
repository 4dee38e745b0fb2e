"""Agreements, rules, versions with source slots and targets, templates, and the table that finds rules for
an item.

A published version never changes; a change of a rule is a new version. An application keeps the version it
was made under.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.catalogue.models import CatalogueItem, Category, Programme
from app.framework.models import FrameworkLevel
from app.kernel.choices import Choice, Choices, Tone
from app.kernel.database import BasisPoints, Code, Editable, Hundredths, Key, Model, Moment, positive
from app.kernel.errors import N_
from app.kernel.rows import Rows
from app.kernel.workflow import states
from app.organisations.models import Organisation

RULE_STATES = states(
    ("draft", N_("Draft"), Tone.NEUTRAL),
    ("published", N_("Published"), Tone.SUCCESS),
    ("retired", N_("Retired"), Tone.WARNING),
)
MODES = Choices(Choice("all", N_("All of")), Choice("any", N_("Any of")))


class Agreement(Editable, Model):
    """转换协议: parties agree on conversions, e.g. 外语等级证书转学位外语."""

    __tablename__ = "agreement"
    __table_args__ = (
        UniqueConstraint("number"),
        CheckConstraint("valid_until IS NULL OR valid_until >= valid_from", name="ends_after_start"),
        Index("ix_agreement_name", "name"),
        {"comment": "conversion agreements"},
    )
    __rows__ = Rows(organisation="organisation_id")

    number: Mapped[str] = mapped_column(String(32), nullable=False)
    name: Mapped[str] = mapped_column(String(200), nullable=False)
    organisation_id: Mapped[int] = mapped_column(
        Key, ForeignKey("organisation.id"), nullable=False, comment="the granting institution"
    )
    valid_from: Mapped[date] = mapped_column(Date, nullable=False)
    valid_until: Mapped[date | None] = mapped_column(Date)
    description: Mapped[str] = mapped_column(Text, default="", nullable=False)
    document_digest: Mapped[str | None] = mapped_column(
        String(64), comment="the signed paper, by its content"
    )
    document_name: Mapped[str] = mapped_column(String(200), default="", nullable=False)

    organisation: Mapped[Organisation] = relationship()
    parties: Mapped[list[AgreementParty]] = relationship(back_populates="agreement")

    def __repr__(self) -> str:
        return self.name


class AgreementParty(Editable, Model):
    """An organisation that has signed an agreement."""

    __tablename__ = "agreement_party"
    __table_args__ = (
        UniqueConstraint("agreement_id", "organisation_id"),
        {"comment": "who signed an agreement"},
    )
    __rows__ = Rows(through="agreement")

    agreement_id: Mapped[int] = mapped_column(Key, ForeignKey("agreement.id"), nullable=False)
    organisation_id: Mapped[int] = mapped_column(Key, ForeignKey("organisation.id"), nullable=False)
    signed_on: Mapped[date | None] = mapped_column(Date)

    agreement: Mapped[Agreement] = relationship(back_populates="parties")
    organisation: Mapped[Organisation] = relationship()

    def __repr__(self) -> str:
        return f"{self.agreement} · {self.organisation}"


class RuleTemplate(Editable, Model):
    """One text for many rules: its parameters are term × programme (ADR 0009). ``terms`` and ``programmes`` are
    lists separated by commas; empty means all that the catalogue has.
    """

    __tablename__ = "rule_template"
    __table_args__ = (UniqueConstraint("agreement_id", "name"), {"comment": "templates that expand to rules"})
    __rows__ = Rows(through="agreement")

    agreement_id: Mapped[int] = mapped_column(Key, ForeignKey("agreement.id"), nullable=False)
    name: Mapped[str] = mapped_column(String(200), nullable=False)
    rule_name: Mapped[str] = mapped_column(
        String(200), nullable=False, comment="pattern, e.g. CET 4 及以上证书转{term}{programme}专业{target}"
    )
    source_item_id: Mapped[int] = mapped_column(Key, ForeignKey("catalogue_item.id"), nullable=False)
    target_name: Mapped[str] = mapped_column(
        String(200), nullable=False, comment="name of the target item in each programme"
    )
    target_category_id: Mapped[int] = mapped_column(Key, ForeignKey("category.id"), nullable=False)
    ratio: Mapped[int] = mapped_column(
        BasisPoints, default=10000, nullable=False, comment="basis points of the target's credits"
    )
    reuse_group: Mapped[str] = mapped_column(String(32), default="", nullable=False)
    terms: Mapped[str] = mapped_column(
        String(400), default="", nullable=False, comment="intake terms; empty: all"
    )
    programmes: Mapped[str] = mapped_column(
        String(1000), default="", nullable=False, comment="names of programmes; empty: all"
    )
    minimum_score: Mapped[int | None] = mapped_column(Integer)
    minimum_level_id: Mapped[int | None] = mapped_column(Key, ForeignKey("framework_level.id"))
    months_valid: Mapped[int | None] = mapped_column(Integer)
    valid_until: Mapped[date | None] = mapped_column(Date)
    edited_by_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("ab_user.id"), comment="who changed it last: somebody else applies it"
    )

    agreement: Mapped[Agreement] = relationship()
    source_item: Mapped[CatalogueItem] = relationship()
    target_category: Mapped[Category] = relationship()
    minimum_level: Mapped[FrameworkLevel | None] = relationship()

    def __repr__(self) -> str:
        return self.name


class Rule(Editable, Model):
    """转换规则. What it says stands in its versions; name and programme are repeated here to find it by."""

    __tablename__ = "rule"
    __table_args__ = (
        UniqueConstraint("agreement_id", "name"),
        RULE_STATES.check("state"),
        CheckConstraint(
            "state <> 'published' OR current_version_id IS NOT NULL", name="published_has_version"
        ),
        Index("ix_rule_programme_id", "programme_id", "state"),
        Index("ix_rule_name", "name"),
        Index("ix_rule_template_id", "template_id"),
        {"comment": "conversion rules"},
    )
    __rows__ = Rows(through="agreement")

    agreement_id: Mapped[int] = mapped_column(Key, ForeignKey("agreement.id"), nullable=False)
    template_id: Mapped[int | None] = mapped_column(Key, ForeignKey("rule_template.id"))
    programme_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("programme.id"), comment="target programme"
    )
    name: Mapped[str] = mapped_column(String(200), nullable=False)
    description: Mapped[str] = mapped_column(
        Text, default="", nullable=False, comment="规则描述, shown to all"
    )
    state: Mapped[str] = mapped_column(Code(RULE_STATES), default="draft", nullable=False)
    current_version_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("rule_version.id", use_alter=True), comment="published version"
    )
    retirement_by_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("ab_user.id"), comment="who proposed to retire it; a second person does"
    )
    retirement_reason: Mapped[str] = mapped_column(Text, default="", nullable=False)

    agreement: Mapped[Agreement] = relationship()
    template: Mapped[RuleTemplate | None] = relationship()
    programme: Mapped[Programme | None] = relationship()
    current_version: Mapped[RuleVersion | None] = relationship(
        foreign_keys=[current_version_id], post_update=True
    )
    versions: Mapped[list[RuleVersion]] = relationship(
        back_populates="rule", foreign_keys="RuleVersion.rule_id", order_by="RuleVersion.number"
    )

    def __repr__(self) -> str:
        return self.name


class RuleVersion(Editable, Model):
    """One version of a rule. Once ``published_at`` is set nothing in it, its slots or its targets changes
    any more.
    """

    __tablename__ = "rule_version"
    __table_args__ = (
        UniqueConstraint("rule_id", "number"),
        MODES.check("mode"),
        CheckConstraint("(mode = 'any') = (needed IS NOT NULL)", name="any_says_how_many"),
        CheckConstraint("valid_until IS NULL OR valid_until >= valid_from", name="ends_after_start"),
        CheckConstraint("(published_at IS NULL) = (digest IS NULL)", name="published_has_digest"),
        CheckConstraint("needed IS NULL OR needed > 0", name="needed_positive"),
        CheckConstraint("targets_needed IS NULL OR targets_needed > 0", name="targets_needed_positive"),
        {"comment": "immutable versions of rules"},
    )
    __rows__ = Rows(through="rule")

    rule_id: Mapped[int] = mapped_column(Key, ForeignKey("rule.id"), nullable=False)
    number: Mapped[int] = mapped_column(Integer, nullable=False)
    name: Mapped[str] = mapped_column(String(200), nullable=False)
    description: Mapped[str] = mapped_column(Text, default="", nullable=False)
    mode: Mapped[str] = mapped_column(Code(MODES), default="all", nullable=False)
    needed: Mapped[int | None] = mapped_column(Integer, comment="k of any k")
    valid_from: Mapped[date] = mapped_column(Date, nullable=False)
    valid_until: Mapped[date | None] = mapped_column(Date)
    reuse_group: Mapped[str] = mapped_column(
        String(32), default="", nullable=False, comment="a source may serve one rule per group and programme"
    )
    accepts_converted: Mapped[bool] = mapped_column(
        default=False, nullable=False, comment="转换获得 may be a source"
    )
    targets_needed: Mapped[int | None] = mapped_column(
        Integer, comment="the learner chooses so many of the targets; NULL: all are granted"
    )
    edited_by_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("ab_user.id"), comment="who changed the draft last: somebody else publishes it"
    )
    published_at: Mapped[datetime | None] = mapped_column(Moment)
    published_by_id: Mapped[int | None] = mapped_column(Key, ForeignKey("ab_user.id"))
    digest: Mapped[str | None] = mapped_column(
        String(64), comment="SHA-256 of the canonical form, set at publication"
    )

    rule: Mapped[Rule] = relationship(back_populates="versions", foreign_keys=[rule_id])
    sources: Mapped[list[RuleSource]] = relationship(
        back_populates="rule_version", order_by="RuleSource.position"
    )
    targets: Mapped[list[RuleTarget]] = relationship(
        back_populates="rule_version", order_by="RuleTarget.position"
    )
    groups: Mapped[list[RuleGroup]] = relationship(
        back_populates="rule_version", order_by="RuleGroup.position"
    )

    def __repr__(self) -> str:
        return f"{self.name} v{self.number}"


class RuleGroup(Editable, Model):
    """Source slots that belong together: all of them, or any ``needed`` of them. The version's own mode counts groups
    and the slots that are in none.
    """

    __tablename__ = "rule_group"
    __table_args__ = (
        UniqueConstraint("rule_version_id", "position"),
        CheckConstraint("needed IS NULL OR needed > 0", name="needed_positive"),
        {"comment": "groups of source slots"},
    )
    __rows__ = Rows(through="rule_version")

    rule_version_id: Mapped[int] = mapped_column(Key, ForeignKey("rule_version.id"), nullable=False)
    position: Mapped[int] = mapped_column(Integer, nullable=False)
    needed: Mapped[int | None] = mapped_column(Integer, comment="NULL: all of its slots")

    rule_version: Mapped[RuleVersion] = relationship(back_populates="groups")

    def __repr__(self) -> str:
        return str(self.position)


class RuleSource(Editable, Model):
    """A source slot: takes one achievement, of an item, of a category, or by a name pattern a reviewer
    confirms.
    """

    __tablename__ = "rule_source"
    __table_args__ = (
        UniqueConstraint("rule_version_id", "position"),
        CheckConstraint("catalogue_item_id IS NOT NULL OR category_id IS NOT NULL", name="takes_something"),
        CheckConstraint("NOT similar_names OR name_pattern <> ''", name="similar_to_something"),
        Index("ix_rule_source_catalogue_item_id", "catalogue_item_id"),
        Index("ix_rule_source_category_id", "category_id"),
        {"comment": "source slots of a rule version"},
    )
    __rows__ = Rows(through="rule_version")

    rule_version_id: Mapped[int] = mapped_column(Key, ForeignKey("rule_version.id"), nullable=False)
    position: Mapped[int] = mapped_column(Integer, default=1, nullable=False)
    catalogue_item_id: Mapped[int | None] = mapped_column(Key, ForeignKey("catalogue_item.id"))
    category_id: Mapped[int | None] = mapped_column(Key, ForeignKey("category.id"))
    name_pattern: Mapped[str] = mapped_column(
        String(200), default="", nullable=False, comment="words for the name, by commas; reviewer confirms"
    )
    similar_names: Mapped[bool] = mapped_column(
        default=False, nullable=False, comment="或相近名称: names that resemble the words"
    )
    issuer_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("organisation.id"), comment="with a category: of this issuer only"
    )
    group_id: Mapped[int | None] = mapped_column(Key, ForeignKey("rule_group.id"), comment="NULL: by itself")
    minimum_score: Mapped[int | None] = mapped_column(Integer)
    minimum_level_id: Mapped[int | None] = mapped_column(Key, ForeignKey("framework_level.id"))
    months_valid: Mapped[int | None] = mapped_column(
        Integer, comment="obtained at most so many months before"
    )

    rule_version: Mapped[RuleVersion] = relationship(back_populates="sources")
    catalogue_item: Mapped[CatalogueItem | None] = relationship()
    category: Mapped[Category | None] = relationship()
    minimum_level: Mapped[FrameworkLevel | None] = relationship()
    issuer: Mapped[Organisation | None] = relationship()
    group: Mapped[RuleGroup | None] = relationship()

    def __repr__(self) -> str:
        return str(self.catalogue_item or self.name_pattern or self.category)


class RuleTarget(Editable, Model):
    """What a rule version grants: an item, at a ratio of its credits."""

    __tablename__ = "rule_target"
    __table_args__ = (
        UniqueConstraint("rule_version_id", "catalogue_item_id"),
        CheckConstraint("ratio BETWEEN 0 AND 100000", name="ratio_plausible"),
        Index("ix_rule_target_catalogue_item_id", "catalogue_item_id"),
        {"comment": "targets of a rule version"},
    )
    __rows__ = Rows(through="rule_version")

    rule_version_id: Mapped[int] = mapped_column(Key, ForeignKey("rule_version.id"), nullable=False)
    catalogue_item_id: Mapped[int] = mapped_column(Key, ForeignKey("catalogue_item.id"), nullable=False)
    ratio: Mapped[int] = mapped_column(
        BasisPoints, default=10000, nullable=False, comment="basis points: 10000 is 100 %"
    )
    position: Mapped[int] = mapped_column(Integer, default=1, nullable=False)

    rule_version: Mapped[RuleVersion] = relationship(back_populates="targets")
    catalogue_item: Mapped[CatalogueItem] = relationship()

    def __repr__(self) -> str:
        return str(self.catalogue_item)


class RuleCandidate(Model):
    """Published rules that an item can enter, with the days on which they are in force: derived, rewritten per rule,
    so that counting is one indexed look-up. Slots of a category are few and matched when asked.
    """

    __tablename__ = "rule_candidate"
    __table_args__ = (
        Index("ix_rule_candidate_rule_id", "rule_id"),
        Index("ix_rule_candidate_in_force", "catalogue_item_id", "valid_from", "valid_until", "rule_id"),
        {"comment": "derived: which published rules an item can enter, and when"},
    )
    __audited__ = False

    catalogue_item_id: Mapped[int] = mapped_column(Key, ForeignKey("catalogue_item.id"), primary_key=True)
    rule_id: Mapped[int] = mapped_column(Key, ForeignKey("rule.id"), primary_key=True)
    valid_from: Mapped[date] = mapped_column(Date, nullable=False)
    valid_until: Mapped[date] = mapped_column(Date, nullable=False)


PERIODS = Choices(Choice("total", N_("Altogether")), Choice("year", N_("Per calendar year")))
BASES = Choices(
    Choice("programme", N_("Each target programme")), Choice("learner", N_("All programmes together"))
)


class CreditCap(Editable, Model):
    """转换上限: how many credits one learner may convert at an institution, e.g. ≤ 50 % of a programme's graduation
    credits, ≤ 25 % from one kind of source. Every condition that is given narrows what counts (spec 1.5.1).
    """

    __tablename__ = "credit_cap"
    __table_args__ = (
        PERIODS.check("period"),
        BASES.check("basis"),
        CheckConstraint("(credits IS NULL) <> (share IS NULL)", name="credits_or_share"),
        CheckConstraint("share IS NULL OR (share BETWEEN 0 AND 10000)", name="share_is_a_part"),
        CheckConstraint("share IS NULL OR basis = 'programme'", name="share_is_of_a_programme"),
        positive("credits"),
        Index("ix_credit_cap_organisation_id", "organisation_id"),
        {"comment": "upper limits of converted credits per learner"},
    )
    __rows__ = Rows(organisation="organisation_id")

    name: Mapped[str] = mapped_column(String(200), nullable=False)
    organisation_id: Mapped[int] = mapped_column(
        Key, ForeignKey("organisation.id"), nullable=False, comment="the granting institution"
    )
    rule_id: Mapped[int | None] = mapped_column(Key, ForeignKey("rule.id"), comment="only by this rule")
    programme_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("programme.id"), comment="only in this target programme"
    )
    category_id: Mapped[int | None] = mapped_column(
        Key, ForeignKey("category.id"), comment="only from this kind of source, large or small"
    )
    period: Mapped[str] = mapped_column(Code(PERIODS), default="total", nullable=False)
    basis: Mapped[str] = mapped_column(Code(BASES), default="programme", nullable=False)
    credits: Mapped[int | None] = mapped_column(Hundredths, comment="hundredths of a credit")
    share: Mapped[int | None] = mapped_column(
        BasisPoints, comment="basis points of the programme's graduation credits"
    )
    active: Mapped[bool] = mapped_column(default=True, nullable=False)

    organisation: Mapped[Organisation] = relationship()
    rule: Mapped[Rule | None] = relationship()
    programme: Mapped[Programme | None] = relationship()
    category: Mapped[Category | None] = relationship()

    def __repr__(self) -> str:
        return self.name
