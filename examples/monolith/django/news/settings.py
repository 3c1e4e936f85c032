"""The settings of Harbour News."""

import os
from pathlib import Path

SECRET_KEY = os.environ["SECRET_KEY"]
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions", "news"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "news.coatcheck_django.CoatcheckMiddleware",
]
ROOT_URLCONF = "news.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request", "django.contrib.auth.context_processors.auth"]},
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DATABASE", Path(__file__).parent.parent / "news.db"),
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": "PRAGMA journal_mode=WAL"},
    }
}
if os.environ.get("SESSIONS") == "cookie":
    SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
COATCHECK = {
    "origin": os.environ.get("COATCHECK_ORIGIN", "http://localhost:8080"),
    "mode": os.environ.get("COATCHECK_MODE", "also"),
    "user": "news.users.from_coatcheck",
}
USE_TZ = True
LOGIN_URL = "/login"
LOGIN_REDIRECT_URL = "/profile"
LOGOUT_REDIRECT_URL = "/news"
