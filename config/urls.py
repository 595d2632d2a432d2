"""Every address of Carrel's own origin."""

from django.contrib import admin
from django.urls import include, path

from accounts.views import sign_in_again
from config import views
from config.exchange_package import exchange_package

handler400 = "config.errors.bad_request"
handler403 = "config.errors.permission_denied"
handler404 = "config.errors.page_not_found"
handler500 = "config.errors.server_error"

urlpatterns = [
    path("", include("environments.urls")),
    path("classes/<slug:slug>/assignments/", include("assignments.urls")),
    path("classes/", include("classes.urls")),
    path("lti/", include("lti.urls")),
    path("account/", include("accounts.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/", include("accounts.openid.urls")),
    path("accounts/", include("accounts.saml.urls")),
    # allauth's name: where it sends whoever cannot be given an account without a word of theirs.
    path("accounts/", include([path("again/", sign_in_again, name="socialaccount_signup")])),
    path("admin/", admin.site.urls),
    path("api/v1/", include("config.api_urls")),
    path("badge_logo.svg", views.badge, name="badge"),
    path("badge.svg", views.badge, name="badge-of-old"),
    path("carrel-exchange.zip", exchange_package, name="exchange-package"),
    path("versions", views.versions, name="versions"),
    path("health", views.health, name="health"),
    path("preferences/", views.preferences, name="preferences"),
    path("styleguide/", views.styleguide, name="styleguide"),
]
