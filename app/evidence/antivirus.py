"""Asking clamd about a file before it is kept, where ``CREDITBANK_CLAMD_URL`` names one (``tcp://host:3310`` or
``unix:///run/clamav/clamd.ctl``). Without an answer nothing is kept: a scanner that is down must not let things in.
"""

from __future__ import annotations

import socket
import struct
from urllib.parse import urlsplit

from app.kernel.errors import N_, Invalid, Unavailable
from app.kernel.settings import settings

#: Seconds for the whole conversation.
PATIENCE = 20.0
_CHUNK = 2**16


def check(content: bytes) -> None:
    """Raises Invalid for an infected file, Unavailable where the scanner doesn't answer; nothing without a scanner."""
    url = settings().clamd_url
    if not url:
        return
    try:
        answer = _ask(url, content)
    except OSError as error:
        raise Unavailable(
            "scanner_down",
            N_("Files can't be checked at present. Nothing was saved; please try again later."),
        ) from error
    if answer.endswith("FOUND"):
        raise Invalid("file_infected", N_("The file is infected and was refused."))
    if not answer.endswith("OK"):
        raise Unavailable(
            "scanner_down",
            N_("Files can't be checked at present. Nothing was saved; please try again later."),
        )


def _ask(url: str, content: bytes) -> str:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(PATIENCE)
        connection.connect(parts.path)
    else:
        connection = socket.create_connection((parts.hostname or "", parts.port or 3310), PATIENCE)
    with connection:
        connection.sendall(b"zINSTREAM\0")
        for start in range(0, len(content), _CHUNK):
            piece = content[start : start + _CHUNK]
            connection.sendall(struct.pack(">I", len(piece)) + piece)
        connection.sendall(struct.pack(">I", 0))
        answer = b""
        while not answer.endswith(b"\0"):
            piece = connection.recv(4096)
            if not piece:
                break
            answer += piece
    return answer.rstrip(b"\0").decode("utf-8", "replace").strip()
