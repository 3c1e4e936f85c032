"""A monolith in Django, with its users and its sessions in SQLite."""

import os
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="an invented key of a test",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="app",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["DIR"] + "/db", "OPTIONS": {"timeout": 60}}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    USE_TZ=True,
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "coatcheck_django.CoatcheckMiddleware",
    ],
    COATCHECK={"origin": os.environ["ORIGIN"], "mode": os.environ["MODE"], "timeout": float(os.environ["TIMEOUT"]), "login_path": "/signin"},
)
django.setup()

from django.contrib.auth import authenticate, login, logout  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.http import require_POST  # noqa: E402


def me(request):
    user = str(request.user.pk) if request.user.is_authenticated else None
    answer = JsonResponse({"user": user, "cookie": request.headers.get("Cookie", ""), "stamp": request.session.get("coatcheck_stamp")})
    for name, parameter in ("Cache-Control", "cc"), ("Vary", "vary"):
        if parameter in request.GET:
            answer[name] = request.GET[parameter]
    return answer


def signin(request):
    if request.method == "GET":
        return HttpResponse("the login page")
    user = authenticate(request, username=request.POST["user"], password=request.POST["password"])
    if user is None:
        return HttpResponse("wrong", status=401)
    login(request, user)
    return HttpResponse("ok")


@require_POST
def signout(request):
    logout(request)
    return HttpResponse("ok")


def write(request):
    request.session["n"] = request.session.get("n", 0) + 1
    return HttpResponse("ok")


urlpatterns = [path(name, view) for name, view in [("me", me), ("signin", signin), ("signin-elsewhere", signin), ("signout", signout), ("write", write)]]


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


if __name__ == "__main__":
    sys.modules["app"] = sys.modules["__main__"]
    call_command("migrate", run_syncdb=True, verbosity=0)
    for pk in 42, 43:
        User.objects.create_user(pk=pk, username=str(pk), password="right")
    make_server("127.0.0.1", int(os.environ["PORT"]), get_wsgi_application(), Server, Quiet).serve_forever()
