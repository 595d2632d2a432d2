"""`/accounts/oidc/<provider>/…`. The names are allauth's, which its own code looks for."""

from __future__ import annotations

from django.urls import path

from accounts.openid import views

urlpatterns = [
    path("oidc/<slug:provider_id>/login/", views.login, name="openid_connect_login"),
    path("oidc/<slug:provider_id>/login/callback/", views.callback, name="openid_connect_callback"),
]
