"""What the house can be told: typed settings, made once from the environment and handed to every room.

``config.py`` reads and documents the environment; rooms ask ``settings()``, so that services need no Flask.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Periods:
    """Deadlines in working days of the Chinese calendar (spec 2)."""

    initial: int = 10
    final: int = 15
    correction: int = 30
    appeal: int = 15
    assessment: int = 10
    reminder: int = 2


@dataclass(frozen=True)
class Policies:
    """Limits around passwords, codes and sessions (spec 5), each with the spec's default."""

    #: Shortest password of learners and of staff, and the longest of both.
    learner_shortest: int = 8
    staff_shortest: int = 12
    longest: int = 64
    #: Failed log-ins per account and per address that lock, and the first lock in minutes; it doubles each time.
    failures: int = 5
    address_failures: int = 5
    lock: int = 15
    #: Codes: minutes they live, tries (at most 5), seconds until a new one, how many per number and per address an hour.
    code: int = 10
    tries: int = 5
    wait: int = 60
    codes: int = 5
    address_codes: int = 100
    #: Sessions, in minutes: how long they may rest and how long they may last.
    learner_idle: int = 30
    learner_session: int = 720
    staff_idle: int = 15
    staff_session: int = 480
    #: Hours that an invitation can be used, minutes that a second factor counts as fresh.
    invitation: int = 24
    fresh: int = 10


@dataclass(frozen=True)
class Settings:
    """Every setting of the product. Sizes in bytes, times in seconds unless the name says otherwise."""

    mode: str = "demo"
    data_dir: Path = Path("var")
    database_url: str = ""
    base_url: str = "http://127.0.0.1:8080"
    secret_key: str = ""
    #: Key-encryption keys, oldest first; the last one wraps new data keys. 32 bytes each.
    data_keys: tuple[bytes, ...] = ()
    storage_url: str = ""
    mail_url: str = ""
    mail_sender: str = "credit-bank@localhost"
    sms_gateway: str = ""
    locale: str = "zh"
    node_modules: Path = Path("node_modules")
    contact_line: str = ""
    record_numbers: tuple[str, ...] = ()
    upload_limit: int = 10 * 1024 * 1024
    #: File with the key and certificate of the seal; "": one of our own making under the data folder.
    signing_cert: str = ""
    signing_passphrase: str = ""
    #: File with the Ed25519 key that signs credentials (PEM); "": likewise.
    credential_key: str = ""
    #: ``plain`` lines for people, or ``json``.
    log_format: str = "plain"
    #: Who asks for /metrics shows it; without one only this host may ask.
    metrics_token: str = ""
    import_limit: int = 50 * 1024 * 1024
    pixel_limit: int = 50_000_000
    #: Evidence of one learner in all, in bytes, and how many files.
    quota: int = 200 * 1024 * 1024
    file_quota: int = 400
    clamd_url: str = ""
    #: Requests to the REST API per key and minute.
    api_rate: int = 120
    #: Ed25519 key that signs checkpoints of the audit trail; the worker's alone. None: no checkpoints are written.
    checkpoint_key_file: Path | None = None
    #: Folder that signed checkpoints are also written to, out of the database's reach.
    checkpoint_url: str = ""
    #: The public half, for whoever verifies.
    checkpoint_public_key: Path = Path("checkpoint_key.pub")
    periods: Periods = field(default_factory=Periods)
    policies: Policies = field(default_factory=Policies)
    #: Whether staff need a second factor.
    require_totp: bool = False
    #: How many proxies stand before the server and say who asks (``X-Forwarded-For``).
    proxies: int = 0

    @property
    def demo(self) -> bool:
        return self.mode == "demo"


_current = Settings()


def settings() -> Settings:
    """The settings in force."""
    return _current


def use(new: Settings) -> None:
    """Put settings in force; called by ``create_app`` only."""
    global _current
    _current = new
