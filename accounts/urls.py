"""`/account/`: a person's own page. Signing in and passwords are allauth's, at `/accounts/`."""

from __future__ import annotations

from django.urls import path

from accounts import views

app_name = "accounts"

urlpatterns = [
    path("", views.account, name="account"),
    path("tokens/new/", views.token_create, name="token-create"),
    path("tokens/<uuid:uuid>/revoke/", views.token_revoke, name="token-revoke"),
]
