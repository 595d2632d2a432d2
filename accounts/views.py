"""The account page: who you are here, how you sign in, and the tokens you gave to programs."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from uuid import UUID

from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import complete_social_login
from allauth.socialaccount.internal.flows.signup import get_pending_signup
from allauth.socialaccount.models import SocialAccount
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from accounts.forms import ProfileForm, TokenForm
from accounts.identity_providers import identity_provider
from accounts.models import ApiToken, User
from accounts.tokens import create_token
from accounts.ways import LastWay, Way, disconnect, has_password, is_last_way, may_use_password, ways_of

if TYPE_CHECKING:
    from django.http import HttpRequest

    class AuthenticatedRequest(HttpRequest):
        """A request of somebody who is signed in."""

        user: User


_FORM_KEY = "token_form"


@login_required
@require_http_methods(["GET", "POST"])
def account(request: AuthenticatedRequest) -> HttpResponse:
    """Show and change what this person told us about themselves; list their tokens."""
    # A copy to change: the page around a form with errors still greets them by the name they have.
    person = User.objects.get(pk=request.user.pk)
    form = ProfileForm(request.POST or None, instance=person)
    if request.method == "POST" and form.is_valid():
        form.save()
        with override(person.language or get_language()):
            messages.success(request, _("Saved."))
        return redirect("accounts:account")
    now = timezone.now()
    tokens = [
        (token, token.expiry <= now) for token in ApiToken.objects.filter(user=request.user).select_related("group")
    ]
    facts = {
        "form": form,
        "tokens": tokens,
        "ways": ways_of(request.user),
        "may_use_password": may_use_password(request.user),
        "has_password": has_password(request.user),
    }
    return render(request, "accounts/account.html", facts)


@login_required
@require_GET
def way_connect(request: AuthenticatedRequest, key: str) -> HttpResponse:
    """Ask whether to connect an account at a provider; the form leads there."""
    provider = identity_provider(key)
    if provider is None:
        raise Http404
    spoken = get_adapter().get_provider(request, key)
    facts = {
        "provider": provider,
        "action": reverse(spoken.login_view, args=[key]),
        "next_url": get_next_redirect_url(request) or reverse("accounts:account"),
    }
    return render(request, "accounts/way_connect.html", facts)


@login_required
@require_http_methods(["GET", "POST"])
def way_disconnect(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Ask, and on the second word forget the account at a provider, unless it is the last way in."""
    connected = get_object_or_404(SocialAccount, pk=pk, user=request.user)
    provider = identity_provider(connected.provider)
    if provider is None:
        raise Http404
    if request.method == "POST":
        try:
            disconnect(connected)
        except LastWay:
            return redirect("accounts:way-disconnect", pk)
        messages.success(request, _("%(name)s is no longer connected.") % {"name": provider.name})
        return redirect("accounts:account")
    facts = {
        "way": Way(provider, connected),
        "is_last": is_last_way(connected),
        "may_use_password": may_use_password(request.user),
    }
    return render(request, "accounts/way_disconnect.html", facts)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def token_create(request: AuthenticatedRequest) -> HttpResponse:
    """Make a token and show its secret in the answer to the form: the only time anybody sees it.

    Showing it after a redirect would mean to keep it somewhere until then. Sending the form again, as
    reloading the answer does, makes no second token.
    """
    form = TokenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        key = request.session.pop(_FORM_KEY, None)
        if key is None or not secrets.compare_digest(key, request.POST.get("key", "")):
            messages.info(request, _("That form was used already, so nothing new was made."))
            return redirect("accounts:account")
        token, secret = create_token(request.user, now=timezone.now(), **form.cleaned_data)
        return render(request, "accounts/token_created.html", {"token": token, "secret": secret})
    request.session[_FORM_KEY] = key = secrets.token_urlsafe(16)
    return render(request, "accounts/token_create.html", {"form": form, "key": key})


@login_required
@require_http_methods(["GET", "POST"])
def token_revoke(request: AuthenticatedRequest, uuid: UUID) -> HttpResponse:
    """Ask, and on the second word take the token back for good."""
    token = get_object_or_404(ApiToken, uuid=uuid, user=request.user)
    if request.method == "POST":
        token.delete()
        messages.success(request, _("The token “%(name)s” no longer works.") % {"name": token.name})
        return redirect("accounts:account")
    return render(request, "accounts/token_revoke.html", {"token": token})


@never_cache
@require_GET
def sign_in_again(request: HttpRequest) -> HttpResponse:
    """Take up the sign-in of somebody whose address came to belong to an account while they were being let in.

    Mostly that account is their own, made by another window of theirs in the same moment. Otherwise the page about
    addresses that are taken answers.
    """
    sign_in = get_pending_signup(request)
    response: HttpResponse = complete_social_login(request, sign_in) if sign_in else redirect("account_login")
    return response
