"""`/account/`: a person's own page. Signing in and passwords are allauth's, at `/accounts/`."""

from __future__ import annotations

from django.urls import path

from accounts import views

app_name = "accounts"

urlpatterns = [
    path("", views.account, name="account"),
    path("sign-in/<slug:key>/connect/", views.way_connect, name="way-connect"),
    path("sign-in/<int:pk>/disconnect/", views.way_disconnect, name="way-disconnect"),
    path("tokens/new/", views.token_create, name="token-create"),
    path("tokens/<uuid:uuid>/revoke/", views.token_revoke, name="token-revoke"),
]
