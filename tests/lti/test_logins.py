"""A login ends once, in time, at the platform it began with."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from lti.errors import LtiError
from lti.logins import LIFETIME, LoginRequest, begin, begun, end, forget_expired, platform_of
from lti.models import LoginAttempt, Platform

pytestmark = pytest.mark.django_db

ASKED = LoginRequest("https://lms.test", "42", "https://carrel.test/lti/launch/", "1")


@pytest.fixture
def known() -> Platform:
    """A platform whose own address has a query."""
    return Platform.objects.create(
        name="Campus",
        issuer="https://lms.test",
        client_id="1",
        auth_login_url="https://lms.test/auth?tenant=7",
        state=Platform.State.ACTIVE,
    )


def begin_one(platform: Platform, now: datetime) -> dict[str, str]:
    url = begin(platform, ASKED, browser="b" * 43, redirect_uri="https://carrel.test/lti/launch/", now=now)
    return dict(part.split("=", 1) for part in url.split("?", 1)[1].split("&"))


def test_query_of_the_platform_is_kept(known: Platform, now: datetime) -> None:
    assert begin_one(known, now)["tenant"] == "7"


def test_of_two_who_end_it_one_is_refused(known: Platform, now: datetime) -> None:
    asked = begin_one(known, now)
    first, second = (begun(asked["state"], browser="b" * 43, now=now) for _time in range(2))
    end(first, nonce=asked["nonce"], browser="b" * 43, now=now)

    with pytest.raises(LtiError) as refused:
        end(second, nonce=asked["nonce"], browser="b" * 43, now=now)

    assert (refused.value.code, refused.value.status) == ("login_stale", 401)


@pytest.mark.parametrize("wrong", [{"nonce": "other"}, {"browser": "c" * 43}, {"now": timedelta(minutes=10)}])
def test_what_does_not_fit_does_not_use_it_up(
    known: Platform, now: datetime, wrong: dict[str, str | timedelta]
) -> None:
    asked = begin_one(known, now)
    attempt = begun(asked["state"], browser="b" * 43, now=now)
    right = {"nonce": asked["nonce"], "browser": "b" * 43, "now": now}
    later = {name: now + value if isinstance(value, timedelta) else value for name, value in wrong.items()}

    with pytest.raises(LtiError):
        end(attempt, **right | later)  # type: ignore[arg-type]

    assert LoginAttempt.objects.get().used_at is None


def test_it_is_over_after_a_while(known: Platform, now: datetime) -> None:
    asked = begin_one(known, now)

    with pytest.raises(LtiError):
        begun(asked["state"], browser="b" * 43, now=now + LIFETIME)


def test_rows_are_removed_when_they_can_be_used_no_more(known: Platform, now: datetime) -> None:
    begin_one(known, now)
    begin_one(known, now + timedelta(minutes=1))

    forget_expired(now=now + LIFETIME)

    assert LoginAttempt.objects.count() == 1


@pytest.mark.parametrize("state", [Platform.State.PENDING, Platform.State.DISABLED])
def test_platform_that_is_not_approved_begins_nothing(known: Platform, state: Platform.State) -> None:
    Platform.objects.update(state=state)

    with pytest.raises(LtiError) as refused:
        platform_of(ASKED, public_url="https://carrel.test")

    assert (refused.value.code, refused.value.status) == ("platform_inactive", 403)
    assert "Campus" in refused.value.explain().sentence
