"""How a person is sent to an OpenID Connect provider, and how its answer is had and checked."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, cast

import requests
from allauth.socialaccount.providers.oauth2.client import OAuth2Client, OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter

from accounts.claims import SpeaksOfPeople, read_claims
from accounts.fetching import ProviderSession, describe
from accounts.identity_providers import OpenID
from accounts.leaving import leave_for, process_of
from accounts.openid.tokens import discover, read_id_token
from accounts.refusals import SignInRefused, refusal

if TYPE_CHECKING:
    from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
    from django.http import HttpRequest, HttpResponse


class _Client(OAuth2Client):  # type: ignore[misc]  # allauth is untyped
    """allauth's, for providers whose own address has a query too, as that of Azure B2C names its policy there."""

    def get_redirect_url(self, authorization_url: str, scope: list[str], extra_params: dict[str, str]) -> str:
        """Where to send the browser."""
        asked: str = super().get_redirect_url("", scope, extra_params)
        return f"{authorization_url}&{asked[1:]}" if "?" in authorization_url else f"{authorization_url}{asked}"


class OpenIDAdapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]  # allauth is untyped
    """Asks the provider, and believes only what it signed for this very sign-in."""

    client_class = _Client
    nonce = ""

    @property
    def openid_config(self) -> dict[str, Any]:
        """The provider's own document."""
        return discover(self.get_provider().protocol)

    @property
    def basic_auth(self) -> bool:
        """How we show our secret: in a header, which is the rule, unless the provider also takes it in the form."""
        methods = self.openid_config.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return "client_secret_post" not in methods

    def get_access_token_data(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """What the code is worth. Raises SignInRefused, without the provider's words, which may hold a token."""
        issuer = self.request.GET.get("iss")
        if issuer is not None and issuer != self.openid_config["issuer"]:
            raise SignInRefused("untrusted", "the code came from another issuer")
        try:
            answer = super().get_access_token_data(*args, **kwargs)
        except OAuth2Error as error:
            raise SignInRefused("untrusted", "the provider did not accept the code") from error
        except requests.RequestException as error:
            raise SignInRefused("unreachable", f"token endpoint: {describe(error)}") from error
        if not isinstance(answer, dict) or not isinstance(answer.get("id_token"), str):
            raise SignInRefused("unreadable", "token endpoint: no ID token")
        return answer

    def complete_login(self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any) -> SocialLogin:
        """Who signed in. Raises SignInRefused."""
        provider: OpenIDProvider = self.get_provider()
        said = read_id_token(kwargs["response"]["id_token"], protocol=provider.protocol, nonce=self.nonce)
        if "userinfo_endpoint" in self.openid_config:
            said = self._with_user_info(said, token.token)
        claims = read_claims(provider.identity, said, is_email_confirmed=said.get("email_verified") in (True, "true"))
        return provider.sociallogin_from_response(request, claims)

    def _with_user_info(self, said: dict[str, Any], access_token: str) -> dict[str, Any]:
        """More about the same person; who it is stays with the ID token, which is signed."""
        try:
            with ProviderSession() as session:
                response = session.get(
                    self.openid_config["userinfo_endpoint"], headers={"Authorization": f"Bearer {access_token}"}
                )
                response.raise_for_status()
                more = response.json()
        except requests.JSONDecodeError:
            raise SignInRefused("unreadable", "userinfo endpoint: not JSON") from None
        except requests.RequestException as error:
            raise SignInRefused("unreachable", f"userinfo endpoint: {describe(error)}") from error
        if not isinstance(more, dict) or more.get("sub") != said["sub"]:
            raise SignInRefused("untrusted", "userinfo endpoint: it speaks of somebody else")
        return more | said


class OpenIDProvider(SpeaksOfPeople, OpenIDConnectProvider):  # type: ignore[misc]  # allauth is untyped
    """allauth's, with a nonce beside PKCE, and nothing that the browser can add to the request."""

    package = "accounts.openid"
    login_view = "openid_connect_login"
    oauth2_adapter_class = OpenIDAdapter

    @property
    def protocol(self) -> OpenID:
        """How it is spoken with."""
        return cast("OpenID", self.identity.protocol)

    def get_redirect_from_request_kwargs(self, request: HttpRequest) -> dict[str, Any]:
        """Where to go afterwards, and whether to sign in or to connect."""
        asked = super().get_redirect_from_request_kwargs(request)
        return {"process": process_of(request), "next_url": asked.get("next_url")}

    def redirect(self, request: HttpRequest, process: str, next_url: str | None = None, **kwargs: Any) -> HttpResponse:
        """Send the person to the provider, or tell them why not."""
        nonce = secrets.token_urlsafe(32)
        try:
            response = super().redirect(
                request, process, next_url, nonce=nonce, scope=self.protocol.scopes, auth_params={"nonce": nonce}
            )
            return leave_for(request, self.identity, response.url)
        except SignInRefused as refused:
            return refusal(request, self.identity, refused, next_url=next_url or "")


provider_classes = [OpenIDProvider]
