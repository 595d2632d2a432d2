"""Where allauth asks this site how it does things."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.utils import user_username
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.base.constants import AuthError, AuthProcess
from django.conf import settings
from django.db import IntegrityError, transaction
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from accounts.arriving import welcome
from accounts.fetching import ProviderSession
from accounts.identity_providers import IdentityProvider, identity_provider
from accounts.models import User
from accounts.refusals import SignInRefused, refusal, with_next
from accounts.ways import may_use_password, owners_of_address

if TYPE_CHECKING:
    from allauth.account.models import EmailAddress
    from allauth.socialaccount.models import SocialAccount, SocialLogin
    from allauth.socialaccount.providers.base import Provider
    from django.http import HttpRequest, HttpResponse


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is untyped
    """Accounts of this site: sign-up by `SIGNUP_OPEN`, passwords by `PASSWORD_SIGN_IN`, redirects that stay here."""

    error_messages = DefaultAccountAdapter.error_messages | dict.fromkeys(
        ("email_password_mismatch", "username_password_mismatch"),
        _("That name and that password do not belong together. Check both; capital letters count in a password."),
    )

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Whether strangers may make themselves an account."""
        return bool(settings.SIGNUP_OPEN and settings.PASSWORD_SIGN_IN)

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Whose password this is, if they may use one. Who may not is told no more than somebody who got it wrong."""
        user: User | None = super().authenticate(request, **credentials)
        return user if user is not None and may_use_password(user) else None

    def is_safe_url(self, url: str | None) -> bool:
        """Whether `next` may lead there: only to a path of this site.

        allauth allows other addresses of ours too; a path is all that a link of ours ever needs.
        """
        is_path = bool(url) and str(url).startswith("/")
        return is_path and url_has_allowed_host_and_scheme(url, allowed_hosts=None)

    def post_login(self, request: HttpRequest, user: User, **facts: Any) -> HttpResponse:
        """As allauth's, once whatever waited for this person is theirs."""
        welcome(user, now=timezone.now())
        response: HttpResponse = super().post_login(request, user, **facts)
        return response

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """As allauth's; something may have waited for whoever has this address."""
        is_confirmed = bool(super().confirm_email(request, email_address))
        if is_confirmed:
            welcome(email_address.user, now=timezone.now())
        return is_confirmed

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """As allauth's; who signs out is told where they stay signed in."""
        if message_template == "account/messages/logged_out.txt":
            kwargs["message_context"] = {"provider": _came_by(request)}
        super().add_message(request, level, message_template, *args, **kwargs)

    def format_email_subject(self, subject: str) -> str:
        """With the name of what writes, not of the machine it runs on."""
        return f"[Carrel] {subject.strip()}"


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth is untyped
    """People from institutions: who may come in, as whom, and what they meet when they may not."""

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """The providers of the settings, by key. Rows in the database make none."""
        described = [app for kind in settings.SOCIALACCOUNT_PROVIDERS.items() for app in _apps(*kind)]
        order = list(settings.IDENTITY_PROVIDERS)
        found = [app for app in described if provider in (None, app.provider_id)]
        return sorted(found, key=lambda app: order.index(app.provider_id))

    def list_providers(self, request: HttpRequest) -> list[Provider]:
        """The same as allauth speaks with them, in the order the operator gave them."""
        return [app.get_provider(request) for app in self.list_apps(request)]

    def get_provider(self, request: HttpRequest, provider: str, client_id: str | None = None) -> Provider:
        """The provider of this key. Raises SocialApp.DoesNotExist."""
        return self.get_app(request, provider).get_provider(request)

    def get_requests_session(self) -> ProviderSession:
        """Through which allauth asks providers."""
        return ProviderSession()

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Decide whether whom a provider sent may come in, before anything is done about it."""
        provider = sociallogin.provider.identity
        next_url = sociallogin.state.get("next") or ""
        sociallogin.token = None  # It has told who they are, and is kept nowhere, not even for a moment.
        try:
            _admit(provider, sociallogin)
        except SignInRefused as refused:
            raise ImmediateHttpResponse(refusal(request, provider, refused, next_url=next_url)) from refused
        if _is_new(sociallogin) and owners_of_address(_address(sociallogin)).exists():
            raise ImmediateHttpResponse(_address_taken(request, provider, _address(sociallogin), next_url=next_url))

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Yes: who may not has been refused already."""
        return True

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        """Make the account with all that belongs to it, or nothing.

        Two windows of one new person can come back in the same moment: the later then meets the account that the
        earlier has made. Another person who was given this very name just now leaves it to be found anew.
        """
        try:
            return self._save_whole(request, sociallogin, form)
        except IntegrityError:
            sociallogin.lookup()
            if sociallogin.is_existing:
                found: User = sociallogin.user
                return found
            user_username(sociallogin.user, "")
            return self._save_whole(request, sociallogin, form)

    @transaction.atomic
    def _save_whole(self, request: HttpRequest, sociallogin: SocialLogin, form: Any) -> User:
        user: User = super().save_user(request, sociallogin, form)
        return user

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, str]) -> User:
        """Who a new account is made for, in the provider's words. Later the person's own count."""
        user: User = super().populate_user(request, sociallogin, data)
        user.display_name = data.get("name", "")
        return user

    def get_connect_redirect_url(self, request: HttpRequest, socialaccount: SocialAccount) -> str:
        """Back to where accounts are connected."""
        return reverse("accounts:account")

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Provider,
        error: str = AuthError.UNKNOWN,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        """Answer with a page that says what happened, and a line in the log that says why."""
        state = (extra_context or {}).get("state") or {}
        refused = _refusal_of(request, exception, is_known=bool(state))
        page = refusal(request, provider.identity, refused, next_url=state.get("next") or "")
        raise ImmediateHttpResponse(page)


def _came_by(request: HttpRequest) -> IdentityProvider | None:
    """The provider that somebody signed in with last, in this session."""
    keys = [record.get("provider", "") for record in get_authentication_records(request, request.user)]
    return next((found for key in reversed(keys) if (found := identity_provider(key))), None)


def _apps(kind: str, described: dict[str, Any]) -> list[SocialApp]:
    return [SocialApp(provider=kind, **app) for app in described["APPS"]]


def _is_new(sign_in: SocialLogin) -> bool:
    """Whether an account would be made. One that is being connected has its account already."""
    return not sign_in.is_existing and sign_in.state.get("process") != AuthProcess.CONNECT


def _address(sign_in: SocialLogin) -> str:
    return sign_in.email_addresses[0].email if sign_in.email_addresses else ""


def _admit(provider: IdentityProvider, sign_in: SocialLogin) -> None:
    """Raises SignInRefused for whom the operator does not want by this provider."""
    address = _address(sign_in)
    if provider.email_domains and not address:
        raise SignInRefused("email_missing", "no address that the provider vouches for")
    if not provider.lets_in(address):
        raise SignInRefused("email_domain", f"the address is at {address.rpartition('@')[2]}")
    if _is_new(sign_in) and not provider.makes_accounts:
        raise SignInRefused("no_account", "unknown, and this provider makes no accounts")


def _address_taken(request: HttpRequest, provider: IdentityProvider, address: str, *, next_url: str) -> HttpResponse:
    """Somebody's account has this address. Whether it is theirs they show by its password, and then connect it."""
    connect = with_next(reverse("accounts:way-connect", args=[provider.key]), next_url)
    facts = {
        "provider": provider,
        "address": address,
        "sign_in_url": with_next(reverse("account_login"), connect) if settings.PASSWORD_SIGN_IN else "",
    }
    page = render(request, "accounts/address_taken.html", facts, status=HTTPStatus.CONFLICT)
    add_never_cache_headers(page)
    return page


def _refusal_of(request: HttpRequest, exception: Exception | None, *, is_known: bool) -> SignInRefused:
    """What allauth met, in our codes."""
    if isinstance(exception, SignInRefused):
        return exception
    if exception is not None:
        return SignInRefused("unreadable", type(exception).__name__)
    said = request.GET.get("error", "")
    detail = f"the provider says {said}" if re.fullmatch(r"[a-z_]{1,40}", said) else "the provider does not say why"
    if said == "access_denied":  # Some forget to say which sign-in it was that they did not grant.
        return SignInRefused("cancelled", detail)
    if not is_known:
        return SignInRefused("stale", "this browser did not begin it, or it was ended before")
    if said in ("server_error", "temporarily_unavailable"):
        return SignInRefused("unreachable", detail)
    return SignInRefused("denied" if said else "unreadable", detail)
