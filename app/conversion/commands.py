"""Commands about rules and decisions."""

from __future__ import annotations

import csv
from pathlib import Path

import click
from flask.cli import with_appcontext
from sqlalchemy import select

from app.kernel.actor import SYSTEM
from app.kernel.commands import plain
from app.kernel.database import db
from app.kernel.unit_of_work import UnitOfWork


@click.group()
def rules() -> None:
    """Conversion rules."""


@rules.command("expand")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@with_appcontext
@plain
def rules_expand(dry_run: bool) -> None:
    """Apply every template: rules that are missing are made, changed ones get a new version, others are retired."""
    from app.rules.expansion import difference, expand
    from app.rules.models import RuleTemplate

    with UnitOfWork(db.session, SYSTEM) as uow:
        for template in uow.session.scalars(select(RuleTemplate).order_by(RuleTemplate.id)):
            found = difference(uow.session, template)
            if not dry_run:
                expand(uow, template)
            figures = f"{len(found.new)} new, {len(found.changed)} changed, {len(found.gone)} retired"
            click.echo(f"{template.name}: {figures}, {found.same} as they are")


@rules.command("lint")
@click.option("--kind", help="Only findings of this kind, e.g. overlap.")
@with_appcontext
@plain
def rules_lint(kind: str | None) -> None:
    """Check the published rules; exit status 1 when there is an error among the findings."""
    from app.rules.lint import lint

    found = [one for one in lint(db.session()) if kind in (None, one.kind)]
    for finding in found:
        click.echo(str(finding))
    errors = sum(finding.severity == "error" for finding in found)
    click.echo(f"{len(found)} findings, {errors} errors.")
    if errors:
        raise click.exceptions.Exit(1)


@rules.command("impact")
@click.argument("rule", type=int)
@click.option(
    "--version", "number", type=int, help="If this version were published; else if the rule were retired."
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the list to this CSV file."
)
@with_appcontext
@plain
def rules_impact(rule: int, number: int | None, output: Path | None) -> None:
    """What publishing a version of RULE (its id), or retiring it, would change. Reads only."""
    from app.conversion import impact
    from app.kernel.errors import NotFound
    from app.rules.models import Rule, RuleVersion

    row = db.session.get(Rule, rule)
    query = select(RuleVersion).where(RuleVersion.rule_id == rule, RuleVersion.number == number)
    version = db.session.scalar(query) if number is not None else None
    if row is None or (number is not None and version is None):
        raise NotFound
    found = impact.preview(db.session(), row, version)
    click.echo(f"{row.name}: {'version ' + str(number) if version else 'retired'}")
    click.echo(f"open applications that would come out differently: {len(found.open_cases)}")
    click.echo(f"decided applications that would come out differently: {len(found.decided_cases)}")
    click.echo(f"learners who gain: {len(found.gain)}")
    click.echo(f"learners who lose: {len(found.lose)}")
    if found.partial:
        click.echo("There is more than was looked at: the figures are a lower bound.")
    if output is not None:
        with output.open("w", newline="", encoding="utf-8-sig") as file:
            csv.writer(file).writerows(impact.lines(found))
        click.echo(str(output))


@click.group()
def decision() -> None:
    """Decisions, looked at again."""


@decision.command("replay")
@click.argument("case", type=int, required=False)
@click.option("--all", "everything", is_flag=True, help="Every decision that granted something.")
@with_appcontext
@plain
def decision_replay(case: int | None, everything: bool) -> None:
    """Decide the approved conversion CASE (its id) again from what was stored. A difference is written down as a
    finding; exit status 1.
    """
    from app.conversion.decision import examine
    from app.conversion.models import ConversionApplication

    if (case is None) != everything:
        raise click.UsageError("name a case, or say --all")
    query = select(ConversionApplication.id).where(ConversionApplication.final_at.is_not(None))
    decided = query.where(ConversionApplication.state.in_(("approved", "reversed")))
    keys = (
        [case] if case is not None else list(db.session.scalars(decided.order_by(ConversionApplication.id)))
    )
    wrong = 0
    for key in keys:
        with UnitOfWork(db.session, SYSTEM) as uow:
            differences = examine(uow, key)
        wrong += bool(differences)
        for difference in differences:
            click.echo(f"{key}: {difference}")
    if wrong:
        raise click.ClickException(f"{wrong} of {len(keys)} decisions don't come out the same")
    click.echo(
        "The decision comes out the same."
        if case is not None
        else f"{len(keys)} decisions come out the same."
    )
