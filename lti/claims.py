"""What a valid message is. Pure: the claims of a token whose signature has been checked, and the time, as arguments.

The library behind `tool.py` leaves open about half of what is refused here.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import SplitResult, urlsplit

from classes.models import Role
from lti.errors import LtiError
from lti.roles import course_role, is_test_person

LTI = "https://purl.imsglobal.org/spec/lti/claim/"
GRADE_SERVICE = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
ROSTER_SERVICE = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
DEEP_LINKING_CLAIM = "https://purl.imsglobal.org/spec/lti-dl/claim/"
DEEP_LINKING_SETTINGS = f"{DEEP_LINKING_CLAIM}deep_linking_settings"
RESOURCE_LINK = "LtiResourceLinkRequest"
DEEP_LINKING = "LtiDeepLinkingRequest"
LINK = "ltiResourceLink"
VERSION = "1.3.0"

LEEWAY = timedelta(seconds=30)
"""How far apart the clocks may be."""
MAX_AGE = timedelta(minutes=10)
"""How long ago a message may have been made, however long its platform would have it count."""
MAX_IDENTIFIER = 255
MAX_ADDRESS = 1000
MAX_EMAIL = 254
_MAX_NAME, _MAX_TITLE, _MAX_LABEL = 150, 200, 100
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


@dataclass(frozen=True, slots=True)
class Expected:
    """What a message has to agree with: the platform whose login it ends, and where we are."""

    issuer: str
    client_id: str
    public_url: str


@dataclass(frozen=True, slots=True)
class Place:
    """A course, or a place in one, as its platform calls it."""

    id: str
    title: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class DeepLinking:
    """Where what a teacher picks is to be sent, what may be sent, and the platform's own note to go with it."""

    return_url: str
    data: str | None = None
    takes_many: bool = False
    takes_columns: bool = True


@dataclass(frozen=True, slots=True)
class Services:
    """Where the platform can be asked for a course's people and told of its grades; empty where it cannot.

    The addresses are its word: whoever asks there asks through the guard.
    """

    memberships_url: str = ""
    line_items_url: str = ""
    line_item_url: str = ""
    """The column of the very link that was opened."""
    scopes: tuple[str, ...] = ()
    """What may be done with grades."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that may be believed: who comes, as what, from where, to which page of ours."""

    kind: str
    nonce: str
    sub: str
    deployment_id: str
    target: str
    roles: tuple[str, ...]
    name: str = ""
    email: str = ""
    context: Place | None = None
    resource_link: Place | None = None
    deep_linking: DeepLinking | None = None
    custom: Mapping[str, str] = field(default_factory=dict)
    services: Services = field(default_factory=Services)

    @property
    def role(self) -> Role | None:
        """What they are in the class; None is nothing."""
        return course_role(self.roles)

    @property
    def is_test_person(self) -> bool:
        """Whether it is nobody, made up by the platform."""
        return is_test_person(self.roles)


def read_message(claims: Mapping[str, Any], expected: Expected, *, now: datetime) -> Message:
    """The message, if every claim is as it has to be.

    Raises LtiError `message_untrusted` where it is not meant for us, `message_out_of_time`, `message_malformed`,
    `target_elsewhere`, `return_elsewhere` and `picker_takes_nothing`.
    """
    _check_parties(claims, expected)
    _check_times(claims, now)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not nonce or not _can_be_kept(nonce):
        raise LtiError("message_untrusted", detail="nonce missing")
    if claims.get(f"{LTI}version") != VERSION:
        raise LtiError("message_malformed", detail="version missing or wrong")
    kind = claims.get(f"{LTI}message_type")
    if kind not in (RESOURCE_LINK, DEEP_LINKING):
        raise LtiError("message_malformed", detail="message_type missing or unknown")
    context = claims.get(f"{LTI}context")
    return Message(
        kind=kind,
        nonce=nonce,
        sub=identifier(claims.get("sub"), "sub"),
        deployment_id=identifier(claims.get(f"{LTI}deployment_id"), "deployment_id"),
        target=target_on(expected.public_url, claims.get(f"{LTI}target_link_uri")),
        roles=_roles(claims.get(f"{LTI}roles")),
        name=name_of(claims),
        email=words(claims.get("email"), MAX_EMAIL),
        context=_place(context, "context") if context is not None else None,
        resource_link=_place(claims.get(f"{LTI}resource_link"), "resource_link") if kind == RESOURCE_LINK else None,
        deep_linking=_deep_linking(claims, expected) if kind == DEEP_LINKING else None,
        custom=_custom(claims.get(f"{LTI}custom")),
        services=_services(claims.get(GRADE_SERVICE), claims.get(ROSTER_SERVICE)),
    )


def target_on(public_url: str, target: object) -> str:
    """The path and query of an address of ours. Raises LtiError `target_elsewhere`, and `message_malformed`."""
    if not isinstance(target, str) or not target:
        raise LtiError("message_malformed", detail="target_link_uri missing")
    parts, own = _split(target), urlsplit(public_url)
    if parts is None or (parts.scheme.lower(), parts.netloc.lower()) != (own.scheme.lower(), own.netloc.lower()):
        raise LtiError("target_elsewhere", detail="target_link_uri on another host")
    return f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"


def _check_parties(claims: Mapping[str, Any], expected: Expected) -> None:
    """Made by this platform, for us; one for several names us as who asked for it."""
    if claims.get("iss") != expected.issuer:
        raise LtiError("message_untrusted", detail="iss missing or another")
    audience, authorised = claims.get("aud"), claims.get("azp")
    addressed = audience if isinstance(audience, list) else [audience]
    if expected.client_id not in addressed:
        raise LtiError("message_untrusted", detail="aud missing or another")
    if authorised is None and len(addressed) > 1:
        raise LtiError("message_untrusted", detail="several aud and no azp")
    if authorised is not None and authorised != expected.client_id:
        raise LtiError("message_untrusted", detail="azp another")


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    at, leeway = now.timestamp(), LEEWAY.total_seconds()
    expires, issued = _time(claims, "exp"), _time(claims, "iat")
    if expires is None or issued is None:
        raise LtiError("message_out_of_time", detail="exp or iat missing")
    if at >= expires + leeway:
        raise LtiError("message_out_of_time", detail="expired")
    if at >= issued + MAX_AGE.total_seconds() + leeway:
        raise LtiError("message_out_of_time", detail="issued too long ago")
    if max(issued, _time(claims, "nbf") or issued) > at + leeway:
        raise LtiError("message_out_of_time", detail="of the future")


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    try:
        time = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        time = math.nan
    if not math.isfinite(time):
        raise LtiError("message_out_of_time", detail=f"{name} is no time")
    return time


def identifier(value: object, name: str) -> str:
    """An ID as its platform writes it; some write numbers. Raises LtiError `message_malformed`."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_IDENTIFIER or not _can_be_kept(text):
        raise LtiError("message_malformed", detail=f"{name} missing, empty or too long")
    return text


def _can_be_kept(text: str) -> bool:
    """Whether a database takes it: JSON can spell what is no text."""
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _place(value: object, name: str) -> Place:
    if not isinstance(value, Mapping):
        raise LtiError("message_malformed", detail=f"{name} missing or no object")
    return Place(
        identifier(value.get("id"), f"{name}.id"),
        words(value.get("title"), _MAX_TITLE),
        words(value.get("label"), _MAX_LABEL),
    )


def _roles(value: object) -> tuple[str, ...]:
    """There has to be a list; it may be empty."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise LtiError("message_malformed", detail="roles missing")
    return tuple(role for role in value if isinstance(role, str))


def _deep_linking(claims: Mapping[str, Any], expected: Expected) -> DeepLinking:
    settings = claims.get(DEEP_LINKING_SETTINGS)
    if not isinstance(settings, Mapping):
        raise LtiError("message_malformed", detail="deep_linking_settings missing")
    return_url = settings.get("deep_link_return_url")
    if not isinstance(return_url, str) or not return_url:
        raise LtiError("message_malformed", detail="deep_link_return_url missing")
    parts = _split(return_url)
    # A platform that is not on https itself, on somebody's own machine, cannot be asked to return there.
    allowed = ("https", "http") if expected.issuer.startswith("http://") else ("https",)
    if parts is None or parts.scheme not in allowed or not parts.hostname:
        raise LtiError("return_elsewhere", detail="deep_link_return_url is no https address")
    data, accepted = settings.get("data"), settings.get("accept_types")
    if isinstance(data, str) and not _can_be_kept(data):
        raise LtiError("message_malformed", detail="data is no text")
    if not isinstance(accepted, list) or LINK not in accepted:
        raise LtiError("picker_takes_nothing", detail="accept_types has no links")
    return DeepLinking(
        return_url,
        data if isinstance(data, str) else None,
        takes_many=settings.get("accept_multiple") in (True, "true"),
        takes_columns=settings.get("accept_lineitem") not in (False, "false"),
    )


def _services(grades: object, roster: object) -> Services:
    """What is of another form is as good as not offered: a launch works without."""
    grades = grades if isinstance(grades, Mapping) else {}
    roster = roster if isinstance(roster, Mapping) else {}
    scopes = grades.get("scope")
    return Services(
        memberships_url=_address(roster.get("context_memberships_url")),
        line_items_url=_address(grades.get("lineitems")),
        line_item_url=_address(grades.get("lineitem")),
        scopes=tuple(sorted({one for one in scopes if isinstance(one, str)})) if isinstance(scopes, list) else (),
    )


def _address(value: object) -> str:
    """An address of the web; empty for anything else."""
    parts = _split(value) if isinstance(value, str) and len(value) <= MAX_ADDRESS else None
    return str(value) if parts is not None and parts.scheme in ("https", "http") and parts.hostname else ""


def _custom(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        return {}
    return {str(name): text for name, text in value.items() if isinstance(text, str)}


def name_of(claims: Mapping[str, Any]) -> str:
    """What somebody is called, as far as it is said."""
    whole = words(claims.get("name"), _MAX_NAME)
    parts = (words(claims.get(part), _MAX_NAME) for part in ("given_name", "family_name"))
    return whole or " ".join(filter(None, parts))[:_MAX_NAME]


def words(value: object, most: int) -> str:
    """Without what could change how the rest of a page reads; what joins an emoji together may stay."""
    if not isinstance(value, str):
        return ""
    shown = (
        " " if letter.isspace() else letter
        for letter in value
        if letter.isspace() or letter == "\u200d" or unicodedata.category(letter) not in _HIDDEN
    )
    return " ".join("".join(shown).split())[:most]


def _split(url: str) -> SplitResult | None:
    """Its parts; None for what a browser might read in another way than we do."""
    if "\\" in url or any(letter.isspace() or not letter.isprintable() for letter in url):
        return None
    try:
        return urlsplit(url)
    except ValueError:
        return None
