"""`/accounts/saml/<provider>/…`."""

from __future__ import annotations

from django.urls import path

from accounts.saml import views

urlpatterns = [
    path("saml/<slug:key>/login/", views.login, name="saml_login"),
    path("saml/<slug:key>/acs/", views.acs, name="saml_acs"),
    path("saml/<slug:key>/acs/finish/", views.finish, name="saml_finish_acs"),
    path("saml/<slug:key>/metadata/", views.metadata, name="saml_metadata"),
]
