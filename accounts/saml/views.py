"""The addresses of each SAML provider: our metadata, where a person leaves for it, and where they come back.

They come back by a form of another site, which carries no cookie of ours. So what it says is checked at once, kept for
a moment, and taken up by a second request that does carry the cookie. Nothing is kept that the provider has not signed.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import complete_social_login
from allauth.socialaccount.internal import statekit
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.base.utils import respond_to_login_on_get
from allauth.socialaccount.sessions import LoginSession
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.claims import Claims
from accounts.refusals import SignInRefused, refusal
from accounts.saml.answers import own_metadata, read_answer
from accounts.saml.provider import Provider

if TYPE_CHECKING:
    from django.http import HttpRequest

ANSWER_KEPT_SECONDS = 600
_COOKIE = "carrel_saml"


@never_cache
@require_http_methods(["GET", "POST"])
def login(request: HttpRequest, key: str) -> HttpResponse:
    """Ask whether to leave for the provider, and on the form's word send the browser there."""
    provider = _provider(request, key)
    response: HttpResponse = respond_to_login_on_get(request, provider) or provider.redirect_from_request(request)
    return response


@csrf_exempt  # The provider's page sends it. Only an answer to a question of this browser signs anybody in.
@never_cache
@require_POST
def acs(request: HttpRequest, key: str) -> HttpResponse:
    """Check what the provider says, and keep it until the browser asks again."""
    provider = _provider(request, key)
    try:
        answer = read_answer(request, provider.identity)
    except SignInRefused as refused:
        return refusal(request, provider.identity, refused)
    response = redirect("saml_finish_acs", key)
    kept = LoginSession(request, "saml_answer", _COOKIE)
    kept.store["answer"] = {"question": answer.question, "claims": asdict(answer.claims)}
    kept.store.set_expiry(ANSWER_KEPT_SECONDS)
    kept.save(response)
    response.cookies[_COOKIE]["httponly"] = True
    return response


@never_cache
@require_GET
def finish(request: HttpRequest, key: str) -> HttpResponse:
    """Sign in whom the answer is about, if this browser asked the question it answers. Each question is asked once."""
    provider = _provider(request, key)
    kept = LoginSession(request, "saml_answer", _COOKIE)
    answer = kept.store.get("answer")
    kept.delete()
    if answer is None:
        return refusal(request, provider.identity, SignInRefused("stale", "SAML: no answer is kept for this browser"))
    state = statekit.unstash_state(request, provider_id=provider.sub_id, state_id=answer["question"])
    if state is None:
        return refusal(
            request,
            provider.identity,
            SignInRefused("stale", "SAML: this browser did not ask, or it was answered before"),
        )
    sign_in = provider.sociallogin_from_response(request, Claims(**answer["claims"]))
    sign_in.state = state
    response: HttpResponse = complete_social_login(request, sign_in)
    return response


@require_GET
def metadata(request: HttpRequest, key: str) -> HttpResponse:
    """What to give to the people who run the provider."""
    return HttpResponse(
        own_metadata(request, _provider(request, key).identity), content_type="application/samlmetadata+xml"
    )


def _provider(request: HttpRequest, key: str) -> Provider:
    try:
        provider: Any = get_adapter().get_provider(request, key)
    except SocialApp.DoesNotExist:
        raise Http404 from None
    if not isinstance(provider, Provider):
        raise Http404
    return provider
