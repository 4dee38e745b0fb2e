"""Samples: sizes as the published tables have them, the same cases from the same seed, on both databases."""

from __future__ import annotations

from datetime import timedelta
from math import comb

import pytest
from flask import Flask
from sqlalchemy import select

from app.audit.models import AuditEvent, AuditSample, Finding
from app.auditor import sampling, services
from app.auditor.sampling import Candidate
from app.auditor.services import Plan
from app.kernel.clock import today
from app.kernel.database import db
from app.kernel.errors import Conflict, Forbidden, Invalid
from tests.support.story import Cast, log_in, post


def plan(**more: object) -> Plan:
    return Plan("conversion", today() - timedelta(days=3), today(), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("confidence", "tolerable", "expected", "size"),
    # Attributes sampling for large populations, as the tables of the AICPA's guide print them.
    [
        (9500, 500, 0, 59),
        (9500, 500, 1, 93),
        (9500, 1000, 0, 29),
        (9000, 500, 0, 45),
        (9000, 1000, 0, 22),
        (9500, 1000, 1, 46),
    ],
)
def test_sizes_are_those_of_the_published_tables(
    confidence: int, tolerable: int, expected: int, size: int
) -> None:
    assert sampling.size_for(10_000_000, confidence, tolerable, expected) == size


def test_small_populations_by_counting() -> None:
    """The size found is the smallest one that holds, by plain counting of all samples."""
    for there in (1, 7, 30, 120):
        size = sampling.size_for(there, 9500, 500)
        wrong = -(-there * 500 // 10000)

        def risk(drawn: int, there: int = there, wrong: int = wrong) -> float:
            return comb(there - wrong, drawn) / comb(there, drawn)

        assert risk(size) <= 0.05 + 1e-12
        assert size == 1 or risk(size - 1) > 0.05
    assert sampling.size_for(0, 9500, 500) == 0
    assert sampling.size_for(10, 9500, 500, expected=1) == 10


def test_lots_depend_on_the_seed_and_on_nothing_else() -> None:
    cases = [Candidate(f"ZH-2026-{n:06d}", n) for n in range(200)]
    drawn = sampling.draw(cases, 10, "seed")
    assert drawn == sampling.draw(cases[::-1], 10, "seed")
    assert drawn != sampling.draw(cases, 10, "other")
    assert [one.key for one in drawn] == sorted(
        (one.key for one in drawn), key=lambda key: sampling.lot("seed", f"ZH-2026-{key:06d}")
    )
    times = [0] * 200
    for turn in range(400):
        for one in sampling.draw(cases, 20, str(turn)):
            times[one.key] += 1
    assert min(times) > 15  # each is drawn 40 times on average
    assert max(times) < 70


def test_the_papers_font_has_every_sign_of_the_formula() -> None:
    """A sign that the font lacks would print as a blank box on every working paper."""
    signs = {ord(sign) for sign in sampling.FORMULA + sampling.SOURCE}
    assert signs.isdisjoint({0x2308, 0x2309})


def test_every_stratum_has_its_share() -> None:
    assert sampling.shares({"a": 900, "b": 90, "c": 10}, 50) == {"a": 45, "b": 4, "c": 1}
    assert sampling.shares({"a": 900, "b": 1, "c": 1}, 3) == {"a": 1, "b": 1, "c": 1}
    assert sampling.shares({"a": 3, "b": 2}, 50) == {"a": 3, "b": 2}
    for size in range(1, 60):
        given = sampling.shares({"a": 40, "b": 7, "c": 13, "d": 1}, size)
        assert sum(given.values()) == size
        assert all(given[name] <= there for name, there in {"a": 40, "b": 7, "c": 13, "d": 1}.items())


def test_a_sample_is_drawn_worked_through_and_drawn_again(cast: Cast) -> None:
    sample = cast.act("auditor", lambda uow: services.draw(uow, plan(seed="2026", tolerable=3000)))
    assert (sample.number or "").startswith("CY-")
    assert 0 < sample.size == len(sample.lines) <= sample.population
    assert services.drawn_again(db.session(), sample)
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "sample.drawn")).one()
    assert b'"seed":"2026"' in event.canonical
    for line in sample.lines:
        result, remark = ("error", "扫描件模糊") if line.place == 1 else ("well", "")
        cast.act(
            "auditor",
            lambda uow, line=line, result=result, remark=remark: services.look_at(
                uow, sample.id, line.place, result, remark, line.version
            ),
        )
    found = cast.act("auditor", lambda uow: services.find(uow, sample.id, 1, "major", "终审未附复印件"))
    with pytest.raises(Invalid):
        cast.act(
            "auditor", lambda uow: services.follow_up(uow, found.id, " ", close=True, version=found.version)
        )
    cast.act(
        "auditor", lambda uow: services.follow_up(uow, found.id, "已补齐", close=True, version=found.version)
    )
    assert db.session.get_one(Finding, found.id).standing == "closed"
    with pytest.raises(Conflict):
        cast.act("auditor", lambda uow: services.conclude(uow, sample.id, "总体可信", 99))
    db.session.expire_all()
    version = db.session.get_one(AuditSample, sample.id).version
    cast.act("auditor", lambda uow: services.conclude(uow, sample.id, "总体可信", version))
    with pytest.raises(Forbidden):
        cast.act("center", lambda uow: services.draw(uow, plan()))


def test_what_is_decided_later_does_not_change_what_was_drawn(cast: Cast) -> None:
    sample = cast.act("auditor", lambda uow: services.draw(uow, plan(strata="organisation", tolerable=1000)))
    there = sample.population
    waiting = db.session.scalars(
        select(services.ConversionApplication.id).where(
            services.ConversionApplication.state == "initial_review"
        )
    ).first()
    assert waiting is not None
    cast.decide(waiting, "initial", "refuse", "point", "不符合规则。")
    assert services.drawn_again(db.session(), sample)
    later = cast.act("auditor", lambda uow: services.draw(uow, plan(seed=sample.seed)))
    assert later.population == there + 1


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_desk_from_the_form_to_the_paper(demo: Flask, cast: Cast) -> None:
    client = log_in(demo, "auditor")
    asked = {
        "cases": "conversion",
        "since": str(today()),
        "until": str(today()),
        "confidence": "95",
        "tolerable": "30",
    }
    preview = client.get("/console/audit/samples/draw", query_string=asked)
    assert "件已决定案件中抽取" in preview.text
    drawn = post(client, "/console/audit/samples/draw", {**asked, "seed": "s1"})
    assert drawn.status_code == 302
    page = client.get(drawn.headers["Location"]).text
    assert "按种子重新抽取：结果一致" in page
    assert client.get("/console/audit/samples/").status_code == 200
    assert post(client, f"{drawn.headers['Location']}/paper", {}).data[:5] == b"%PDF-"
    wrong = {**asked, "confidence": "x", "since": "2026-13-01"}
    assert post(client, "/console/audit/samples/draw", wrong).status_code == 422
    assert client.get("/console/audit/samples/999").status_code == 404
    stale = {"place": "1", "version": "77", "result": "well"}
    assert post(client, f"{drawn.headers['Location']}/result", stale).status_code == 409
    assert log_in(demo, "center").get("/console/audit/samples/").status_code == 403


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_command_draws_and_prints(demo: Flask, cast: Cast, tmp_path: object) -> None:
    runner = demo.test_cli_runner()
    day = str(today())
    target = f"{tmp_path}/paper.pdf"
    made = runner.invoke(
        args=["report", "sample", "--from", day, "--to", day, "--by", "month", "--seed", "7", "-o", target]
    )
    assert made.exit_code == 0, made.output
    assert "seed 7" in made.output
    again = runner.invoke(args=["report", "sample", "1", "-o", target])
    assert again.exit_code == 0, again.output
    assert runner.invoke(args=["report", "sample", "99", "-o", target]).exit_code == 1
