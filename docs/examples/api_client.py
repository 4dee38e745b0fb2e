"""A small client of the Credit Bank's REST API, on Python's standard library alone.

    export CREDITBANK_API=https://bank.example.edu.cn CREDITBANK_KEY=cbk_…
    python api_client.py learners                 # every learner that the key may see, one JSON object a line
    python api_client.py conversions state=initial_review
    python api_client.py decide conversions 17 agree "材料齐全，同意。"

What it shows: the key as a bearer token; pages followed by ``next``; an idempotency key that stays the same when a
request is tried again; waiting when the rate is used up; refusals as problem details.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any


class Refused(Exception):
    """The bank said no: ``problem`` holds ``code``, ``detail`` and, where parts of the request are wrong, ``errors``."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(f"{problem.get('status')} {problem.get('code')}: {problem.get('detail')}")
        self.problem = problem


class Bank:
    """The API at ``address`` with a key."""

    def __init__(self, address: str, key: str, tries: int = 4) -> None:
        self._address = address.rstrip("/")
        self._key = key
        self._tries = tries

    def rows(self, kind: str, **filters: str) -> Iterator[dict[str, Any]]:
        """Every record of a kind (``learners``, ``catalogue/items``, …), page after page."""
        following: str | None = f"/api/v1/{kind}?{urllib.parse.urlencode(filters)}"
        while following:
            page = self._send("GET", following)
            yield from page["items"]
            following = page["next"]

    def one(self, kind: str, key: int) -> dict[str, Any]:
        """One record."""
        return self._send("GET", f"/api/v1/{kind}/{key}")

    def decide(self, kind: str, key: int, decision: str, opinion: str, **more: str) -> dict[str, Any]:
        """Decide a case of ``recognitions`` or ``conversions`` as it is now; who comes second is refused (409)."""
        case = self.one(kind, key)
        body = {"decision": decision, "opinion": opinion, "version": case["version"], **more}
        return self._send("POST", f"/api/v1/{kind}/{key}/decisions", body)

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._key}"}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers |= {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        request = urllib.request.Request(self._address + path, data, headers, method=method)
        for attempt in range(1, self._tries + 1):
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code not in (429, 502, 503, 504) or attempt == self._tries:
                    raise Refused(json.load(error)) from error
                time.sleep(float(error.headers.get("Retry-After") or 2**attempt))
            except OSError:  # the answer was lost: the idempotency key makes sending again harmless
                if attempt == self._tries:
                    raise
                time.sleep(2**attempt)
        raise AssertionError("not reached")


def main(words: list[str]) -> int:
    """What the command line asks for; exit status 1 where the bank refuses."""
    bank = Bank(os.environ.get("CREDITBANK_API", "http://127.0.0.1:8080"), os.environ["CREDITBANK_KEY"])
    try:
        if words[0] == "decide":
            kind, key, decision, opinion = words[1:5]
            print(json.dumps(bank.decide(kind, int(key), decision, opinion), ensure_ascii=False, indent=2))
        else:
            for row in bank.rows(words[0], **dict(word.split("=", 1) for word in words[1:])):
                print(json.dumps(row, ensure_ascii=False))
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
