"""The page between this site and an identity provider.

A form that is answered with a redirect to another site is stopped by our own `form-action`, and the provider's address
is not known when the page with the form is made. So the form is answered with a page that leads on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from allauth.socialaccount.providers.base.constants import AuthProcess
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

from accounts.refusals import SignInRefused

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from accounts.identity_providers import IdentityProvider


def leave_for(request: HttpRequest, provider: IdentityProvider, url: str) -> HttpResponse:
    """Send the browser there. Raises SignInRefused where the provider's own documents name no web address."""
    if urlsplit(url).scheme not in ("https", "http"):
        raise SignInRefused("unreadable", "the address people are to be sent to is none of the web")
    page = render(request, "accounts/leaving.html", {"provider": provider, "url": url})
    add_never_cache_headers(page)
    return page


def process_of(request: HttpRequest) -> str:
    """Whether somebody wants to sign in, or to connect the account they are signed in with."""
    is_connecting = request.POST.get("process") == AuthProcess.CONNECT and request.user.is_authenticated
    return str(AuthProcess.CONNECT if is_connecting else AuthProcess.LOGIN)
