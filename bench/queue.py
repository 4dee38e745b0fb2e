"""The queue page, 25 rows by 8 columns, against Django admin's list of the same rows in the same database file."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

from bench.world import Visitor, alternately, bank, ratio, server, throughput

PEER = Path(__file__).resolve().parent / "peer"
OURS = "/console/conversion/initial/?size=25"
THEIRS = "/admin/peer/application/?state__exact=initial_review"


def peer_python() -> str:
    """Python of the peer's own environment, made on first use."""
    python = PEER / ".venv/bin/python"
    if not python.exists():
        venv.create(PEER / ".venv", with_pip=True)
        command = [python, "-m", "pip", "install", "-q", "--require-hashes", "-r", PEER / "requirements.lock"]
        subprocess.run(command, check=True)
    return str(python)


def main(learners: int = 20_000, times: int = 60) -> None:
    python = peer_python()
    with bank(learners) as environment:
        theirs_too = {**environment, "PYTHONPATH": str(PEER), "DJANGO_SETTINGS_MODULE": "peer"}
        subprocess.run([python, PEER / "peer.py"], env=theirs_too, check=True, stdout=subprocess.DEVNULL)
        with (
            server(sys.executable, "run:app", environment) as our_address,
            server(python, "peer_wsgi:application", theirs_too, PEER) as their_address,
        ):
            us, them = Visitor(our_address), Visitor(their_address)
            us.log_in("/login/", username="center", password="Demo-center-2026")  # noqa: S106
            them.log_in("/admin/login/?next=/admin/", username="peer", password="peer-password")  # noqa: S106
            assert us.get(OURS).count("<tr") > 25 and them.get(THEIRS).count("<tr") > 25  # noqa: S101, PT018
            ours, theirs = alternately(lambda: us.get(OURS), lambda: them.get(THEIRS), times)
            ratio("queue page, one client, median ms", ours * 1000, theirs * 1000, "≤ 0.30")
            ours = throughput(lambda: us.get(OURS), 16, 240)
            theirs = throughput(lambda: them.get(THEIRS), 16, 240)
            ratio("queue page, 16 clients, requests/s", ours, theirs, "≥ 3.5")


if __name__ == "__main__":
    main()
