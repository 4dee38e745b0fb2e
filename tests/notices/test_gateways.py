"""SMS gateways over HTTP and by a provider's own SDK, each against a server on the loopback: good, slow, refusing,
answering twice, answering never, gone.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from flask import Flask

from app.kernel.database import db
from app.notices import channels, delivery, gateways
from app.notices.channels import Down, OutcomeUnknown, Refused, TryLater
from app.notices.models import Notice
from tests.notices.conftest import Configure, MakePerson
from tests.notices.test_delivery import make_due, post, row

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Loopback:
    """A server that reads one request at a time and answers with what ``answer`` makes of it."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: Callable[[bytes], bytes | None] = lambda _body: OK
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._held: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                with suppress(OSError):
                    self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        file = connection.makefile("rb")
        first = file.readline().decode()
        headers: dict[str, str] = {}
        while (line := file.readline().decode().strip()) != "":
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = file.read(int(headers.get("content-length", "0")))
        self.requests.append((first, headers, body))
        answer = self.answer(body)
        if answer is None:
            self._held.append(connection)  # never an answer, never an end
            return
        connection.sendall(answer)
        connection.close()

    def stop(self) -> None:
        self._socket.close()
        for connection in self._held:
            connection.close()


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    monkeypatch.setattr(channels, "PATIENCE", 0.4)
    server = Loopback()
    yield server
    server.stop()


def _status(code: int) -> bytes:
    return f"HTTP/1.1 {code} X\r\nContent-Length: 0\r\n\r\n".encode()


class TestHttp:
    def test_what_is_sent(self, loopback: Loopback) -> None:
        gateway = gateways.gateway(f"http://:to%20ken@127.0.0.1:{loopback.port}/send?channel=7")
        gateway.send("recognised.ab12.sms", "13800001234", "【广东学银】认定通过")
        first, headers, body = loopback.requests[0]
        assert first.startswith("POST /send?channel=7 ")
        assert headers["authorization"] == "Bearer to ken"
        assert headers["idempotency-key"] == "recognised.ab12.sms"
        assert json.loads(body) == {
            "key": "recognised.ab12.sms",
            "mobile": "13800001234",
            "text": "【广东学银】认定通过",
        }

    @pytest.mark.parametrize(
        ("answer", "outcome"),
        [
            (_status(202), None),
            (OK + OK, None),  # answers twice
            (_status(400), Refused),
            (_status(422), Refused),
            (_status(429), TryLater),
            (_status(503), TryLater),
            (_status(500), OutcomeUnknown),
            (_status(504), OutcomeUnknown),
            (_status(302), OutcomeUnknown),
            (b"", OutcomeUnknown),  # closed without a word
            (b"GARBAGE\r\n\r\n", OutcomeUnknown),
            (None, OutcomeUnknown),  # never
        ],
    )
    def test_outcomes(
        self, loopback: Loopback, answer: bytes | None, outcome: type[Exception] | None
    ) -> None:
        loopback.answer = lambda _body: answer
        gateway = gateways.gateway(f"http://127.0.0.1:{loopback.port}/")
        if outcome is None:
            gateway.send("key", "13800001234", "text")
            return
        with pytest.raises(outcome) as raised:
            gateway.send("key", "13800001234", "text")
        assert "13800001234" not in str(raised.value)

    def test_gone(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with pytest.raises(Down):
            gateways.gateway(f"http://127.0.0.1:{port}/").send("key", "13800001234", "text")

    @SQLITE
    def test_the_outbox_over_it(
        self, app: Flask, configure: Configure, make_person: MakePerson, loopback: Loopback
    ) -> None:
        """Refused now, silent next, taken at last: each try has the same key, and the lost one waits for people."""
        configure(sms_gateway=f"http://127.0.0.1:{loopback.port}/send")
        first = post(make_person(mobile="13800000001"))["sms"]
        loopback.answer = lambda _body: _status(503)
        delivery.deliver(app)
        assert (row(first).state, row(first).attempts) == ("pending", 1)
        make_due(first)
        loopback.answer = lambda _body: OK
        delivery.deliver(app)
        assert row(first).state == "sent"
        keys = {headers["idempotency-key"] for _, headers, _ in loopback.requests}
        assert keys == {row(first).key}
        lost = post(make_person(mobile="13800000002"))["sms"]
        loopback.answer = lambda _body: None
        delivery.deliver(app)
        assert row(lost).state == "unknown"
        make_due(lost)
        asked = len(loopback.requests)
        delivery.deliver(app)
        assert len(loopback.requests) == asked, "people decide whether to send it again"
        assert db.session.get(Notice, lost) is not None


def _tencent(body: dict[str, Any]) -> bytes:
    text = json.dumps({"Response": {**body, "RequestId": "r-1"}}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
    return head.encode() + text


def _sent(code: str) -> bytes:
    one = {"SerialNo": "1", "PhoneNumber": "+8613800001234", "Fee": 1, "SessionContext": "k"}
    return _tencent({"SendStatusSet": [{**one, "Code": code, "Message": code, "IsoCode": "CN"}]})


class TestTencent:
    """The SDK itself, signing and all, pointed at a server of ours."""

    def _send(self, loopback: Loopback) -> None:
        endpoint = f"http%3A%2F%2F127.0.0.1%3A{loopback.port}"
        gateway = gateways.gateway(
            f"tencent://id:key@ap-guangzhou/1400000000?sign=%E5%AD%A6%E9%93%B6&template=77&endpoint={endpoint}"
        )
        gateway.send("recognised.ab12.sms", "13800001234", "认定通过")

    def test_what_is_sent(self, loopback: Loopback) -> None:
        loopback.answer = lambda _body: _sent("Ok")
        self._send(loopback)
        _, headers, body = loopback.requests[0]
        assert headers["x-tc-action"] == "SendSms"
        assert headers["authorization"].startswith("TC3-HMAC-SHA256 Credential=id/")
        asked = json.loads(body)
        assert asked["PhoneNumberSet"] == ["+8613800001234"]
        assert asked["TemplateParamSet"] == ["认定通过"]
        assert (asked["SmsSdkAppId"], asked["SignName"], asked["TemplateId"]) == ("1400000000", "学银", "77")
        assert asked["SessionContext"] == "recognised.ab12.sms"

    @pytest.mark.parametrize(
        ("answer", "outcome"),
        [
            (_sent("LimitExceeded.PhoneNumberDailyLimit"), TryLater),
            (_sent("InvalidParameterValue.IncorrectPhoneNumber"), Refused),
            (_tencent({"Error": {"Code": "AuthFailure.SignatureFailure", "Message": "no"}}), Refused),
            (_tencent({"Error": {"Code": "RequestLimitExceeded", "Message": "slow"}}), TryLater),
            (_tencent({"SendStatusSet": []}), OutcomeUnknown),
            (None, OutcomeUnknown),
        ],
    )
    def test_outcomes(self, loopback: Loopback, answer: bytes | None, outcome: type[Exception]) -> None:
        loopback.answer = lambda _body: answer
        with pytest.raises(outcome) as raised:
            self._send(loopback)
        assert "13800001234" not in str(raised.value)

    def test_a_bad_setting_is_said(self) -> None:
        for name in (
            "tencent://id:key@ap-guangzhou/",
            "tencent://ap-guangzhou/14?template=1",
            "nothing:here",
        ):
            with pytest.raises(ValueError, match="CREDITBANK_SMS_GATEWAY"):
                gateways.gateway(name)
