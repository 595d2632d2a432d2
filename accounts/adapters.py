"""Where allauth asks this site how it does things."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.utils.http import url_has_allowed_host_and_scheme

if TYPE_CHECKING:
    from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is untyped
    """Accounts of this site: sign-up by `SIGNUP_OPEN`, and redirects that never leave the site."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Whether strangers may make themselves an account."""
        return bool(settings.SIGNUP_OPEN)

    def is_safe_url(self, url: str | None) -> bool:
        """Whether `next` may lead there: only to a path of this site.

        allauth allows other addresses of ours too; a path is all that a link of ours ever needs.
        """
        is_path = bool(url) and str(url).startswith("/")
        return is_path and url_has_allowed_host_and_scheme(url, allowed_hosts=None)

    def format_email_subject(self, subject: str) -> str:
        """With the name of what writes, not of the machine it runs on."""
        return f"[Carrel] {subject.strip()}"
