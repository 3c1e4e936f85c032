"""Signs in for each case, and gives some cases what cannot be made up: passwords that are
right, sessions that exist, the monolith's cookies, the ways to a provider and back.

A case gets these by its turn, and not by chance: the same inputs have the same turn.
"""

import base64
import hashlib
import hmac
import itertools
import json
import os
import time
import zlib
from urllib.parse import parse_qsl, urlsplit

import requests
import schemathesis

SERVER = os.environ["CONTRACT_SERVER"]
PROVIDER = os.environ["CONTRACT_PROVIDER"]
FLASK_KEY = os.environ["CONTRACT_FLASK_KEY"]
PASSWORD = os.environ["CONTRACT_PASSWORD"]
USERS = int(os.environ["CONTRACT_USERS"])
SESSION = "__Host-SESSIONID"

numbers = itertools.count()
counters = {}  # of cases, by their operation
taken = {}  # the turn of a case, by its inputs
passwords = {}  # of users who have changed it
signed_in = {}  # the user and the ID of each session, by its token
report = open(os.environ["CONTRACT_REPORT"], "a", buffering=1)


def send(method, path, **more):
    return requests.request(method, SERVER + path, allow_redirects=False, timeout=60, **more)


def new_user(kind="user"):
    """Each case has a user for itself, as long as there are users."""
    return f"{kind}-{next(numbers) % USERS}"


def sign_in(name):
    """Returns the token of a new session, and its public ID."""
    answer = send("POST", "/login", json={"username": name, "password": passwords.get(name, PASSWORD)})
    answer.raise_for_status()
    return answer.cookies[SESSION], answer.json()["session"]["id"]


def wants_session(operation):
    """Whether it does. A logout and a conversion may have one, and need none."""
    security = operation.definition.raw["security"]
    return any("session" in one for one in security) and operation.path != "/convert"


@schemathesis.auth(refresh_interval=None)
class PerCase:
    """Signs in for each case of an operation that wants a session."""

    def get(self, case, context):
        if not wants_session(case.operation):
            return None
        name = new_user("changer" if case.operation.path == "/password" else "user")
        return (name, *sign_in(name))

    def set(self, case, data, context):
        name, token, own = data
        case.cookies[SESSION] = token
        signed_in[token] = name, own


def flask(user_id):
    """The cookie that Flask sets for a user who has just signed in."""
    encode = lambda b: base64.urlsafe_b64encode(b).rstrip(b"=")
    now = int(time.time())
    stamp = encode(os.urandom(16)).decode()
    payload = encode(json.dumps({"_user_id": user_id, "coatcheck_stamp": f"{stamp}.{now}"}).encode())
    signed = payload + b"." + encode(now.to_bytes(4, "big"))
    key = hmac.new(FLASK_KEY.encode(), b"cookie-session", hashlib.sha1).digest()
    return (signed + b"." + encode(hmac.new(key, signed, hashlib.sha1).digest())).decode()


def travel(path, cookies):
    """Goes to the provider and back, and returns the query and the cookies of the way back."""
    begun = send("GET", path, cookies=cookies)
    there = requests.get(begun.headers["Location"], allow_redirects=False, timeout=60)
    return dict(parse_qsl(urlsplit(there.headers["Location"]).query)), {**cookies, **begun.cookies.get_dict()}


def travel_again():
    """Does the same for a user of the provider who is signed in here."""
    query, cookies = travel("/sso", {})
    arrived = send("GET", "/sso/callback", params=query, cookies=cookies)
    return travel("/sso/again", {SESSION: arrived.cookies[SESSION]})


def true_body(case, name):
    """What the body of a case has to be for a success, or None."""
    password = passwords.get(name, PASSWORD)
    match case.operation.label:
        case "POST /login":
            return {"username": new_user(), "password": PASSWORD}
        case "POST /reauthenticate":
            return {"password": password}
        case "POST /password":
            return {"current_password": password, "new_password": base64.b32encode(os.urandom(20)).decode()}
        case "POST /preferences":
            return {"theme": "dark", "language": "de-AT"}
        case "POST /sso/ended":
            return dict(parse_qsl(requests.get(PROVIDER + "/notice", timeout=60).text))
    return None


def turn_of(case):
    """Counts the cases of an operation from 0. One with the same inputs as before has its turn again."""
    turns = counters.setdefault(case.operation.label, itertools.count())
    if not case.path_parameters and not case.query and case.media_type is None:
        return next(turns)
    inputs = repr((case.operation.label, case.path_parameters, case.query, case.body, case.media_type))
    if inputs not in taken:
        taken[inputs] = next(turns)
    return taken[inputs]


def is_positive(case):
    """Whether the case is one that the document allows, of a method that it has."""
    return case.meta is not None and case.meta.generation.mode.is_positive and case.method.upper() == case.operation.method.upper()


@schemathesis.hook
def before_call(context, case, kwargs):
    kwargs["allow_redirects"] = False
    turn = turn_of(case) if is_positive(case) else zlib.crc32(repr(case.query).encode())
    name, own = signed_in.get(case.cookies.get(SESSION), (None, None))
    # A browser without a session is led on by a 303, which no check takes for a refusal.
    asks_for_page = turn % 2 and (name or not wants_session(case.operation))
    if not any(header.lower() == "accept" for header in case.headers):
        case.headers["Accept"] = "text/html,*/*;q=0.8" if asks_for_page else "application/json"
    if is_positive(case):
        make_true(case, name, own, turn // 2)


def make_true(case, name, own, turn):
    """Makes most cases succeed: each operation's first two, a program's and a page's, do."""
    if turn % 2 == 0 and (body := true_body(case, name)):
        case.body = body
    kind = turn % 4
    match case.operation.label:
        case "POST /sessions/{id}/revoke" if name and kind != 3:
            case.path_parameters["id"] = own if kind == 1 else sign_in(name)[1]
        case "GET /convert" | "POST /convert" | "POST /convert/end" if kind != 3:
            case.cookies["session"] = flask(new_user("moved"))
            if kind != 2:
                case.headers.update({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"})
        case "POST /logout" | "POST /sessions/revoke-all" if kind == 1:
            case.cookies["session"] = flask(new_user("moved"))
        case "GET /sso/callback" if kind != 3:
            case.query, cookies = travel("/sso", {}) if kind == 0 else travel_again()
            case.cookies.update(cookies)


@schemathesis.hook
def after_call(context, case, response):
    sent = response.request
    if case.operation.label == "POST /password" and response.status_code < 300:
        text = sent.body if isinstance(sent.body, str) else sent.body.decode()
        fields = json.loads(text) if text.startswith("{") else dict(parse_qsl(text))
        passwords[signed_in[case.cookies[SESSION]][0]] = fields["new_password"]
    kind = response.headers.get("content-type", [""])[0].split(";")[0]
    report.write(f"{sent.method} {case.operation.path} {response.status_code} {kind}".strip() + "\n")


@schemathesis.deserializer("text/html")
def page(context, response):
    return response.text
