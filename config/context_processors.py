"""What every page knows: the reader's theme, and where its own links lead."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

THEME_COOKIE = "carrel_theme"
THEMES = (
    ("auto", _("As your system"), "circle-half"),
    ("light", _("Light"), "sun"),
    ("dark", _("Dark"), "moon"),
)
"""Value, words and icon of each theme; the first is the default."""
HOME_SECTIONS = ("classes/_on_home.html",)
"""What the apps above `environments` put at the top of the first page, one template each."""
ACCOUNT_SECTIONS = ("lti/_on_account.html",)
"""What the apps above `accounts` add to a person's own page, one template each."""
STATUS_LINKS = ("lti/_on_status.html",)
"""The same at the top of the operator's page."""


def site(request: HttpRequest) -> dict[str, Any]:
    """The variables of `base.html`."""
    return {
        "theme": theme_of(request),
        "themes": THEMES,
        "preferences_url": reverse("preferences"),
        "account_url": reverse("accounts:account"),
        "signup_open": settings.SIGNUP_OPEN and settings.PASSWORD_SIGN_IN,
        "has_passwords": settings.PASSWORD_SIGN_IN,
        "home_sections": HOME_SECTIONS,
        "account_sections": ACCOUNT_SECTIONS,
        "status_links": STATUS_LINKS,
        "site_credits": settings.SITE_CREDITS,
        "site_links": settings.SITE_LINKS,
        "demo_lms_url": settings.DEMO_LMS_URL,
    }


def theme_of(request: HttpRequest) -> str:
    """The theme the reader chose, or `auto`."""
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    return chosen if chosen in {value for value, _words, _icon in THEMES} else THEMES[0][0]
