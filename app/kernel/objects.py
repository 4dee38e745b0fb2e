"""The store of files in an S3-compatible object store, so that any number of hosts share it.

``s3://bucket/prefix?endpoint=https://…&region=…``; the key comes from ``AWS_ACCESS_KEY_ID`` and
``AWS_SECRET_ACCESS_KEY``, or from the host's role. Needs the package ``obstore`` (``pip install creditbank[s3]``).
"""

from __future__ import annotations

import hashlib
import io
import re
from datetime import timedelta
from functools import lru_cache
from typing import Any, BinaryIO
from urllib.parse import parse_qs, urlsplit

from app.kernel.errors import N_, NotFound, Unavailable

#: A store that is away is said within seconds, not minutes.
_RETRIES: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=10)}
_DIGEST = re.compile(r"[0-9a-f]{64}")


class ObjectStorage:
    """A store in a bucket. Objects appear whole or not at all; the same content always has the same name."""

    def __init__(self, url: str) -> None:
        try:
            import obstore
            from obstore.store import S3Store
        except ImportError as error:
            raise ValueError(
                "CREDITBANK_STORAGE_URL names an object store: install creditbank[s3]"
            ) from error
        parts = urlsplit(url)
        asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        options: dict[str, Any] = {"region": asked.get("region", "us-east-1")}
        if "endpoint" in asked:
            options |= {"endpoint": asked["endpoint"], "virtual_hosted_style_request": False}
            if asked["endpoint"].startswith("http://"):
                options["client_options"] = {"allow_http": True}
        self._obstore = obstore
        self._store = S3Store(
            parts.netloc, prefix=parts.path.strip("/") or None, retry_config=_RETRIES, **options
        )

    def put(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        self._call(self._obstore.put, _path(digest), content)
        return digest

    def open(self, digest: str) -> BinaryIO:
        found = self._call(self._obstore.get, _path(digest))
        return io.BytesIO(bytes(found.bytes()))

    def has(self, digest: str) -> bool:
        try:
            self._call(self._obstore.head, _path(digest))
        except NotFound:
            return False
        return True

    def remove(self, digest: str) -> None:
        try:
            self._call(self._obstore.delete, _path(digest))
        except NotFound:
            return

    def _call(self, step: Any, *arguments: Any) -> Any:
        try:
            return step(self._store, *arguments)
        except FileNotFoundError as error:
            raise NotFound from error
        except self._obstore.exceptions.BaseError as error:
            raise Unavailable(
                "store_down",
                N_("The store of files can't be reached. Nothing was saved; please try again later."),
            ) from error


@lru_cache(maxsize=4)
def object_storage(url: str) -> ObjectStorage:
    """The store that ``url`` names, made once. Raises ValueError."""
    return ObjectStorage(url)


def _path(digest: str) -> str:
    if not _DIGEST.fullmatch(digest):
        raise NotFound
    return f"{digest[:2]}/{digest[2:4]}/{digest}"
