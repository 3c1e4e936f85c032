from django.contrib.auth.views import LoginView
from django.urls import path

from . import views

urlpatterns = [
    path("", views.news),
    path("news", views.news),
    path("cart", views.cart),
    path("profile", views.profile),
    path("login", LoginView.as_view()),
    path("logout", views.log_out),
]
