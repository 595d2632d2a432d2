"""Going through sign-in at an identity provider, as a browser would, and the providers to go to.

`provider-mock` and pysaml2's are programs of others, run as processes of their own; `OpenIDProvider` is ours, which can
be made to lie. The browser's part towards Carrel is Django's test client, towards the provider it is httpx.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from html import unescape
from http.cookies import SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import httpx
from django.test import Client
from pytest_django import Settings

from accounts.identity_providers import (
    OPENID_ATTRIBUTES,
    SAML_ATTRIBUTES,
    IdentityProvider,
    OpenID,
    Saml,
    allauth_providers,
)
from tests.fakes.openid_provider import CLIENT_ID, CLIENT_SECRET
from tests.stack import free_port, wait_until

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

STARTING_SECONDS = 30.0


def use_providers(settings: Settings, *providers: IdentityProvider) -> None:
    """Let exactly these sign people in, for one test."""
    settings.IDENTITY_PROVIDERS = {provider.key: provider for provider in providers}
    settings.SOCIALACCOUNT_PROVIDERS = allauth_providers(settings.IDENTITY_PROVIDERS)


def openid(issuer: str, key: str = "university", **facts: Any) -> IdentityProvider:
    """The provider at this address, as settings would describe it."""
    protocol = OpenID(f"{issuer}/.well-known/openid-configuration", issuer, CLIENT_ID, CLIENT_SECRET)
    described = IdentityProvider(key=key, name="The University", protocol=protocol, attributes=OPENID_ATTRIBUTES)
    return replace(described, **facts)


def saml(metadata_url: str = "", key: str = "partner", metadata: str = "", **facts: Any) -> IdentityProvider:
    """The provider with this metadata, as settings would describe it."""
    described = IdentityProvider(
        key=key,
        name="The Partner",
        protocol=Saml(metadata_url, metadata),
        attributes=SAML_ATTRIBUTES,
        is_email_trusted=True,
    )
    return replace(described, **facts)


def leave(client: Client, provider: IdentityProvider, query: str = "", **fields: str) -> str:
    """Press the provider's button. Returns the address the browser is sent on to."""
    page = client.post(f"{login_path(provider)}{query}", fields)
    assert page.status_code == 200, page.content.decode()
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', page.content.decode())
    assert found is not None
    return unescape(found[1])


def login_path(provider: IdentityProvider) -> str:
    """Where the provider's button leads."""
    kind = "saml" if isinstance(provider.protocol, Saml) else "oidc"
    return f"/accounts/{kind}/{provider.key}/login/"


def path_of(url: str) -> str:
    """A whole address of this site, as its path and query."""
    parts = urlsplit(url)
    assert parts.netloc == "testserver", url
    return f"{parts.path}?{parts.query}"


def come_back(client: Client, url: str) -> Response:
    """Follow the provider's answer to where it leads here."""
    response: Response = client.get(path_of(url))
    return response


@contextmanager
def running(*command: str, url: str) -> Iterator[str]:
    """A program of others that answers at this address, ended afterwards."""
    with subprocess.Popen(
        [sys.executable, *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_until(lambda: _answers(url) or process.poll() is not None, seconds=STARTING_SECONDS, why=command[-1])
            assert process.poll() is None, f"{command} ended with {process.returncode}"
            yield url
        finally:
            process.terminate()
            process.wait(10)


def provider_mock() -> Any:
    """`oidc-provider-mock`, as a process on a free port; a context manager that gives its issuer."""
    port = str(free_port())
    return running("-m", "oidc_provider_mock", "--port", port, "--require-nonce", url=f"http://127.0.0.1:{port}")


def saml_provider(service_metadata: Path, port: int | None = None) -> Any:
    """pysaml2's provider for a service with this metadata, as a process; a context manager that gives its address."""
    port = port or free_port()
    command = ("-m", "tests.fakes.saml_provider", str(port), str(service_metadata))
    return running(*command, url=f"http://127.0.0.1:{port}")


def answer_by_saml(url: str, username: str = "ada", fault: str = "") -> str:
    """What pysaml2's provider says of whoever gives this name there: a SAMLResponse."""
    parts = urlsplit(url)
    asked = dict(parse_qsl(parts.query)) | {"username": username, "fault": fault}
    page = httpx.post(f"{parts.scheme}://{parts.netloc}{parts.path}", data=asked).text
    found = re.search(r'name="SAMLResponse" value="([^"]+)"', page)
    assert found is not None, page
    return found[1]


def post_back(client: Client, provider: IdentityProvider, answer: str) -> Response:
    """Bring a SAMLResponse here as the provider's page does, without a cookie, and go on as the browser does."""
    kept, client.cookies = client.cookies, SimpleCookie()
    response: Response = client.post(
        f"/accounts/saml/{provider.key}/acs/",
        {"SAMLResponse": answer},
        headers={"origin": "https://idp.example", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
    )
    kept.update(client.cookies)
    client.cookies = kept
    if response.status_code != 302:
        return response
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    followed: Response = client.get(response["Location"], headers=headers)
    return followed


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code < 500
    except httpx.HTTPError:
        return False
