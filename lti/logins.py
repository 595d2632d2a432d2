"""Beginning a login, and ending it once: what makes a launch one that this browser began, at this platform."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from urllib.parse import urlencode, urlsplit

from lti.claims import target_on
from lti.errors import LtiError
from lti.limits import LoginsOfAddress, LoginsOfPlatform, network_of
from lti.models import Handover, JoinOffer, LoginAttempt, Picking, Platform

LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """What a platform says when it sends somebody, as it says it."""

    issuer: str
    login_hint: str
    target_link_uri: str
    client_id: str = ""
    message_hint: str | None = None

    @classmethod
    def read(cls, given: Mapping[str, str]) -> LoginRequest:
        """From the parameters of the request."""
        return cls(
            issuer=given.get("iss", ""),
            login_hint=given.get("login_hint", ""),
            target_link_uri=given.get("target_link_uri", ""),
            client_id=given.get("client_id", ""),
            message_hint=given.get("lti_message_hint"),
        )


def platform_of(asked: LoginRequest, *, public_url: str) -> Platform:
    """The platform that sends somebody, if it may.

    Raises LtiError `login_malformed`, `platform_unknown`, `platform_inactive` and `target_elsewhere`.
    """
    for name, value in (("iss", asked.issuer), ("login_hint", asked.login_hint), ("target", asked.target_link_uri)):
        if not value or "\x00" in value:
            raise LtiError("login_malformed", detail=f"{name} missing")
    known = _named(asked)
    if len(known) != 1:
        detail = "more than one of this issuer, and no client_id" if known else "no such issuer and client_id"
        raise LtiError("platform_unknown", detail=detail)
    check_active(known[0])
    target_on(public_url, asked.target_link_uri)
    return known[0]


def check_active(platform: Platform) -> None:
    """Raise LtiError `platform_inactive` where nothing the platform says is believed."""
    if not platform.is_active:
        raise LtiError("platform_inactive", platform=platform.name, detail=platform.state)


def check_pace(platform: Platform, *, address: str, now: datetime) -> None:
    """Count a login that somebody at this address begins: whoever knows a platform's name may, and each is a row.

    Raises LtiError `login_throttled`.
    """
    for limit in (LoginsOfAddress(network_of(address), now=now), LoginsOfPlatform(str(platform.pk), now=now)):
        if seconds := limit.seconds_to_wait():
            raise LtiError("login_throttled", detail=f"more than {limit.rate} ({limit.scope})", seconds=seconds)


def begin(platform: Platform, asked: LoginRequest, *, browser: str, redirect_uri: str, now: datetime) -> str:
    """Note that this browser begins, and return where to send it: to the platform, to be told who it is."""
    state, nonce = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    LoginAttempt.objects.create(
        platform=platform,
        state_hash=fingerprint(state),
        nonce_hash=fingerprint(nonce),
        browser_hash=fingerprint(browser),
        expires_at=now + LIFETIME,
    )
    query = {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": platform.client_id,
        "redirect_uri": redirect_uri,
        "login_hint": asked.login_hint,
        "state": state,
        "nonce": nonce,
    }
    if asked.message_hint is not None:
        query["lti_message_hint"] = asked.message_hint
    joined = "&" if urlsplit(platform.auth_login_url).query else "?"
    return f"{platform.auth_login_url}{joined}{urlencode(query)}"


def begun(state: str, *, browser: str, now: datetime) -> LoginAttempt:
    """The login that this browser began and has not ended. Raises LtiError `cookie_missing` and `login_stale`.

    It is looked at only; `end` alone decides whose it is.
    """
    if not state:
        raise LtiError("login_stale", detail="state missing")
    if not browser:
        raise LtiError("cookie_missing", detail="no cookie of this browser")
    open_ones = LoginAttempt.objects.filter(used_at=None, expires_at__gt=now).select_related("platform")
    attempt = open_ones.filter(state_hash=fingerprint(state), browser_hash=fingerprint(browser)).first()
    if attempt is None:
        raise LtiError("login_stale", detail="state unknown, used, expired or of another browser")
    return attempt


def platform_behind(state: str) -> Platform | None:
    """Where a login began, whatever became of it: nothing that comes with this state is believed for it."""
    found = LoginAttempt.objects.filter(state_hash=fingerprint(state)).select_related("platform").first()
    return found.platform if found else None


def platform_named(asked: LoginRequest) -> Platform | None:
    """The platform that somebody says has sent them, in use or not, if it can be only one."""
    known = _named(asked)
    return known[0] if len(known) == 1 else None


def end(attempt: LoginAttempt, *, nonce: str, browser: str, now: datetime) -> None:
    """Use it up, in one step: of two who try, one gets LtiError `login_stale`; so does whoever has another nonce."""
    used = LoginAttempt.objects.filter(
        pk=attempt.pk,
        platform=attempt.platform,
        nonce_hash=fingerprint(nonce),
        browser_hash=fingerprint(browser),
        used_at=None,
        expires_at__gt=now,
    ).update(used_at=now)
    if used != 1:
        raise LtiError("login_stale", detail="nonce another, or used in this moment")


def forget_expired(*, now: datetime) -> None:
    """Remove what cannot be used any more: a state that is not there is refused as one that was used."""
    LoginAttempt.objects.filter(expires_at__lte=now).delete()
    for model in (JoinOffer, Picking, Handover):
        model._default_manager.filter(expires_at__lte=now).delete()


def fingerprint(secret: str) -> str:
    """As it is kept: enough to know it again, and of no use to whoever reads the database."""
    return sha256(secret.encode()).hexdigest()


def _named(asked: LoginRequest) -> list[Platform]:
    """Two at most: more than one is as good as none."""
    found = Platform.objects.filter(issuer=asked.issuer.replace("\x00", ""))
    if asked.client_id:
        found = found.filter(client_id=asked.client_id.replace("\x00", ""))
    return list(found[:2])
