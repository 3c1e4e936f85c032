"""Prints vectors of Flask's own session cookies, as a JSON list of cases.

Run it once for each set of releases, in a venv of its own:
  flask==2.2.5 werkzeug==2.2.3 itsdangerous==2.1.2 flask-login==0.6.2
  flask==3.0.3 werkzeug==3.0.6 itsdangerous==2.2.0 flask-login==0.6.3
  flask==3.1.2 itsdangerous==2.2.0 flask-login==0.6.3
All keys are invented. merge.py puts the lists into one file.
"""
import json
import uuid
from datetime import timedelta
from importlib.metadata import version

import itsdangerous.timed
from flask import Flask, request, session
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

VERSIONS = " ".join(f"{p} {version(p)}" for p in ("flask", "itsdangerous", "werkzeug", "flask-login"))
STAMP = "q0tV3Yy1zJk5cUeS9bXhWw"
T = 1764000000
clock = [T]
itsdangerous.timed.TimestampSigner.get_timestamp = lambda self: clock[0]


class User(UserMixin):
    def __init__(self, id):
        self.id = id


def application(key, fallbacks=(), lifetime=None, tutorial=False):
    app = Flask(__name__)
    app.secret_key = key
    if fallbacks:
        app.config["SECRET_KEY_FALLBACKS"] = list(fallbacks)
    if lifetime:
        app.config["PERMANENT_SESSION_LIFETIME"] = timedelta(seconds=lifetime)
    LoginManager(app).user_loader(User)

    @app.post("/set")
    def set_session():
        session.permanent = True
        for name, value in app.to_set.items():
            session[name] = value
        if app.user is not None:
            login_user(User(app.user))
        return ""

    @app.post("/logout")
    def logout():
        logout_user()
        return ""

    @app.post("/touch")
    def touch():
        session["page"] = "again"
        return ""

    @app.get("/whoami")
    def whoami():
        if tutorial:
            return str(session.get("user_id", ""))
        return current_user.id if current_user.is_authenticated else ""

    return app


def cookie_of(client):
    return client.get_cookie("session").value if hasattr(client, "get_cookie") else \
        next(c.value for c in client.cookie_jar if c.name == "session")


def answer(app, cookie, now):
    before, clock[0] = clock[0], now
    try:
        return app.test_client(use_cookies=False).get("/whoami", headers={"Cookie": "session=" + cookie}).get_data(as_text=True)
    finally:
        clock[0] = before


def make(app, user=None, values=None, then=()):
    app.user, app.to_set = user, values or {}
    client = app.test_client()
    client.post("/set")
    for path, at in then:
        clock[0] = at
        client.post(path)
    clock[0] = T
    return cookie_of(client)


cases = []


def case(name, cookie, expect, app, now=T + 60, **more):
    cases.append({"name": name, "versions": VERSIONS, "cookie": cookie, "now": now,
                  "framework_user": answer(app, cookie, now), "expect": expect, **more})


KEY, OLD = "an invented key of " + version("flask"), "the key before that, invented too"
DAYS = 31 * 86400
app, tutorial = application(KEY), application(KEY, tutorial=True)
stamp = {"coatcheck_stamp": f"{STAMP}.{T - 5}"}
stamped = {"ok": True, "user_id": "42", "identity": "stamp:" + STAMP, "signed_in_at": T - 5, "expires_at": T + DAYS}
more = dict(secret_key=KEY)
case("stamped", make(app, "42", stamp), stamped, app, **more)
case("stamped_and_signed_again_later", make(app, "42", stamp, [("/touch", T + 50)]), {**stamped, "expires_at": T + 50 + DAYS}, app, **more)
long = {"cart": [{"sku": f"SKU-{i:04}", "qty": i % 7} for i in range(150)], "name": "Zoë ☕"}
case("long_compressed", make(app, "42", {**stamp, **long}), {**stamped, "data": long}, app, **more)
case("no_stamp", make(app, "42"), {"ok": True, "user_id": "42", "identity": "", "signed_in_at": 0}, app, **more)
case("logged_out", make(app, "42", stamp, [("/logout", T)]), {"ok": True, "anonymous": True}, app, **more)
case("other_user_id_after_logout", make(app, "42", {"user_id": 99}, [("/logout", T)]), {"ok": True, "anonymous": True}, app, **more,
     note="user_id is the application's own; Flask-Login has signed the user out")
case("unicode_user", make(app, "Zoë ☕ 東京"), {"ok": True, "user_id": "Zoë ☕ 東京"}, app, **more)
case("key_of_another_application", make(application("another key"), "42"), {"ok": False}, app, **more)
case("damaged_stamp", make(app, "42", {"coatcheck_stamp": "short.1"}), {"ok": True, "user_id": "42", "identity": "", "signed_in_at": 0}, app, **more)
for name, value, expect in (
    ("integer", 42, {"ok": True, "user_id": "42"}), ("leading_zero", "042", {"ok": True, "user_id": "042"}),
    ("beyond_64_bits", 2**64, {"ok": True, "user_id": str(2**64)}), ("negative", -7, {"ok": True, "user_id": "-7"}),
    ("uuid", uuid.UUID("12345678-1234-5678-1234-567812345678"), {"ok": True, "user_id": "12345678-1234-5678-1234-567812345678"}),
    ("null", None, {"ok": True, "anonymous": True}), ("empty", "", {"ok": True, "anonymous": True}),
    ("float", 42.0, {"ok": False}), ("boolean", True, {"ok": False}), ("bytes", b"42", {"ok": False}),
    ("list", [42], {"ok": False}), ("object", {"id": 42}, {"ok": False}),
):
    case("tutorial_" + name, make(tutorial, None, {"user_id": value}), expect, tutorial, user="user_id", **more)
hour = application(KEY, lifetime=3600)
cookie = make(hour, "42")
case("lifetime_of_an_hour", cookie, {"ok": True, "user_id": "42", "expires_at": T + 3600}, hour, now=T + 3600, lifetime_seconds=3600, **more)
case("lifetime_of_an_hour_over", cookie, {"ok": False}, hour, now=T + 3601, lifetime_seconds=3600, **more)
if version("flask") >= "3.1":
    rotated = application(KEY, [OLD, "an even older key"])
    case("previous_key", make(application(OLD), "42"), {"ok": True, "user_id": "42"}, rotated, fallbacks=[OLD, "an even older key"], **more)
    case("last_of_three_keys", make(application("an even older key"), "42"), {"ok": True, "user_id": "42"}, rotated,
         fallbacks=[OLD, "an even older key"], **more)
print(json.dumps(cases, ensure_ascii=False))
