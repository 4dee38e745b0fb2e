"""Gateways for SMS: any that takes a JSON request, and Tencent Cloud by its own SDK (an optional extra).

``CREDITBANK_SMS_GATEWAY`` names one: ``https://:TOKEN@host/path``, ``tencent://SECRET-ID:SECRET-KEY@region/APP-ID?sign=…&template=…``,
or ``package.module:name`` for one of somebody else's.
"""

from __future__ import annotations

import http.client
import json
import pkgutil
import socket
import ssl
from contextlib import suppress
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from app.notices import channels
from app.notices.channels import Down, OutcomeUnknown, Refused, SmsGateway, TryLater

#: Answers that say "not now": the message was not taken.
_NOT_NOW = frozenset({408, 425, 429, 503})


def gateway(name: str) -> SmsGateway:
    """The gateway that the setting names. Raises ValueError where there is none."""
    parts = urlsplit(name)
    if parts.scheme in ("http", "https") and parts.hostname:
        return HttpGateway(parts)
    if parts.scheme == "tencent":
        return TencentGateway(parts)
    try:
        made: SmsGateway = pkgutil.resolve_name(name)()
    except (ValueError, ImportError, AttributeError) as error:
        raise ValueError(f"CREDITBANK_SMS_GATEWAY: there is no {name!r}") from error
    return made


class HttpGateway:
    """One POST per message: ``{"key", "mobile", "text"}``, with the key as ``Idempotency-Key`` and a bearer token.

    2xx: taken. 408, 425, 429, 503: later. Other 4xx: refused. Anything else, or no answer within PATIENCE once the
    request was on its way: unknown.
    """

    def __init__(self, parts: SplitResult) -> None:
        self._parts = parts

    def send(self, key: str, mobile: str, text: str) -> None:
        body = json.dumps({"key": key, "mobile": mobile, "text": text}, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        if self._parts.password:
            headers["Authorization"] = f"Bearer {unquote(self._parts.password)}"
        connection = self._connect()
        try:
            connection.request("POST", self._path(), body, headers)
            answer = connection.getresponse()
            status = answer.status
        except (OSError, http.client.HTTPException) as error:
            raise OutcomeUnknown(type(error).__name__) from error
        finally:
            connection.close()
        if 200 <= status < 300:
            return
        reason = f"HTTP {status}"
        if status in _NOT_NOW:
            raise TryLater(reason)
        raise Refused(reason) if 400 <= status < 500 else OutcomeUnknown(reason)

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        connection = (
            http.client.HTTPSConnection(
                host, port, timeout=channels.PATIENCE, context=ssl.create_default_context()
            )
            if self._parts.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=channels.PATIENCE)
        )
        try:
            connection.connect()
        except (OSError, socket.gaierror) as error:
            raise Down(type(error).__name__) from error
        return connection

    def _path(self) -> str:
        query = f"?{self._parts.query}" if self._parts.query else ""
        return f"{self._parts.path or '/'}{query}"


class TencentGateway:
    """Tencent Cloud SMS. Its templates are registered there: ours has one parameter, the whole text.

    It can't tell repeats by a key, so a message whose answer was lost is ``unknown`` and not sent again by itself.
    ``endpoint`` in the address's query points it elsewhere, e.g. at a test's own server.
    """

    #: Codes after which nothing was sent, and nothing was wrong with the message.
    _LATER = (
        "LimitExceeded",
        "RequestLimitExceeded",
        "InternalError.SendAndRecvFail",
        "ResourceInsufficient",
    )

    def __init__(self, parts: SplitResult) -> None:
        try:
            from tencentcloud.common import credential
            from tencentcloud.common.profile.client_profile import ClientProfile
            from tencentcloud.common.profile.http_profile import HttpProfile
            from tencentcloud.sms.v20210111 import models, sms_client
        except ImportError as error:
            raise ValueError("CREDITBANK_SMS_GATEWAY: pip install 'creditbank[tencent]'") from error
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if not (parts.username and parts.password and parts.path.strip("/") and query.get("template")):
            raise ValueError("CREDITBANK_SMS_GATEWAY: tencent://ID:KEY@region/APP-ID?sign=…&template=…")
        place = urlsplit(query.get("endpoint", "https://sms.tencentcloudapi.com"))
        web = HttpProfile(
            protocol=place.scheme, endpoint=place.netloc, reqTimeout=max(1, int(channels.PATIENCE))
        )
        keys = credential.Credential(unquote(parts.username), unquote(parts.password))
        self._client: Any = sms_client.SmsClient(keys, parts.hostname, ClientProfile(httpProfile=web))
        self._models: Any = models
        self._application, self._sign, self._template = (
            parts.path.strip("/"),
            query.get("sign", ""),
            query["template"],
        )

    def send(self, key: str, mobile: str, text: str) -> None:
        from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

        asked = self._models.SendSmsRequest()
        asked.SmsSdkAppId, asked.SignName, asked.TemplateId = self._application, self._sign, self._template
        asked.PhoneNumberSet = [mobile if mobile.startswith("+") else f"+86{mobile}"]
        asked.TemplateParamSet, asked.SessionContext = [text], key
        try:
            answer = self._client.SendSms(asked)
        except TencentCloudSDKException as error:
            raise self._outcome(str(error.code or "")) from error
        except Exception as error:  # whatever breaks inside the SDK once the request is on its way
            raise OutcomeUnknown(type(error).__name__) from error
        with suppress(IndexError, TypeError):
            code = str(answer.SendStatusSet[0].Code)
            if code != "Ok":
                raise TryLater(code) if code.startswith(self._LATER) else Refused(code)
            return
        raise OutcomeUnknown("no status")

    def _outcome(self, code: str) -> Exception:
        if code == "ClientNetworkError":  # the SDK's word for refused and for lost alike
            return OutcomeUnknown(code)
        if code.startswith(self._LATER):
            return TryLater(code)
        return OutcomeUnknown(code) if code in ("", "ServerNetworkError", "InternalError") else Refused(code)
