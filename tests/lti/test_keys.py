"""Our keys towards platforms."""

from __future__ import annotations

from datetime import datetime, timedelta

import jwt
import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from lti.errors import LtiError
from lti.keys import LEAD, OVERLAP, public_keys, renew_keys, rotate, signing_key, withdraw
from lti.models import AuditEntry, KeyPair, Platform
from lti.platforms import add_platform

pytestmark = pytest.mark.django_db


@pytest.fixture
def platform(now: datetime) -> Platform:
    """One that was just added by hand."""
    described = {"auth_login_url": "https://lms.test/a", "token_url": "https://lms.test/t"}
    return add_platform(
        Platform(name="Campus", issuer="https://lms.test", client_id="1", jwks_url="https://lms.test/k", **described),
        now=now,
    )


def named(now: datetime) -> list[str]:
    return [key["kid"] for key in public_keys(now=now)]


def test_platform_gets_a_key_that_signs_at_once(platform: Platform, now: datetime) -> None:
    key = signing_key(platform, now=now)

    token = jwt.encode({"sub": "us"}, key.private_pem, algorithm="RS256", headers={"kid": key.kid})

    published = next(jwk for jwk in public_keys(now=now) if jwk["kid"] == key.kid)
    assert jwt.decode(token, jwt.PyJWK(published), algorithms=["RS256"]) == {"sub": "us"}


def test_published_keys_say_what_they_are_for_and_nothing_private(
    client: Client, platform: Platform, now: datetime
) -> None:
    response = client.get("/lti/keys.json")

    (key,) = response.json()["keys"]
    assert (key["kty"], key["alg"], key["use"]) == ("RSA", "RS256", "sig")
    assert set(key) == {"kty", "alg", "use", "kid", "n", "e"}
    assert response["Cache-Control"] == "public, max-age=3600"
    assert not response.cookies


def test_private_key_is_sealed_where_it_is_kept(platform: Platform, settings: Settings, now: datetime) -> None:
    kept = platform.key_pairs.get()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another" * 10, []

    assert "PRIVATE" not in kept.sealed_private_key
    with pytest.raises(LtiError, match="key_unreadable"):
        signing_key(platform, now=now)


def test_key_in_a_log_does_not_show_itself(platform: Platform, now: datetime) -> None:
    assert "PRIVATE" not in repr(signing_key(platform, now=now))


def test_new_key_is_published_before_it_signs(platform: Platform, now: datetime) -> None:
    first = signing_key(platform, now=now).kid

    second = rotate(platform, now=now).kid

    assert named(now) == [first, second]
    assert signing_key(platform, now=now + LEAD - timedelta(seconds=1)).kid == first
    assert signing_key(platform, now=now + LEAD).kid == second


def test_keys_that_are_withdrawn_are_gone_at_once(platform: Platform, administrator: User, now: datetime) -> None:
    first = signing_key(platform, now=now).kid
    second = rotate(platform, now=now).kid

    third = withdraw(platform, by=administrator, now=now).kid

    assert named(now) == [third]
    assert third not in (first, second)
    assert signing_key(platform, now=now).kid == third
    assert AuditEntry.objects.filter(what="keys_withdrawn", actor=administrator).count() == 1


def test_keys_towards_others_are_not_withdrawn(platform: Platform, administrator: User, now: datetime) -> None:
    other = add_platform(
        Platform(name="Other", issuer="https://other.test", client_id="2"), deployment_id="1", by=administrator, now=now
    )

    withdraw(platform, by=administrator, now=now)

    assert signing_key(other, now=now).kid in named(now)


def test_former_key_stays_published_for_a_while(platform: Platform, now: datetime) -> None:
    first = signing_key(platform, now=now).kid
    second = rotate(platform, now=now).kid

    assert named(now + LEAD + OVERLAP - timedelta(seconds=1)) == [first, second]
    assert named(now + LEAD + OVERLAP) == [second]


def test_keys_are_replaced_when_they_have_signed_long_enough(
    platform: Platform, settings: Settings, now: datetime
) -> None:
    settings.LTI_KEY_DAYS = 30
    renew_keys(now=now + timedelta(days=29))
    assert KeyPair.objects.count() == 1

    renew_keys(now=now + timedelta(days=30))
    renew_keys(now=now + timedelta(days=30))

    assert KeyPair.objects.count() == 2


def test_keys_are_forgotten_when_nobody_needs_them(platform: Platform, settings: Settings, now: datetime) -> None:
    settings.LTI_KEY_DAYS = 0
    kept = rotate(platform, now=now)

    renew_keys(now=now + LEAD + OVERLAP)

    assert list(KeyPair.objects.all()) == [kept]


def test_keys_of_zero_days_are_kept(platform: Platform, settings: Settings, now: datetime) -> None:
    settings.LTI_KEY_DAYS = 0

    renew_keys(now=now + timedelta(days=10_000))

    assert KeyPair.objects.count() == 1


def test_platform_without_a_key_is_explained(platform: Platform, now: datetime) -> None:
    KeyPair.objects.all().delete()

    with pytest.raises(LtiError, match="key_missing") as refused:
        signing_key(platform, now=now)
    assert "Campus" in refused.value.explain().sentence


def test_new_key_signs_at_once_where_there_is_none(platform: Platform, now: datetime) -> None:
    KeyPair.objects.all().delete()

    made = rotate(platform, now=now)

    assert signing_key(platform, now=now).kid == made.kid
