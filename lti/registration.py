"""Dynamic registration: an administrator over there pastes one address, and their platform waits here for approval.

Whoever opens that address is a stranger, and all that is said is their word. So nothing is believed of a platform that
has registered itself before whoever runs this Carrel has approved it; everything it names has to be where its issuer
is; and there is a bound to how many wait. Why so is in `docs/decisions/registration.md`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.db.models import Q

from environments.errors import EnvironmentsError
from environments.references import http
from lti import audit
from lti.addresses import is_ours, origin
from lti.errors import LtiError, LtiFailure
from lti.limits import Registrations, RegistrationsAtHost
from lti.models import MAX_IDENTIFIER, Platform
from lti.models.platform import MAX_ADDRESS
from lti.services import LINE_ITEM, LINE_ITEM_READ, MEMBERS, RESULT, SCORE
from lti.targets import CONTEXT_HISTORY, LINK_HISTORY

WAITS = timedelta(days=30)
"""How long one waits for approval before it is forgotten."""
MAX_WAITING = 30
MAX_WAITING_AT_A_HOST = 3
MAX_TOKEN_LETTERS = 10_000

TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"
PLATFORM = "https://purl.imsglobal.org/spec/lti-platform-configuration"
SCOPES = (LINE_ITEM, LINE_ITEM_READ, RESULT, SCORE, MEMBERS)
CLAIMS = ("iss", "sub", "name", "given_name", "family_name", "email")
CUSTOM = {CONTEXT_HISTORY: "$Context.id.history", LINK_HISTORY: "$ResourceLink.id.history"}
"""What a copied course was copied from, where a platform can tell."""
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri", "registration_endpoint")


@dataclass(frozen=True, slots=True, repr=False)
class Offer:
    """What a platform opens our address with: where it describes itself, and what admits us to its registration."""

    configuration_url: str
    token: str

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Offer:
        """From the parameters of the request. Raises LtiError `registration_malformed`."""
        url, token = given.get("openid_configuration", ""), given.get("registration_token", "")
        if not url or not token:
            raise LtiError("registration_malformed", detail="openid_configuration or registration_token missing")
        if not _can_be_sent(token):
            raise LtiError("registration_malformed", detail="registration_token cannot be one")
        if origin(url) is None:
            raise LtiError("registration_malformed", detail="openid_configuration is no address")
        return cls(url, token)

    @property
    def origin(self) -> str:
        """Where the platform is."""
        return origin(self.configuration_url) or ""

    @property
    def host(self) -> str:
        """The same, as people call it."""
        return urlsplit(self.origin).netloc


@dataclass(frozen=True, slots=True)
class Announced:
    """What a platform says of itself, as far as it may be so."""

    issuer: str
    auth_login_url: str
    token_url: str
    jwks_url: str
    registration_url: str
    product: str = ""


@dataclass(frozen=True, slots=True)
class Registered:
    """What came of it. One that was here before is left as it was."""

    platform: Platform
    is_new: bool


def register(offer: Offer, *, public_url: str, now: datetime) -> Registered:
    """Have the platform know us, and have it wait here for approval.

    Raises LtiError `registration_elsewhere`, `registration_refused` and `registration_crowded`, and LtiFailure
    `registration_unreachable`; then nothing is kept here.
    """
    _check_pace(offer, now=now)
    announced = _announced(offer)
    _check_room(offer, now=now)
    client_id, deployment_id = _registered_there(announced, offer, public_url=public_url)
    return _keep(announced, client_id, deployment_id, host=offer.host, now=now)


def description(public_url: str) -> dict[str, Any]:
    """What we say of ourselves, as Moodle and others want it."""
    launch, domain = f"{public_url}/lti/launch/", urlsplit(public_url).netloc
    return {
        "application_type": "web",
        "response_types": ["id_token"],
        "grant_types": ["implicit", "client_credentials"],
        "initiate_login_uri": f"{public_url}/lti/login/",
        "redirect_uris": [launch],
        "client_name": "Carrel",
        "client_uri": public_url,
        "logo_uri": f"{public_url}/static/icons/logo.svg",
        "jwks_uri": f"{public_url}/lti/keys.json",
        "token_endpoint_auth_method": "private_key_jwt",
        "id_token_signed_response_alg": "RS256",
        "scope": " ".join(SCOPES),
        TOOL: {
            # With its port: Moodle compares it with the host of the target, letter by letter.
            "domain": domain,
            "description": "Notebooks that run in the browser, with their lessons and assignments.",
            "target_link_uri": launch,
            "custom_parameters": CUSTOM,
            "claims": list(CLAIMS),
            "messages": [
                {"type": "LtiDeepLinkingRequest", "target_link_uri": f"{public_url}/lti/pick/", "label": "Carrel"}
            ],
        },
    }


def forget_waiting(*, now: datetime) -> None:
    """Remove those that nobody has approved in time."""
    _waiting().filter(created_at__lte=now - WAITS).delete()


def _announced(offer: Offer) -> Announced:
    """What stands where it describes itself, all of it of one place."""
    url = offer.configuration_url
    ask = partial(http.get, url, headers=_JSON, follow=False, is_our_own=is_ours(url))
    said = _document(_asked(ask, offer), offer)
    issuer = said.get("issuer")
    if not isinstance(issuer, str) or not _is_issuer(issuer) or origin(issuer) != offer.origin:
        raise LtiError("registration_elsewhere", host=offer.host, detail="issuer missing or elsewhere")
    for name in _ENDPOINTS:
        address = said.get(name)
        if not isinstance(address, str) or len(address) > MAX_ADDRESS or origin(address) != offer.origin:
            raise LtiError("registration_elsewhere", host=offer.host, detail=f"{name} missing or elsewhere")
    described = said.get(PLATFORM)
    facts = cast("dict[str, Any]", described) if isinstance(described, dict) else {}
    return Announced(
        issuer=issuer,
        auth_login_url=said["authorization_endpoint"],
        token_url=said["token_endpoint"],
        jwks_url=said["jwks_uri"],
        registration_url=said["registration_endpoint"],
        product=_words(f"{facts.get('product_family_code', '')} {facts.get('version', '')}")[:80],
    )


def _registered_there(announced: Announced, offer: Offer, *, public_url: str) -> tuple[str, str]:
    """Our client ID there, and the first deployment, if it names one."""
    body = json.dumps(description(public_url)).encode()
    headers = _JSON | {"Content-Type": "application/json", "Authorization": f"Bearer {offer.token}"}
    url = announced.registration_url
    ask = partial(http.send, "POST", url, body=body, headers=headers, is_our_own=is_ours(url))
    said = _document(_asked(ask, offer), offer)
    client_id = said.get("client_id")
    if not isinstance(client_id, str) or not _can_be_kept(client_id):
        raise LtiError("registration_refused", host=offer.host, detail="client_id missing")
    told = said.get(TOOL)
    deployment_id = told.get("deployment_id") if isinstance(told, dict) else None
    return client_id, deployment_id if isinstance(deployment_id, str) and _can_be_kept(deployment_id) else ""


def _keep(announced: Announced, client_id: str, deployment_id: str, *, host: str, now: datetime) -> Registered:
    found = Platform.objects.filter(issuer=announced.issuer, client_id=client_id)
    if (known := found.first()) is not None:
        return Registered(known, is_new=False)
    platform = Platform(
        name=host[:120],
        issuer=announced.issuer,
        client_id=client_id,
        auth_login_url=announced.auth_login_url,
        token_url=announced.token_url,
        jwks_url=announced.jwks_url,
        product=announced.product,
        has_registered_itself=True,
        created_at=now,
    )
    try:
        with transaction.atomic():
            platform.save()
            if deployment_id:
                platform.deployments.create(deployment_id=deployment_id, created_at=now)
            audit.note("platform_registered", platform=platform, now=now)
    except IntegrityError:
        # In this moment, by the same one.
        return Registered(found.get(), is_new=False)
    return Registered(platform, is_new=True)


def _check_pace(offer: Offer, *, now: datetime) -> None:
    """Hold back whoever has us ask around too often."""
    for limit in (RegistrationsAtHost(offer.host, now=now), Registrations("", now=now)):
        if limit.seconds_to_wait():
            raise LtiError("registration_crowded", detail=f"more than {limit.rate} ({limit.scope})")


def _check_room(offer: Offer, *, now: datetime) -> None:
    """Before the platform is told of us: nothing over there is to point to what is not kept here."""
    waiting = _waiting().filter(created_at__gt=now - WAITS)
    here = Q(issuer=offer.origin) | Q(issuer__startswith=f"{offer.origin}/")
    if waiting.count() >= MAX_WAITING or waiting.filter(here).count() >= MAX_WAITING_AT_A_HOST:
        raise LtiError("registration_crowded", detail="too many wait for approval")


def _waiting() -> Any:
    return Platform.objects.filter(state=Platform.State.PENDING, has_registered_itself=True)


_JSON = {"Accept": "application/json"}


def _asked(ask: Any, offer: Offer) -> http.Answer:
    """The platform's answer. Whoever opened our address is not told why there is none: it is no window to a network."""
    try:
        return cast("http.Answer", ask())
    except EnvironmentsError as error:
        raise LtiFailure("registration_unreachable", host=offer.host, detail=str(error)) from error


def _document(answer: http.Answer, offer: Offer) -> dict[str, Any]:
    """The JSON object of an answer that is a success."""
    if answer.status not in (200, 201):
        raise LtiError("registration_refused", host=offer.host, detail=f"{answer.url}: HTTP status {answer.status}")
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise LtiError("registration_refused", host=offer.host, detail=f"{answer.url}: no JSON object")
    return cast("dict[str, Any]", document)


def _is_issuer(text: str) -> bool:
    """An issuer is the beginning of an address, and compared letter by letter ever after."""
    return _can_be_kept(text) and not any(mark in text for mark in "?# ")


def _can_be_kept(text: str) -> bool:
    return 0 < len(text) <= MAX_IDENTIFIER and text.isprintable() and text == text.strip()


def _can_be_sent(token: str) -> bool:
    return len(token) <= MAX_TOKEN_LETTERS and token.isascii() and token.isprintable() and " " not in token


def _words(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
