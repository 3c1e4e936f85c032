"""Prints vectors of Django's sessions, as a JSON list of cases: django_sessions.py ENGINE PORT.

ENGINE is db, cached_db, cache or signed_cookies; PORT is that of a Redis, for the caches. Each
release was run in a venv of its own:
  django==3.2.24 redis==5.2.1                        db, signed_cookies
  django==4.1.13 redis==5.2.1                        db, signed_cookies, cached_db
  django==4.2.20 redis==5.2.1 django-redis==5.4.0    cache
  django==5.0.14 redis==5.2.1                        db, signed_cookies, cache
  django==5.2.7 redis==5.2.1                         cached_db
All keys are invented.
merge.py puts the lists of one engine into one file.
"""
import base64
import json
import sys

import django
import redis
from django.conf import settings
from django.core import signing

ENGINE, PORT = sys.argv[1], sys.argv[2]
KEY, OLD = "an invented key of Django " + django.__version__, "the invented key before that"
STAMP = "q0tV3Yy1zJk5cUeS9bXhWw"
T = 1764000000
try:
    import django_redis

    CACHE = {"BACKEND": "django_redis.cache.RedisCache"}
    VERSIONS = f"django {django.__version__} django-redis {'.'.join(map(str, django_redis.VERSION))}"
except ImportError:
    CACHE = {"BACKEND": "django.core.cache.backends.redis.RedisCache"}
    VERSIONS = "django " + django.__version__
settings.configure(
    SECRET_KEY=KEY, ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    CACHES={"default": {**CACHE, "LOCATION": f"redis://localhost:{PORT}/1"}} if "cache" in ENGINE else {},
    SESSION_ENGINE="django.contrib.sessions.backends." + ENGINE, SESSION_COOKIE_AGE=3600)
django.setup()

from django.contrib.auth import get_user_model, login, logout  # noqa: E402
from django.contrib.sessions.models import Session  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import override_settings  # noqa: E402
from django.urls import path  # noqa: E402

call_command("migrate", verbosity=0)
store = redis.Redis(port=int(PORT), db=1)
real_time = signing.time.time
to_set = {}


def set_session(request):
    if to_set["user"]:
        login(request, to_set["user"])
    request.session.update(to_set["values"])
    if to_set["expiry"]:
        request.session.set_expiry(to_set["expiry"])
    request.session["seen"] = "yes"
    return HttpResponse("")


def end(request):
    logout(request)
    return HttpResponse("")


urlpatterns = [path("set", set_session), path("logout", end),
               path("whoami", lambda r: HttpResponse(str(r.user.pk) if r.user.is_authenticated else ""))]
User = get_user_model()
alice = User(id=7, username="alice")
alice.set_password("an invented password")
alice.save()
zoe = User(id=9007199254740993, username="zoë")
zoe.set_password("another invented password")
zoe.save()


def at(seconds):
    """Freezes the clock of signing, if it matters."""
    if ENGINE == "signed_cookies":
        signing.time.time = lambda: seconds


def row_of(key):
    row = Session.objects.filter(session_key=key).first()
    return row and {"session_key": key, "session_data": row.session_data, "expire_date": row.expire_date.isoformat()}


def entry_of(key):
    name = f":1:django.contrib.sessions.{ENGINE}{key}"
    value = store.get(name)
    return value and {"key": name, "value_base64": base64.b64encode(value).decode(), "ttl": store.ttl(name)}


cases = []


def case(name, expect, user=alice, values=None, expiry=None, then=(), change=None, key=KEY, fallbacks=(), age=60, expired=False, **more):
    at(T)
    to_set.update(user=user, values=values or {}, expiry=expiry)
    client = Client()
    with override_settings(SECRET_KEY=key):
        client.get("/set")
        cookie = client.cookies["sessionid"].value
        for where in then:
            client.get(where)
    if expired:
        Session.objects.filter(session_key=cookie).update(expire_date="2020-01-01T00:00:00+00:00")
    row, entry = ENGINE != "signed_cookies" and row_of(cookie) or None, "cache" in ENGINE and entry_of(cookie) or None
    if change:
        user.set_password(change)
        user.save()
    at(T + age)
    now = T + age if ENGINE == "signed_cookies" else int(real_time())
    reader = Client()
    reader.cookies["sessionid"] = cookie
    with override_settings(SECRET_KEY_FALLBACKS=list(fallbacks)):
        answer = reader.get("/whoami").content.decode()
    column = User.objects.get(pk=(user or alice).pk).password
    if change:
        user.set_password("an invented password")
        user.save()
    cases.append({"name": name, "versions": VERSIONS, "cookie": cookie, "now": now, "row": row, "store": entry, "secret_key": KEY,
                  "fallbacks": list(fallbacks), "lifetime_seconds": 3600, "user_password_column": column, "framework_user": answer,
                  "expect": expect, **more})


stateless = ENGINE == "signed_cookies"
identity = {"identity": "stamp:" + STAMP, "expires_at": T + 3600} if stateless else {}
stamp = {"coatcheck_stamp": f"{STAMP}.{T - 5}"}
case("stamped", {"ok": True, "user_id": "7", "signed_in_at": T - 5, **identity}, values=stamp)
long = {"cart": [{"sku": f"SKU-{i % 9}", "qty": i % 7} for i in range(150)], "name": "Zoë ☕", "price": 1.5, "yes": True, "far": -2**40}
case("long", {"ok": True, "user_id": "7", "data": long}, values=long)
case("large_user_id", {"ok": True, "user_id": "9007199254740993"}, user=zoe)
case("no_stamp", {"ok": True, "user_id": "7", "signed_in_at": 0, **({"identity": ""} if stateless else {})})
case("anonymous", {"ok": True, "anonymous": True}, user=None)
case("password_changed_since", {"ok": False}, change="a new invented password")
case("same_password_hashed_again", {"ok": False}, change="an invented password", note="the fingerprint is of the hash, not of the password")
if django.VERSION >= (4, 1):
    case("previous_key", {"ok": True, "user_id": "7"}, key=OLD, fallbacks=["yet another", OLD])
case("unknown_key", {"ok": False}, key=OLD)
if stateless:
    case("last_second", {"ok": True, "user_id": "7", "expires_at": T + 3600}, age=3600)
    case("a_second_later", {"ok": False}, age=3601)
else:
    case("logged_out", {"ok": False}, then=["/logout"])
    case("own_expiry", {"ok": True, "user_id": "7"}, expiry=300)
if ENGINE == "db":
    case("expired", {"ok": False}, expired=True)
if ENGINE == "cached_db":
    case("expired_but_in_the_cache", {"ok": False}, expired=True, note="Django believes its cache; the table says that it is over")
print(json.dumps(cases, ensure_ascii=False))
