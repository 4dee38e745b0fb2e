"""The peer: Django's admin over the bank's own tables, as its documentation would have one set it up."""

from __future__ import annotations

import os
from pathlib import Path

import django
from django.apps import AppConfig

SECRET_KEY = "peer"  # noqa: S105 -- lives as long as a benchmark
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "peer_urls"
LANGUAGE_CODE = "zh-hans"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "static/"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "peer.Peer",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(Path(os.environ["CREDITBANK_DATA_DIR"]) / "creditbank.db"),
    }
}


class Peer(AppConfig):
    """The bank's tables, unmanaged."""

    name = "peer"
    models_module = None

    def import_models(self) -> None:
        super().import_models()
        import peer_models  # noqa: F401


if __name__ == "__main__":
    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    User.objects.create_superuser("peer", "", "peer-password")
