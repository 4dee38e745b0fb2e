"""Front-end libraries, served from where npm put them through a list of what we use."""

from __future__ import annotations

from flask import Flask, Response, abort, send_file

from app.kernel.settings import settings

#: What templates ask for → where the package keeps it.
FILES = {
    "bootstrap.css": "bootstrap/dist/css/bootstrap.min.css",
    "bootstrap.js": "bootstrap/dist/js/bootstrap.bundle.min.js",
    "icons.svg": "bootstrap-icons/bootstrap-icons.svg",
    "htmx.js": "htmx.org/dist/htmx.min.js",
    "tom-select.css": "tom-select/dist/css/tom-select.bootstrap5.min.css",
    "tom-select.js": "tom-select/dist/js/tom-select.base.min.js",
    "viewer.css": "viewerjs/dist/viewer.min.css",
    "viewer.js": "viewerjs/dist/viewer.min.js",
}


def register(app: Flask) -> None:
    """The endpoint ``vendor``: ``url_for('vendor', filename='bootstrap.css')``."""
    app.add_url_rule("/vendor/<filename>", "vendor", _serve)


def _serve(filename: str) -> Response:
    if filename not in FILES:
        abort(404)
    response = send_file(settings().node_modules / FILES[filename], conditional=True)
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response
