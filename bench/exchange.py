"""Imports and exports: end to end, and against reading, COPY and XlsxWriter alone; on both databases."""

from __future__ import annotations

import csv
import io
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.queue import PEER, peer_python
from bench.world import databases, ratio

HEADS = ("姓名", "证件号码", "手机", "邮箱", "所属教学点", "专业", "地址")


def main(rows: int = 100_000) -> None:
    rows = int(os.environ.get("BENCH_ROWS", rows))
    python = peer_python()
    with databases() as kinds:
        for name, fresh in kinds:
            print(f"-- {name}: {rows:,} learners")
            with tempfile.TemporaryDirectory() as folder:
                os.environ["CREDITBANK_DATA_DIR"] = folder
                os.environ["CREDITBANK_DATABASE_URL"] = fresh("exchange")
                _measure(rows, python, Path(folder))
            os.environ["CREDITBANK_DATABASE_URL"] = ""


def _measure(rows: int, python: str, folder: Path) -> None:
    import config
    from app import create_app
    from app.console import export
    from app.demo.services import load
    from app.deployment import deploy_all
    from app.exchange import imports, reading
    from app.jobs import runner
    from app.jobs.models import Job
    from app.kernel.actor import SYSTEM
    from app.kernel.database import db
    from app.kernel.storage import store
    from app.kernel.unit_of_work import UnitOfWork

    app = create_app(config.load(os.environ))
    with app.app_context():
        list(deploy_all())
        load()
        digest = store().put(_workbook(rows))
        begin = time.perf_counter()
        with reading.opened(digest, "x.xlsx") as sheet:
            read = sum(1 for _ in sheet.rows)
        reading_alone = time.perf_counter() - begin
        assert read > rows  # noqa: S101
        writing = _watched()
        kind = imports.kind_of("learners")
        found = imports.preview(db.session(), kind, digest, "x.xlsx")
        with UnitOfWork(db.session, SYSTEM) as uow:
            job = imports.ask(uow, kind, digest, "x.xlsx", found.mapping, dry_run=False).id
        begin = time.perf_counter()
        runner.carry_out(app)
        whole = time.perf_counter() - begin
        done = db.session.get_one(Job, job, populate_existing=True)
        assert (done.state, done.place["new"]) == ("done", rows), done.error  # noqa: S101
        ratio("import, rows/s: reading alone is the ceiling", rows / whole, rows / reading_alone, "≥ 0.60")
        print(
            f"   of {whole:.1f} s: {writing.seconds:.1f} s writing, {reading_alone:.1f} s reading, the rest checks and seals"
        )
        floor = _floor(writing.kept)
        share = writing.kept_seconds
        ratio(
            "its writing, rows/s: COPY or executemany of the same rows alone", 1 / share, 1 / floor, "≥ 0.9"
        )
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        ratio("its memory with the reader's, MB", memory + child, 300, "≤ 1")
        _export(rows, python, folder, export)


def _export(rows: int, python: str, folder: Path, export: Any) -> None:
    from app.kernel.actor import SYSTEM

    count = [0]
    with export.standing_in(SYSTEM, "LearnerView", "standing=imported") as view:
        table = view.export_table(False)
        begin = time.perf_counter()
        text = export.written(table, "csv", count)
        print(
            f"   export of {count[0]:,} learners to csv, end to end: {count[0] / (time.perf_counter() - begin):,.0f} rows/s"
        )
    (folder / "rows.csv").write_bytes(text.removeprefix(b"\xef\xbb\xbf"))
    lines = list(csv.reader(io.StringIO(text.decode("utf-8-sig"))))
    fed = export.Table("x", lines[0], None, None, (), None)
    begin = time.perf_counter()
    export.workbook(fed, iter(lines[1:]), io.BytesIO())
    ours = time.perf_counter() - begin
    command = [python, str(PEER / "sheet.py"), str(folder / "rows.csv"), str(folder / "x.xlsx")]
    theirs = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    ratio(
        "workbook from the same rows, rows/s: XlsxWriter, constant memory", rows / ours, rows / theirs, "≥ 5"
    )


class _Watch:
    """Seconds in the transactions of an import, and what some of them wrote."""

    def __init__(self) -> None:
        self.seconds = self.kept_seconds = 0.0
        self.kept: list[tuple[Any, list[dict[str, Any]]]] = []


def _watched() -> _Watch:
    from app.exchange import bulk
    from app.exchange.people import Learners

    watch = _Watch()
    write, chunk = bulk.write, Learners.write
    chunks = [0]

    def kept(uow: Any, model: Any, rows: Any, why: str) -> Any:
        if chunks[0] <= 20:
            watch.kept.append((model, list(rows)))
        return write(uow, model, rows, why)

    def timed(self: Any, uow: Any, rows: Any) -> Any:
        chunks[0] += 1
        begin = time.perf_counter()
        made = chunk(self, uow, rows)
        taken = time.perf_counter() - begin
        watch.seconds += taken
        if chunks[0] <= 20:
            watch.kept_seconds += taken
        return made

    bulk.write, Learners.write = kept, timed  # type: ignore[assignment, method-assign]
    return watch


def _floor(kept: list[tuple[Any, list[dict[str, Any]]]]) -> float:
    """Seconds for the same rows into tables of the same shape, with nothing around it."""
    from sqlalchemy import MetaData, text

    from app.exchange import bulk
    from app.kernel.actor import SYSTEM
    from app.kernel.database import db
    from app.kernel.unit_of_work import UnitOfWork

    postgres = db.engine.dialect.name == "postgresql"
    total = 0.0
    with UnitOfWork(db.session, SYSTEM) as uow:
        for model in {model for model, _rows in kept}:
            name = model.__tablename__
            like = f"(LIKE {name} INCLUDING ALL)" if postgres else f"AS SELECT * FROM {name} WHERE 0"
            uow.session.execute(text(f"CREATE TABLE floor_{name} {like}"))
        for model, rows in kept:
            table = model.__table__.to_metadata(MetaData(), name=f"floor_{model.__tablename__}")
            defaults = {
                key: value for key, value in bulk._defaults(model.__table__).items() if key not in rows[0]
            }
            begin = time.perf_counter()
            if postgres:
                columns = [*rows[0], *defaults]
                bulk._copy(uow.session, table, columns, ((*row.values(), *defaults.values()) for row in rows))
            else:
                uow.session.execute(table.insert(), [row | defaults for row in rows])
            total += time.perf_counter() - begin
        for model in {model for model, _rows in kept}:
            uow.session.execute(text(f"DROP TABLE floor_{model.__tablename__}"))
    return total


def _workbook(rows: int) -> bytes:
    from datetime import date, timedelta

    import rustpy_xlsxwriter

    from app.demo.people import POINT, identity_number

    def records() -> Any:
        first = date(1960, 1, 1)
        for at in range(rows):
            yield dict(
                zip(
                    HEADS,
                    (
                        f"{'王李张刘陈杨'[at % 6]}{'伟芳娜敏静丽强磊'[at % 8]}{'明超秀霞平刚桂'[at // 8 % 7]}",
                        identity_number(first + timedelta(days=at % 15_000), at // 15_000 + 1, "440103"),
                        f"138{at:08d}", f"a{at}@example.com", POINT, "电子商务(2019春)(本)", "广东省广州市越秀区下塘西路1号",
                    ),
                    strict=True,
                )
            )  # fmt: skip

    out = io.BytesIO()
    rustpy_xlsxwriter.write_worksheet(records(), out, sheet_name="学习者")
    return out.getvalue()


if __name__ == "__main__":
    main()
    sys.exit(0)
