"""Coatcheck's sessions in Django. README.md beside this file says how to set it up."""

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

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.dispatch import receiver
from django.http import HttpResponse
from django.utils.module_loading import import_string

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


def user_by_pk(who):
    """Return the active user whose primary key is who["user_id"], or None."""
    model = get_user_model()
    try:
        user = model._default_manager.get(pk=who["user_id"])
    except (model.DoesNotExist, ValueError, OverflowError, ValidationError):
        return None
    # Django finds the user 42 by "042" too.
    same = model._meta.pk.value_to_string(user) == who["user_id"]
    return user if same and getattr(user, "is_active", True) else None


class CoatcheckMiddleware:
    """Makes the user of our cookie request.user. It stands right after AuthenticationMiddleware."""

    def __init__(self, get_response):
        given = {"cookie": "__Host-SESSIONID", "timeout": 2, "user": user_by_pk, "login_path": None, **settings.COATCHECK}
        if given["mode"] not in ("also", "only"):
            raise ImproperlyConfigured(f"COATCHECK['mode'] must be also or only, not {given['mode']!r}")
        self.get_response, self.mode, self.login_paths = get_response, given["mode"], paths(given["login_path"])
        self.user = import_string(given["user"]) if isinstance(given["user"], str) else given["user"]
        try:
            self.origin = Origin(given["origin"], given["cookie"], given["timeout"])
        except ValueError as error:
            raise ImproperlyConfigured(f"COATCHECK: {error}") from None

    def __call__(self, request):
        state = request.coatcheck = _State(self.origin, _hide(request, self.origin.cookie))
        if self.mode == "only" and request.path in self.login_paths:
            response = HttpResponse(status=303, headers={"Location": login_page(request.GET.get("next"))})
            return state.complete(response)
        try:
            state.who = self.origin.whoami(state.values)
        except Outage as outage:
            return state.complete(_unavailable(outage))
        if state.who or self.mode == "only":
            self._set_user(request, state.who)
        return state.complete(self.get_response(request))

    def _set_user(self, request, who):
        user = (self.user(who) if who else None) or AnonymousUser()

        async def auser():
            return user

        request.user, request.auser = user, auser

    def process_exception(self, request, exception):
        """Answer an outage at a sign-in or a logout."""
        return _unavailable(exception) if isinstance(exception, Outage) else None


class _State:
    """What is known of our cookie in one request. It says nothing of itself to those who print the request."""

    def __init__(self, origin, values):
        self.origin, self.values, self.who, self.ended = origin, values, None, False

    def end(self):
        if self.values and not self.ended:
            self.origin.logout(self.values)
            self.ended = True

    def complete(self, response):
        response["Vary"] = vary(response.get("Vary", ""))
        if self.who or self.ended:
            response["Cache-Control"] = private(response.get("Cache-Control", ""))
        if self.ended:
            response.set_cookie(self.origin.cookie, max_age=0, secure=True, httponly=True, samesite="Lax")
        return response


def _hide(request, name):
    """Take our cookie out of the request, and return its different values."""
    values, rest = take(request.META.pop("HTTP_COOKIE", ""), name)
    if rest:
        request.META["HTTP_COOKIE"] = rest
    request.COOKIES.pop(name, None)
    request.__dict__.pop("headers", None)  # made from META, and kept
    return values


def _unavailable(outage):
    log.warning("coatcheck: %s", outage)
    headers = {"Retry-After": RETRY_AFTER, "Cache-Control": "no-store"}
    return HttpResponse("The service is unavailable. Please try again.", content_type="text/plain", status=503, headers=headers)


@receiver(user_logged_in)
def _logged_in(sender, request, **_):
    """End ours, which may be another user's, and stamp the session. In an outage nobody is signed in."""
    state = getattr(request, "coatcheck", None)
    if state is None:
        return
    try:
        state.end()
    except Outage:
        for key in (SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY):
            request.session.pop(key, None)
        request.user = AnonymousUser()
        raise
    request.session[STAMP] = new_stamp()


@receiver(user_logged_out)
def _logging_out(sender, request, **_):
    """End ours. Django sends this signal before it ends its own session, and in an outage does not."""
    state = getattr(request, "coatcheck", None)
    if state is not None:
        state.end()
