"""Prints vectors of Flask-Session on Redis, as a JSON list of cases: flask_session_redis.py PORT.

Run it once for each set of releases, in a venv of its own, with a Redis at the port:
  flask==2.2.5 werkzeug==2.2.3 flask-login==0.6.2 flask-session==0.5.0 redis==4.6.0   (pickles)
  flask==3.0.3 werkzeug==3.0.6 flask-login==0.6.3 flask-session==0.7.0 redis==5.2.1
  flask==3.1.2 flask-login==0.6.3 flask-session==0.8.0 redis==6.4.0
All keys are invented. merge.py puts the lists into one file.
"""
import base64
import json
import sys
from datetime import datetime, timezone
from importlib.metadata import version

import redis
from flask import Flask, session
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_session import Session

VERSIONS = " ".join(f"{p} {version(p)}" for p in ("flask-session", "flask", "flask-login", "redis"))
PICKLES = version("flask-session") < "0.7"
STAMP = "q0tV3Yy1zJk5cUeS9bXhWw"
T = 1764000000
store = redis.Redis(port=int(sys.argv[1]))


class User(UserMixin):
    def __init__(self, id):
        self.id = id


def application(key, signer, serialization="msgpack"):
    app = Flask(__name__)
    app.secret_key = key
    app.config.update(SESSION_TYPE="redis", SESSION_REDIS=store, SESSION_USE_SIGNER=signer)
    if not PICKLES:
        app.config["SESSION_SERIALIZATION_FORMAT"] = serialization
    Session(app)
    LoginManager(app).user_loader(User)

    @app.post("/set")
    def set_session():
        session.update(app.to_set)
        if app.user is not None:
            login_user(User(app.user))
        return ""

    @app.post("/logout")
    def logout():
        logout_user()
        return ""

    @app.get("/whoami")
    def whoami():
        return current_user.id if current_user.is_authenticated else ""

    return app


cases = []


def case(name, app, expect, user=None, values=None, then=(), answers=None, cookie=None, **more):
    app.user, app.to_set = user, values or {}
    client = app.test_client()
    sent = client.post("/set").headers.get("Set-Cookie")
    if cookie is None:
        cookie = sent.split("=", 1)[1].split(";")[0]
    for path in then:
        client.post(path)
    answer = (answers or app).test_client(use_cookies=False).get("/whoami", headers={"Cookie": "session=" + cookie}).get_data(as_text=True)
    key = "session:" + cookie.split(".")[0]
    value = store.get(key)
    cases.append({"name": name, "versions": VERSIONS, "cookie": cookie, "now": T + 60, "framework_user": answer, "expect": expect,
                  "store": value and {"key": key, "value_base64": base64.b64encode(value).decode(), "ttl": store.ttl(key)}, **more})
    return cookie


stamp = {"coatcheck_stamp": f"{STAMP}.{T - 5}"}
KEY, OLD = "an invented key of " + version("flask-session"), "the key before that"
if PICKLES:
    case("a_pickle", application(KEY, False), {"ok": False}, "42", secret_key=KEY, note="Flask-Session reads it; nobody else should")
else:
    for serialization in ("msgpack", "json") if version("flask-session") >= "0.8" else ("msgpack",):
        for signer in (False, True):
            app = application(KEY, signer, serialization)
            more = dict(secret_key=KEY, use_signer=signer)
            suffix = "_" + serialization + ("_signed" if signer else "")
            expires = {"expires_at": T + 60 + 31 * 86400, "signed_in_at": T - 5}
            cookie = case("stamped" + suffix, app, {"ok": True, "user_id": "42", **expires}, "42", stamp, **more)
            long = {"cart": [{"sku": f"SKU-{i:04}", "qty": i * 1000} for i in range(200)], "name": "Zoë ☕", "price": 1.5, "far": -2**40}
            case("long" + suffix, app, {"ok": True, "user_id": "Zoë ☕ 東京", "data": long}, "Zoë ☕ 東京", long, **more)
            case("logged_out" + suffix, app, {"ok": True, "anonymous": True}, "42", stamp, ["/logout"], **more)
            case("a_time" + suffix, app, {"ok": True, "user_id": "42"}, "42", {"seen": datetime(2026, 3, 4, tzinfo=timezone.utc)}, **more)
            if signer:
                new = application("a newer key", True, serialization)
                case("previous_key" + suffix, app, {"ok": True, "user_id": "42"}, "42", answers=new, secret_key="a newer key", fallbacks=[KEY],
                     use_signer=True, note="Flask-Session knows no previous keys")
                case("unknown_key" + suffix, app, {"ok": False}, "42", answers=new, secret_key="a newer key", use_signer=True)
                case("signer_is_off" + suffix, app, {"ok": False}, "42", answers=application(KEY, False, serialization), secret_key=KEY, use_signer=False)
            else:
                case("signer_is_on" + suffix, app, {"ok": False}, "42", answers=application(KEY, True, serialization), secret_key=KEY, use_signer=True)
print(json.dumps(cases, ensure_ascii=False))
