"""Small servers on the loopback that stand in for others: an object store, a virus scanner."""

from __future__ import annotations

import re
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Bucket(ThreadingHTTPServer):
    """As much of S3 as storing needs: PUT, GET, HEAD, DELETE of whole objects by path."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Objects)
        self.objects: dict[str, bytes] = {}
        self.signed = True


class _Objects(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Bucket

    def _answer(self, status: int, content: bytes = b"") -> None:
        self.server.signed &= "AWS4-HMAC-SHA256" in self.headers.get("Authorization", "")
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Wed, 25 Nov 2026 00:00:00 GMT")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def do_PUT(self) -> None:
        self.server.objects[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200)

    def do_GET(self) -> None:
        found = self.server.objects.get(self.path)
        self._answer(404 if found is None else 200, found or b"")

    do_HEAD = do_GET

    def do_DELETE(self) -> None:
        self.server.objects.pop(self.path, None)
        self._answer(204)

    def do_POST(self) -> None:
        """Deletion of several at once: ``/bucket?delete``."""
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        bucket = self.path.partition("?")[0].rstrip("/")
        gone = re.findall(r"<Key>([^<]+)</Key>", asked)
        for key in gone:
            self.server.objects.pop(f"{bucket}/{key}", None)
        told = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in gone)
        name = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
        self._answer(200, f"<DeleteResult {name}>{told}</DeleteResult>".encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


class _Scanner(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert self.rfile.read(10) == b"zINSTREAM\0"
        content = b""
        while size := struct.unpack(">I", self.rfile.read(4))[0]:
            content += self.rfile.read(size)
        self.wfile.write(b"stream: Test FOUND\0" if b"EICAR" in content else b"stream: OK\0")


@contextmanager
def running(server: socketserver.BaseServer) -> Iterator[int]:
    """The port of a server that runs meanwhile."""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]  # type: ignore[index, misc]
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def scanner() -> Iterator[str]:
    """The address of a scanner that finds EICAR."""
    with running(socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Scanner)) as port:
        yield f"tcp://127.0.0.1:{port}"
