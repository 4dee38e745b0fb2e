"""SMS gateways of every temper, named in the settings as ``tests.notices.gateways:<name>``."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from time import sleep

from app.notices.channels import Down, OutcomeUnknown, Refused, TryLater

#: What was taken, by key; tests clear it.
taken: list[tuple[str, str, str]] = []


class Taking:
    def send(self, key: str, mobile: str, text: str) -> None:
        taken.append((key, mobile, text))


class Failing(Taking):
    """Refuses one number for good, another for now, loses its answer for a third, breaks on a fourth."""

    outcomes = {
        "1": Refused("code 17"),
        "2": TryLater("busy"),
        "3": OutcomeUnknown("no answer"),
        "4": KeyError("x"),
    }

    def send(self, key: str, mobile: str, text: str) -> None:
        if outcome := self.outcomes.get(mobile[-1]):
            raise outcome
        super().send(key, mobile, text)


class Closed:
    def send(self, key: str, mobile: str, text: str) -> None:
        raise Down("connection refused")


class Deadly:
    """Kills its worker as by kill -9, after the message has gone."""

    def send(self, key: str, mobile: str, text: str) -> None:
        with Path(os.environ["SMS_LOG"]).open("a") as log:
            log.write(f"{key} {mobile}\n")
        os.kill(os.getpid(), signal.SIGKILL)


class Slow(Taking):
    def send(self, key: str, mobile: str, text: str) -> None:
        sleep(0.02)
        super().send(key, mobile, text)
