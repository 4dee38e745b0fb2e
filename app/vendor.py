"""Files of the front end: ours and those of libraries, served from where npm put them through a list of what we use.

Every address carries a digest of the file, so that browsers keep it for good; text is compressed once per process.
Of the icons only those are sent that templates and code name: a seventieth of the whole sprite.
"""

from __future__ import annotations

import gzip
import mimetypes
import re
from collections.abc import Iterator, MutableMapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from flask import Flask, Response, abort, current_app, request

from app.kernel.settings import settings

#: What templates ask for → where the package keeps it.
FILES = {
    "bootstrap.css": "bootstrap/dist/css/bootstrap.min.css",
    "bootstrap.js": "bootstrap/dist/js/bootstrap.bundle.min.js",
    "echarts.js": "echarts/dist/echarts.common.min.js",
    "htmx.js": "htmx.org/dist/htmx.min.js",
    "pdf.mjs": "pdfjs-dist/legacy/build/pdf.min.mjs",
    "pdf.worker.mjs": "pdfjs-dist/legacy/build/pdf.worker.min.mjs",
    "tinykeys.js": "tinykeys/dist/tinykeys.umd.js",
    "tom-select.css": "tom-select/dist/css/tom-select.bootstrap5.min.css",
    "tom-select.js": "tom-select/dist/js/tom-select.base.min.js",
    "viewer.css": "viewerjs/dist/viewer.min.css",
    "viewer.js": "viewerjs/dist/viewer.min.js",
}
#: Folders of which a library asks for single files by itself: character maps and fonts that PDF files don't bring.
FOLDERS = {"cmaps": "pdfjs-dist/cmaps", "standard_fonts": "pdfjs-dist/standard_fonts"}
#: The sprite that we make of the icons in use.
ICONS = "icons.svg"

_HERE = Path(__file__).parent
_FOREVER = "public, max-age=31536000, immutable"
_KINDS = {"mjs": "text/javascript", "js": "text/javascript", "webmanifest": "application/manifest+json"}
_A_DAY = "public, max-age=86400"


def register(app: Flask) -> None:
    """The endpoints ``static`` and ``vendor``: ``url_for('vendor', filename='bootstrap.css')``."""
    app.add_url_rule("/vendor/<path:filename>", "vendor", _vendor)
    app.view_functions["static"] = _static
    app.url_defaults(_with_digest)


def _vendor(filename: str) -> Response:
    if not _is_ours(filename):
        abort(404)
    return _answer("vendor", filename)


def _static(filename: str) -> Response:
    if not _is_inside(_HERE / "static", filename):
        abort(404)
    return _answer("static", filename)


def _is_ours(filename: str) -> bool:
    folder, _, name = filename.partition("/")
    if not name:
        return filename in FILES or filename == ICONS
    return folder in FOLDERS and _is_inside(settings().node_modules / FOLDERS[folder], name)


def _is_inside(folder: Path, name: str) -> bool:
    file = (folder / name).resolve()
    return file.is_relative_to(folder.resolve()) and file.is_file()


def _with_digest(endpoint: str, values: MutableMapping[str, Any]) -> None:
    if endpoint in ("static", "vendor") and "v" not in values:
        values["v"] = _digest(endpoint, str(values["filename"]), _age(endpoint, str(values["filename"])))


def _answer(endpoint: str, filename: str) -> Response:
    age = _age(endpoint, filename)
    kind = (
        _KINDS.get(filename.rpartition(".")[2])
        or mimetypes.guess_type(filename)[0]
        or "application/octet-stream"
    )
    response = Response(mimetype=kind)
    is_text = kind.startswith("text/") or kind.endswith(("json", "svg+xml"))
    if is_text and request.accept_encodings.quality("gzip"):
        response.data = _compressed(endpoint, filename, age)
        response.content_encoding = "gzip"
    else:
        response.data = _content(endpoint, filename, age)
    response.vary.add("Accept-Encoding")
    response.headers["Cache-Control"] = _FOREVER if "v" in request.args else _A_DAY
    response.set_etag(_digest(endpoint, filename, age) + ("z" if response.content_encoding else ""))
    response.make_conditional(request)
    return response


def _file(endpoint: str, filename: str) -> Path:
    if endpoint == "static":
        return _HERE / "static" / filename
    folder, _, name = filename.partition("/")
    inside = f"{FOLDERS[folder]}/{name}" if name else FILES[filename]
    return settings().node_modules / inside


def _age(endpoint: str, filename: str) -> int:
    """What a kept copy goes by: while somebody works on the house files change under its feet."""
    if not current_app.debug or filename == ICONS:
        return 0
    file = _file(endpoint, filename)
    return file.stat().st_mtime_ns if file.is_file() else 0


@cache
def _content(endpoint: str, filename: str, _age: int) -> bytes:
    return _sprite() if filename == ICONS else _file(endpoint, filename).read_bytes()


@cache
def _compressed(endpoint: str, filename: str, age: int) -> bytes:
    return gzip.compress(_content(endpoint, filename, age), 9)


@cache
def _digest(endpoint: str, filename: str, age: int) -> str:
    return sha256(_content(endpoint, filename, age)).hexdigest()[:12]


def _sprite() -> bytes:
    """The icons whose names stand in quotes somewhere in templates or code, as one sprite."""
    folder = settings().node_modules / "bootstrap-icons/icons"
    named = {
        word for text in _sources() for word in re.findall(r"""["']([a-z0-9]+(?:-[a-z0-9]+)*)["']""", text)
    }
    symbols = []
    for name in sorted(named):
        file = folder / f"{name}.svg"
        found = (
            re.search(r"<svg[^>]*?viewBox=\"([^\"]+)\"[^>]*>(.*)</svg>", file.read_text(), re.S)
            if file.is_file()
            else None
        )
        if found:
            inner = " ".join(found[2].split())
            symbols.append(f'<symbol id="{name}" viewBox="{found[1]}">{inner}</symbol>')
    return f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(symbols)}</svg>'.encode()


def _sources() -> Iterator[str]:
    for pattern in ("**/*.html", "**/*.py", "static/js/*.js"):
        for file in sorted(_HERE.glob(pattern)):
            yield file.read_text()
