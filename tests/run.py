"""``make test``: installs what the tests need where that is allowed, runs them, and says at the end what
could not be run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.postgres import programs


def _absent() -> dict[str, str]:
    wanted = {}
    if programs() is None:
        wanted["postgresql"] = "tests on PostgreSQL"
    if shutil.which("chromium") is None:
        wanted["chromium"] = "journeys in a browser"
    if shutil.which("pdftotext") is None:
        wanted["poppler-utils"] = "reading PDFs with a second reader"
    if not any(Path("/usr/share/fonts").glob("**/NotoSansCJK*")):
        wanted["fonts-noto-cjk"] = "Chinese in the pictures that journeys keep"
    return wanted


def _install(packages: list[str]) -> None:
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    print(f"Installing {', '.join(packages)} from the system's packages …", flush=True)  # noqa: T201
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
    ):
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)


def main() -> int:
    absent = _absent()
    if absent:
        _install(list(absent))
        absent = _absent()
    arguments = sys.argv[1:] or ["-n", "2", "--dist", "loadgroup"]
    status = subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False).returncode
    for package, what in absent.items():
        print(f"NOT RUN: {what}: the system package {package} is absent and could not be installed")  # noqa: T201
    return status


if __name__ == "__main__":
    sys.exit(main())
