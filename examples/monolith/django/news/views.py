from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST


def news(request):
    return render(request, "news.html")


@login_required
def cart(request):
    return render(request, "cart.html")


@login_required
def profile(request):
    return render(request, "profile.html")


# Other pages of this host have the same form, without Django's token. No other site can
# send it in a user's name, because the session's cookie is SameSite=Lax.
@csrf_exempt
@require_POST
def log_out(request):
    logout(request)
    return redirect("/news")
