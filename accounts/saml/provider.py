"""How a person is sent to a SAML provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.socialaccount.providers.saml.provider import SAMLProvider
from django.urls import reverse
from django.utils.http import urlencode

from accounts.claims import SpeaksOfPeople
from accounts.leaving import leave_for, process_of
from accounts.refusals import SignInRefused, refusal
from accounts.saml.answers import ask

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class Provider(SpeaksOfPeople, SAMLProvider):  # type: ignore[misc]  # allauth is untyped
    """allauth's, which asks in our one way."""

    package = "accounts.saml"
    login_view = "saml_login"

    def get_login_url(self, request: HttpRequest, **query: str) -> str:
        """Where a person leaves for it."""
        url = reverse("saml_login", args=[self.app.provider_id])
        return f"{url}?{urlencode(query)}" if query else url

    def get_redirect_from_request_kwargs(self, request: HttpRequest) -> dict[str, Any]:
        """Where to go afterwards, and whether to sign in or to connect."""
        asked = super().get_redirect_from_request_kwargs(request)
        return {"process": process_of(request), "next_url": asked.get("next_url")}

    def redirect(self, request: HttpRequest, process: str, next_url: str | None = None, **kwargs: Any) -> HttpResponse:
        """Send the person to the provider, or tell them why not."""
        try:
            url, question = ask(request, self.identity)
            self.stash_redirect_state(request, process, next_url, state_id=question)
            return leave_for(request, self.identity, url)
        except SignInRefused as refused:
            return refusal(request, self.identity, refused, next_url=next_url or "")


provider_classes = [Provider]
