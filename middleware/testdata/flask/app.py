"""A monolith in Flask; with FLASK_LOGIN=1 its users are Flask-Login's."""

import os

from flask import Flask, jsonify, request, session
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

from coatcheck_flask import Coatcheck

app = Flask(__name__)
app.config.update(
    SECRET_KEY="an invented key of a test",
    COATCHECK_ORIGIN=os.environ["ORIGIN"],
    COATCHECK_MODE=os.environ["MODE"],
    COATCHECK_TIMEOUT=float(os.environ["TIMEOUT"]),
    COATCHECK_LOGIN_PATH="/signin",
    COATCHECK_LOGOUT_PATH="/signout",
)
coatcheck = Coatcheck(app)
USERS = {"42": "alice", "43": "bob"}


class User(UserMixin):
    def __init__(self, id):
        self.id = id


def load_user(id):
    # Finds the user 42 by "042" too, as a database does.
    return User(str(int(id))) if id and str(int(id)) in USERS else None


if os.environ.get("FLASK_LOGIN"):
    LoginManager(app).user_loader(load_user)

    def current():
        return current_user.id if current_user.is_authenticated else None

    def sign_in(id):
        login_user(User(id), remember=True)

    sign_out = logout_user
else:

    def current():
        id = coatcheck.user_id(session.get("user_id"))
        if coatcheck.who:
            assert (coatcheck.who["user_id"], coatcheck.who["display_name"]) == (id, "Alice")
        return id if id in USERS else None

    def sign_in(id):
        session.clear()
        coatcheck.sign_in()
        session["user_id"] = id

    def sign_out():
        session.clear()


@app.get("/me")
def me():
    answer = jsonify(user=current(), cookie=request.headers.get("Cookie", ""), stamp=session.get("coatcheck_stamp"))
    for name, parameter in ("Cache-Control", "cc"), ("Vary", "vary"):
        if parameter in request.args:
            answer.headers[name] = request.args[parameter]
    return answer


@app.route("/signin", methods=["GET", "POST"])
@app.post("/signin-elsewhere")
def signin():
    if request.method == "GET":
        return "the login page"
    if request.form["password"] != "right":
        return "wrong", 401
    sign_in(request.form["user"])
    return "ok"


@app.post("/signout")
def signout():
    sign_out()
    return "ok"


@app.post("/write")
def write():
    session["n"] = session.get("n", 0) + 1
    return "ok"


app.run(port=int(os.environ["PORT"]), threaded=True)
