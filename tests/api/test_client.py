"""The example client of the docs, against a server on a socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from tests.api.conftest import Programs

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
CLIENT = Path(__file__).resolve().parents[2] / "docs/examples/api_client.py"


@pytest.fixture
def address(demo: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, demo, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


@SQLITE
def test_the_example_client_reads_and_decides(
    address: str, program: Programs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = spec_from_file_location("api_client", CLIENT)
    assert found
    assert found.loader
    client: Any = module_from_spec(found)
    found.loader.exec_module(client)
    monkeypatch.setenv("CREDITBANK_API", address)
    monkeypatch.setenv("CREDITBANK_KEY", program("center").token)
    assert client.main(["learners", "limit=2"]) == 0
    assert len(capsys.readouterr().out.splitlines()) > 2
    bank = client.Bank(address, program("center").token)
    case = next(bank.rows("recognitions", state="submitted"))
    assert client.main(["decide", "recognitions", str(case["id"]), "refuse", "证书无法辨认。"]) == 0
    assert bank.one("recognitions", case["id"])["state"] == "refused"
    assert client.main(["decide", "recognitions", str(case["id"]), "refuse", "证书无法辨认。"]) == 1
    assert "409" in capsys.readouterr().err
