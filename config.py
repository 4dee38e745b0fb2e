"""Every setting of the product, from the environment, with a safe default.

========================== =====================================================================================
CREDITBANK_MODE            ``demo`` (default) or ``production``
CREDITBANK_DATABASE_URL    SQLAlchemy URL; default SQLite under the data folder; PostgreSQL in production
CREDITBANK_OWNER_URL       the database's owner, for ``deploy`` and ``db`` only; default: the same as above
CREDITBANK_DATA_DIR        default ``var/``: database, evidence, outbox, keys
CREDITBANK_BASE_URL        address that links and QR codes begin with; default ``http://127.0.0.1:PORT``
CREDITBANK_SECRET_KEY      signs forms; made under the data folder (0600) when absent, refused as absent in production
CREDITBANK_DATA_KEYS       key-encryption keys, base64 of 32 bytes each, by comma, newest last; likewise
CREDITBANK_STORAGE_URL     folder for evidence, default ``evidence/`` under the data folder; or ``s3://bucket/prefix?endpoint=…&region=…``
CREDITBANK_CLAMD_URL       ``tcp://host:3310`` or ``unix:///path``: clamd looks at uploads; default: none
CREDITBANK_CHECKPOINT_KEY_FILE  Ed25519 key (PEM) that signs checkpoints of the audit trail: set it for the worker only, in a
                           file that the web server's user can't read; made under the data folder in demo mode; without
                           it production writes no checkpoints
CREDITBANK_CHECKPOINT_URL  folder for signed checkpoints (a path or ``file://…``): on a disk or mount of its own, which the
                           database's administrators can't write to; default ``checkpoints/`` under the data folder
CREDITBANK_CHECKPOINT_PUBLIC_KEY  its public half, for ``audit verify``; default ``checkpoint_key.pub`` under the data folder
CREDITBANK_MAIL_URL        ``smtp://user:password@host:port`` or ``smtps://…``; default: files under ``outbox/``
CREDITBANK_MAIL_SENDER     sender's address
CREDITBANK_SMS_GATEWAY     ``https://:TOKEN@host/path``; ``tencent://ID:KEY@region/APP-ID?sign=…&template=…`` (an extra);
                           ``package.module:name``; default: files under ``outbox/``
CREDITBANK_LOCALE          ``zh`` (default) or ``en``
CREDITBANK_CONTACT_LINE    footer: whom to call
CREDITBANK_RECORD_NUMBERS  footer: ICP and public-security record numbers, by ``|``
CREDITBANK_UPLOAD_LIMIT    largest upload in bytes; default 10 MiB
CREDITBANK_QUOTA           evidence of one learner in all, in bytes; default 200 MiB
CREDITBANK_FILE_QUOTA      and how many files; default 400
CREDITBANK_SIGNING_CERT    key and certificate that sign papers: PKCS#12 (.p12, .pfx), or PEM with the key first, its
                           certificate, then its authorities'; default: made under the data folder (name one
                           where several hosts issue papers)
CREDITBANK_SIGNING_PASSPHRASE  of that file, where it has one
CREDITBANK_API_RATE        requests to the REST API per key and minute; default 120
CREDITBANK_CREDENTIAL_KEY  Ed25519 key (PEM) that signs portable credentials; default: made under the data folder
CREDITBANK_IMPORT_LIMIT    largest workbook to import in bytes; default 50 MiB
CREDITBANK_PERIODS         working days, e.g. ``initial=10,final=15,correction=30,appeal=15,assessment=10,reminder=2``
CREDITBANK_POLICIES        passwords, codes and sessions, e.g. ``learner_shortest=8,failures=5,lock=15,codes=5``; the names and
                           defaults stand in ``app/kernel/settings.py``, ``Policies``
CREDITBANK_REQUIRE_TOTP    ``1`` or ``0``: staff need a second factor; off by default in demo, can't be off in production
CREDITBANK_LOG_FORMAT      ``plain`` (default in demo mode) or ``json``: one object a line (default in production)
CREDITBANK_METRICS_TOKEN   bearer token for ``/metrics``; without one only this host may read it
CREDITBANK_PROXIES         how many reverse proxies stand before the server; their ``X-Forwarded-For`` is believed; default 0
CREDITBANK_NODE_MODULES    where npm put fonts and front-end libraries; default ``node_modules/`` beside this file
CREDITBANK_BIND            where the server listens; default ``127.0.0.1:PORT``; ``0.0.0.0:8080`` where the proxy is elsewhere
WEB_CONCURRENCY            processes of the server; default 2
PORT                       of the server that ``run.py`` starts; default 8080
========================== =====================================================================================
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from app.kernel.settings import Periods, Policies, Settings
from app.security.keyfiles import data_keys_file, secret_key_file

HOME = Path(__file__).resolve().parent
Chosen = TypeVar("Chosen", Periods, Policies)


class Misconfigured(SystemExit):
    """A setting that the product can't start with; said in one line, without a traceback."""


def load(environ: Mapping[str, str]) -> Settings:
    """Settings from ``environ``. Makes key files under the data folder in demo mode. Raises Misconfigured."""
    mode = environ.get("CREDITBANK_MODE", "demo")
    if mode not in ("demo", "production"):
        raise Misconfigured(f"CREDITBANK_MODE is {mode!r}; it may be 'demo' or 'production'")
    data_dir = Path(environ.get("CREDITBANK_DATA_DIR", HOME / "var")).resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    production = mode == "production"
    if production and not environ.get("CREDITBANK_BASE_URL"):
        raise Misconfigured("CREDITBANK_BASE_URL must be set in production: links and QR codes begin with it")
    return Settings(
        mode=mode,
        data_dir=data_dir,
        database_url=environ.get("CREDITBANK_DATABASE_URL") or f"sqlite:///{data_dir / 'creditbank.db'}",
        base_url=environ.get("CREDITBANK_BASE_URL", f"http://127.0.0.1:{environ.get('PORT', '8080')}").rstrip(
            "/"
        ),
        secret_key=_secret_key(environ, data_dir, production),
        data_keys=_data_keys(environ, data_dir, production),
        storage_url=environ.get("CREDITBANK_STORAGE_URL") or str(data_dir / "evidence"),
        mail_url=environ.get("CREDITBANK_MAIL_URL", ""),
        mail_sender=environ.get("CREDITBANK_MAIL_SENDER", "credit-bank@localhost"),
        sms_gateway=environ.get("CREDITBANK_SMS_GATEWAY", ""),
        locale=environ.get("CREDITBANK_LOCALE", "zh"),
        node_modules=Path(environ.get("CREDITBANK_NODE_MODULES", HOME / "node_modules")),
        contact_line=environ.get("CREDITBANK_CONTACT_LINE", ""),
        record_numbers=tuple(filter(None, environ.get("CREDITBANK_RECORD_NUMBERS", "").split("|"))),
        signing_cert=environ.get("CREDITBANK_SIGNING_CERT", ""),
        signing_passphrase=environ.get("CREDITBANK_SIGNING_PASSPHRASE", ""),
        credential_key=environ.get("CREDITBANK_CREDENTIAL_KEY", ""),
        upload_limit=_whole(environ, "CREDITBANK_UPLOAD_LIMIT", 10 * 1024 * 1024),
        quota=_whole(environ, "CREDITBANK_QUOTA", 200 * 1024 * 1024),
        file_quota=_whole(environ, "CREDITBANK_FILE_QUOTA", 400),
        clamd_url=environ.get("CREDITBANK_CLAMD_URL", ""),
        api_rate=_whole(environ, "CREDITBANK_API_RATE", 120),
        checkpoint_key_file=_checkpoint_key_file(environ, data_dir, production),
        checkpoint_url=environ.get("CREDITBANK_CHECKPOINT_URL") or str(data_dir / "checkpoints"),
        checkpoint_public_key=Path(
            environ.get("CREDITBANK_CHECKPOINT_PUBLIC_KEY") or data_dir / "checkpoint_key.pub"
        ),
        log_format=environ.get("CREDITBANK_LOG_FORMAT") or ("json" if production else "plain"),
        metrics_token=environ.get("CREDITBANK_METRICS_TOKEN", ""),
        import_limit=_whole(environ, "CREDITBANK_IMPORT_LIMIT", 50 * 1024 * 1024),
        periods=_numbers(Periods, environ, "CREDITBANK_PERIODS"),
        policies=_policies(environ),
        require_totp=_totp(environ, production),
        proxies=_whole(environ, "CREDITBANK_PROXIES", 0),
    )


def flask_settings(chosen: Settings) -> dict[str, Any]:
    """What Flask and its extensions want to be told."""
    return {
        "SECRET_KEY": chosen.secret_key,
        "SQLALCHEMY_DATABASE_URI": chosen.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": {}
        if chosen.database_url.startswith("sqlite")
        else {"pool_pre_ping": True},
        "MAX_CONTENT_LENGTH": max(chosen.upload_limit * 6, chosen.import_limit + 2**20),
        "MAX_FORM_MEMORY_SIZE": 2 * 1024 * 1024,
        "WTF_CSRF_TIME_LIMIT": None,
        "BABEL_DEFAULT_LOCALE": chosen.locale,
        "BABEL_DEFAULT_TIMEZONE": "Asia/Shanghai",
        "BABEL_TRANSLATION_DIRECTORIES": str(HOME / "translations"),
        "LANGUAGES": {"zh": {"flag": "cn", "name": "中文"}, "en": {"flag": "gb", "name": "English"}},
        "APP_NAME": "学分银行" if chosen.locale == "zh" else "Credit Bank",
        "TEMPLATES_AUTO_RELOAD": False,
    }


def _secret_key(environ: Mapping[str, str], data_dir: Path, production: bool) -> str:
    given = environ.get("CREDITBANK_SECRET_KEY", "")
    if given:
        return given
    if production:
        raise Misconfigured("CREDITBANK_SECRET_KEY must be set in production")
    return secret_key_file(data_dir / "secret_key")


def _data_keys(environ: Mapping[str, str], data_dir: Path, production: bool) -> tuple[bytes, ...]:
    given = environ.get("CREDITBANK_DATA_KEYS", "")
    if not given:
        if production:
            raise Misconfigured("CREDITBANK_DATA_KEYS must be set in production")
        return data_keys_file(data_dir / "data_keys")
    try:
        keys = tuple(base64.b64decode(part, validate=True) for part in given.split(","))
    except binascii.Error as error:
        raise Misconfigured("CREDITBANK_DATA_KEYS is not base64") from error
    if any(len(key) != 32 for key in keys):
        raise Misconfigured("CREDITBANK_DATA_KEYS: every key must have 32 bytes")
    return keys


def _checkpoint_key_file(environ: Mapping[str, str], data_dir: Path, production: bool) -> Path | None:
    given = environ.get("CREDITBANK_CHECKPOINT_KEY_FILE", "")
    if given:
        return Path(given)
    return None if production else data_dir / "checkpoint_key.pem"


def _numbers(kind: type[Chosen], environ: Mapping[str, str], name: str) -> Chosen:
    """Whole numbers by name, e.g. ``initial=10,final=15``; what is not named keeps its default."""
    try:
        pairs = [part.partition("=") for part in environ.get(name, "").split(",") if part]
        return kind(**{key.strip(): int(number) for key, _, number in pairs})
    except (TypeError, ValueError) as error:
        raise Misconfigured(
            f"{name}: name=number by comma, e.g. {next(iter(vars(kind()).items()))}"
        ) from error


def _policies(environ: Mapping[str, str]) -> Policies:
    chosen = _numbers(Policies, environ, "CREDITBANK_POLICIES")
    if not 1 <= chosen.tries <= 5 or min(vars(chosen).values()) < 1:
        raise Misconfigured("CREDITBANK_POLICIES: numbers from 1 on, and at most 5 tries per code")
    return chosen


def _totp(environ: Mapping[str, str], production: bool) -> bool:
    given = environ.get("CREDITBANK_REQUIRE_TOTP", "1" if production else "0")
    if given not in ("0", "1"):
        raise Misconfigured("CREDITBANK_REQUIRE_TOTP may be 1 or 0")
    if production and given == "0":
        raise Misconfigured("CREDITBANK_REQUIRE_TOTP can be off in demo mode only")
    return given == "1"


def _whole(environ: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(environ.get(name, default))
    except ValueError as error:
        raise Misconfigured(f"{name} must be a whole number") from error
