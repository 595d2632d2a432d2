"""The two addresses of each OpenID Connect provider: where a person leaves for it, and where they come back."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from django.http import Http404, HttpResponse
from django.views.decorators.cache import never_cache

from accounts.openid.provider import OpenIDAdapter, OpenIDProvider

if TYPE_CHECKING:
    from django.http import HttpRequest


class CallbackView(OAuth2CallbackView):  # type: ignore[misc]  # allauth is untyped
    """allauth's, which tells the adapter the nonce this sign-in was begun with."""

    def _get_state(self, request: HttpRequest, provider: Any) -> tuple[dict[str, Any] | None, HttpResponse | None]:
        state, response = super()._get_state(request, provider)
        if state is not None:
            # Without one nothing that comes back could match.
            self.adapter.nonce = state.get("nonce") or secrets.token_urlsafe()
        return state, response


@never_cache
def login(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Ask whether to leave for the provider, and on the form's word send the browser there."""
    return _answer(OAuth2LoginView, request, provider_id)


@never_cache
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Take what the provider sent the browser back with, and sign the person in."""
    return _answer(CallbackView, request, provider_id)


def _answer(view: type[Any], request: HttpRequest, provider_id: str) -> HttpResponse:
    adapter = OpenIDAdapter(request, provider_id)
    try:
        is_ours = isinstance(adapter.get_provider(), OpenIDProvider)
    except SocialApp.DoesNotExist:
        is_ours = False
    if not is_ours:
        raise Http404
    response: HttpResponse = view.adapter_view(adapter)(request)
    return response
