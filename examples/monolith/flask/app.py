"""Harbour News, a small Flask application: public news, a cart, and who you are."""

import os

from flask import Flask, redirect, render_template, request, url_for
from flask_login import LoginManager, current_user, login_required, login_user, logout_user

import users
from coatcheck_flask import Coatcheck

app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]
app.config["DATABASE"] = os.environ.get("DATABASE", "news.db")
if os.environ.get("SESSIONS") == "redis":
    import redis
    from flask_session import Session

    app.config["SESSION_TYPE"] = "redis"
    app.config["SESSION_REDIS"] = redis.from_url(os.environ.get("REDIS_URL", "redis://localhost:6379"))
    Session(app)

users.init_app(app)
login_manager = LoginManager(app)
login_manager.login_view = "login"
login_manager.user_loader(users.find)

app.config["COATCHECK_ORIGIN"] = os.environ.get("COATCHECK_ORIGIN", "http://localhost:8080")
app.config["COATCHECK_MODE"] = os.environ.get("COATCHECK_MODE", "also")
app.config["COATCHECK_LOGOUT_PATH"] = "/logout"
Coatcheck(app, user=users.from_coatcheck)


@app.get("/")
@app.get("/news")
def news():
    return render_template("news.html")


@app.get("/cart")
@login_required
def cart():
    return render_template("cart.html")


@app.get("/profile")
@login_required
def profile():
    return render_template("profile.html")


@app.route("/login", methods=["GET", "POST"])
def login():
    problem = None
    if request.method == "POST":
        user = users.check(request.form["name"], request.form["password"])
        if user:
            login_user(user)
            return redirect(local(request.args.get("next")))
        problem = "The name or the password is wrong."
    return render_template("login.html", problem=problem), 401 if problem else 200


@app.post("/logout")
def logout():
    logout_user()
    return redirect(url_for("news"))


def local(path):
    """Returns the path if it is one of this site, so that nobody is led elsewhere."""
    if path and path.startswith("/") and not path.startswith(("//", "/\\")):
        return path
    return url_for("profile")
