"""Coatcheck's sessions in Flask, with Flask-Login or without it. README.md beside this file says how to set it up."""

import contextlib
import functools
import http.client
import json
import logging
import re
import secrets
import socket
import threading
import time
from urllib.parse import urlencode, urlsplit

from flask import current_app, g, redirect, request, session
from werkzeug.exceptions import ServiceUnavailable

try:
    from flask_login.signals import user_logged_in
except ImportError:
    user_logged_in = None

# --- From here to the next such line, the Flask and the Django file are the same. ---

RETRY_AFTER = "5"  # seconds
STAMP = "coatcheck_stamp"
# A token: three parts of base64url, or four if tokens are signed.
TOKEN = re.compile(r"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}(\.[A-Za-z0-9_-]{22})?")
MAX_ANSWER = 64 << 10  # bytes
USER_AGENT = "Coatcheck-Middleware"  # firewalls refuse programs that have none

log = logging.getLogger("coatcheck")


class Outage(Exception):
    """Nobody knows who is calling, because Coatcheck did not answer as it should."""


class Origin:
    """Where Coatcheck answers: the scheme and host of its address, such as https://app.example.com."""

    def __init__(self, origin, cookie, timeout):
        url = urlsplit(origin)
        if url.scheme not in ("http", "https") or not url.hostname or origin.rstrip("/") != f"{url.scheme}://{url.netloc}" or "@" in url.netloc:
            raise ValueError(f"Coatcheck's origin must be like https://app.example.com, not {origin!r}")
        self.cookie, self.timeout = cookie, float(timeout)
        connection = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        self._connect = functools.partial(connection, url.hostname, url.port, timeout=self.timeout)

    def whoami(self, values):
        """Return whoami's answer about the only value of our cookie; None means nobody."""
        if len(values) != 1 or not TOKEN.fullmatch(values[0]):
            return None
        status, body = self._ask("GET", "/whoami", values)
        if status == 401:
            return None
        try:
            who = json.loads(body) if status == 200 else None
        except (ValueError, RecursionError):
            who = None
        if not isinstance(who, dict) or not isinstance(who.get("user_id"), str) or not who["user_id"]:
            raise Outage(f"GET /whoami answered {status}, and not who is calling")
        return who

    def logout(self, values):
        """End the sessions of all these values of our cookie."""
        tokens = [value for value in values if TOKEN.fullmatch(value)]
        if not tokens:
            return
        status, _ = self._ask("POST", "/logout", tokens)
        if status != 204:
            raise Outage(f"POST /logout answered {status}, not 204")

    def _ask(self, method, path, tokens):
        headers = {"Accept": "application/json", "User-Agent": USER_AGENT, "Cookie": "; ".join(f"{self.cookie}={token}" for token in tokens)}
        connection = self._connect()
        try:
            connection.connect()
            with _deadline(connection.sock, self.timeout):
                connection.request(method, path, headers=headers)
                answer = connection.getresponse()
                body = answer.read(MAX_ANSWER + 1)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Outage(f"{method} {path}: {error!r}") from None
        finally:
            connection.close()
        if len(body) > MAX_ANSWER:
            raise Outage(f"{method} {path} answered more than {MAX_ANSWER} bytes")
        return answer.status, body


@contextlib.contextmanager
def _deadline(sock, seconds):
    """End the use of sock after so many seconds: its own timeout begins again with each read."""

    def end():
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def take(header, name):
    """Return the different values of the cookie, and the Cookie header without it."""
    values, others = [], []
    for part in header.split(";"):
        part = part.strip(" \t")
        key, equals, value = part.partition("=")
        if not equals or key != name:
            others.append(part)
        elif value not in values:
            values.append(value)
    return values, "; ".join(filter(None, others))


def vary(header):
    """Return the Vary header with Cookie in it."""
    fields = [field.strip() for field in header.split(",") if field.strip()]
    if not {"*", "cookie"} & {field.lower() for field in fields}:
        fields.append("Cookie")
    return ", ".join(fields)


def private(header):
    """Return the Cache-Control header that lets no shared cache store the answer."""
    directives = [directive.strip() for directive in header.split(",") if directive.strip().lower() not in ("", "public")]
    if not {"private", "no-store"} & {directive.lower() for directive in directives}:
        directives.insert(0, "private")
    return ", ".join(directives)


def login_page(next):
    """Return the address of Coatcheck's login page, from which a user comes back to next, a path of this site."""
    if next and re.fullmatch(r"/(?![/\\])[^\\\x00-\x20\x7f]*", next):
        return "/login?" + urlencode({"next": next})
    return "/login"


def new_stamp():
    """Return what tells one sign-in from all others, and when it was."""
    return f"{secrets.token_urlsafe(16)}.{int(time.time())}"


def paths(setting):
    """Return the paths of a setting: none, one, or a list."""
    return {setting} if isinstance(setting, str) else set(setting or ())


# --- The same in the Flask and the Django file up to here. ---


class Coatcheck:
    """Makes the user of our cookie Flask's current user.

    With Flask-Login that is current_user. user(who) returns the user that whoami's answer is about, or None;
    by default Flask-Login's user_loader is asked for who["user_id"]. Without Flask-Login use user_id, and call
    sign_in at each sign-in.
    """

    def __init__(self, app=None, user=None):
        self._user = user
        if app is not None:
            self.init_app(app)

    def init_app(self, app):
        """Read the settings COATCHECK_… of app.config, and stand in front of app."""
        config = app.config
        self.origin = Origin(config["COATCHECK_ORIGIN"], config.get("COATCHECK_COOKIE", "__Host-SESSIONID"), config.get("COATCHECK_TIMEOUT", 2))
        self.mode = config["COATCHECK_MODE"]
        if self.mode not in ("also", "only"):
            raise ValueError(f"COATCHECK_MODE must be also or only, not {self.mode!r}")
        self.login_paths, self.logout_paths = paths(config.get("COATCHECK_LOGIN_PATH")), paths(config.get("COATCHECK_LOGOUT_PATH"))
        app.extensions["coatcheck"] = self
        app.wsgi_app = _Wrapper(app.wsgi_app, self.origin.cookie)
        app.before_request_funcs.setdefault(None, []).insert(0, self._before)
        if user_logged_in is not None:
            user_logged_in.connect(self._logged_in, app)

    @property
    def who(self):
        """whoami's answer about our cookie, or None: the names and roles of a user who exists at Coatcheck alone."""
        return _state().who

    def user_id(self, own=None):
        """Return the ID of the user of our cookie; if it names nobody, own in mode also, and None in mode only."""
        if self.who:
            return self.who["user_id"]
        return own if self.mode == "also" else None

    def sign_in(self):
        """Stamp the session, and end ours, which may be another user's; in an outage the answer is 503.

        Call it at each sign-in, before the user is put into the session and after session.clear().
        Flask-Login calls it by itself.
        """
        self._end()
        _state().who = None
        session[STAMP] = new_stamp()

    def _before(self):
        if self.mode == "only" and request.path in self.login_paths:
            return redirect(login_page(request.args.get("next")), 303)
        state = _state()
        try:
            state.who = self.origin.whoami(state.values)
        except Outage as outage:
            state.fail(outage)
        if request.path in self.logout_paths and request.routing_exception is None and request.method != "OPTIONS":
            self._end()
        if hasattr(current_app, "login_manager") and (state.who or self.mode == "only"):
            user = self._load(state.who, current_app.login_manager)
            # Flask-Login's current_user, which it would otherwise load from the session.
            g._login_user = current_app.login_manager.anonymous_user() if user is None else user

    def _load(self, who, manager):
        if who is None:  # its request_loader knows no sessions
            return manager._load_user_from_request(request) if manager._request_callback else None
        if self._user:
            return self._user(who)
        try:
            user = manager._user_callback(who["user_id"])
        except ValueError:  # of int("…")
            return None
        # A database finds the user 42 by "042" too.
        return user if user is not None and str(getattr(user, manager.id_attribute)()) == who["user_id"] else None

    def _logged_in(self, app, user):
        try:
            self.sign_in()
        except ServiceUnavailable:
            for key in ("_user_id", "_fresh", "_id", "_remember", "_remember_seconds"):
                session.pop(key, None)
            g._login_user = app.login_manager.anonymous_user()
            raise

    def _end(self):
        state = _state()
        if not state.values or state.ended:
            return
        try:
            self.origin.logout(state.values)
        except Outage as outage:
            state.fail(outage)
        state.ended = True


class _State:
    """What is known of our cookie in one request. It says nothing of itself to those who print the environment."""

    def __init__(self, values):
        self.values, self.who, self.ended, self.failed = values, None, False, False

    def fail(self, outage):
        log.warning("coatcheck: %s", outage)
        self.failed = True
        raise ServiceUnavailable(retry_after=int(RETRY_AFTER))


def _state():
    return request.environ["coatcheck"]


class _Wrapper:
    """Hides our cookie from the application, and completes the headers of each answer."""

    def __init__(self, wsgi_app, cookie):
        self._wsgi_app, self._cookie = wsgi_app, cookie

    def __call__(self, environ, start_response):
        values, rest = take(environ.pop("HTTP_COOKIE", ""), self._cookie)
        if rest:
            environ["HTTP_COOKIE"] = rest
        state = environ["coatcheck"] = _State(values)

        def start(status, headers, *exc_info):
            return start_response(status, self._complete(headers, state), *exc_info)

        return self._wsgi_app(environ, start)

    def _complete(self, headers, state):
        def replace(name, change):
            value = ", ".join(v for k, v in headers if k.lower() == name.lower())
            headers[:] = [(k, v) for k, v in headers if k.lower() != name.lower()] + [(name, change(value))]

        replace("Vary", vary)
        if state.failed:
            replace("Cache-Control", lambda _: "no-store")
            replace("Retry-After", lambda given: given or RETRY_AFTER)
        elif state.who or state.ended:
            replace("Cache-Control", private)
        if state.ended:
            headers.append(("Set-Cookie", f"{self._cookie}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"))
        return headers
