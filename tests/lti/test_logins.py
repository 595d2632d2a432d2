"""A login ends once, in time, at the platform it began with."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from lti.errors import LtiError
from lti.logins import LIFETIME, LoginRequest, begin, begun, check_pace, end, forget_expired, platform_of
from lti.models import LoginAttempt, Platform
from tests.lti.platforms import SmallPlatform

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


# --- How many begin -----------------------------------------------------------------------------------------


def answers(count: int, lms: SmallPlatform, address: str = "192.0.2.1") -> list[int]:
    client = Client(REMOTE_ADDR=address)
    return [client.post("/lti/login/", lms.login_parameters()).status_code for _number in range(count)]


def test_class_at_one_address_begins_in_one_minute(known: Platform, now: datetime) -> None:
    cache.clear()

    for number in range(300):
        check_pace(known, address="192.0.2.1", now=now + timedelta(milliseconds=number))


def test_login_too_often_from_one_address_is_refused_in_words(
    settings: Settings, lms: SmallPlatform, platform: Platform
) -> None:
    settings.LTI_LOGINS_PER_MINUTE = 2

    assert answers(3, lms) == [302, 302, 429]

    response = Client(REMOTE_ADDR="192.0.2.1").post("/lti/login/", lms.login_parameters())
    assert 0 < int(response["Retry-After"]) <= 60
    assert f"Wait {response['Retry-After']} seconds" in response.content.decode()
    assert LoginAttempt.objects.count() == 2


def test_login_too_often_from_one_address_leaves_others_alone(
    settings: Settings, lms: SmallPlatform, platform: Platform
) -> None:
    settings.LTI_LOGINS_PER_MINUTE = 2
    answers(3, lms)

    assert answers(1, lms, "192.0.2.2") == [302]


def test_addresses_of_one_household_count_as_one(settings: Settings, lms: SmallPlatform, platform: Platform) -> None:
    settings.LTI_LOGINS_PER_MINUTE = 2

    found = [answers(1, lms, address)[0] for address in ("2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:1::1")]

    assert found == [302, 302, 429, 302]


def test_login_too_often_of_one_platform_is_refused(settings: Settings, lms: SmallPlatform, platform: Platform) -> None:
    settings.LTI_LOGINS_PER_MINUTE = 1

    found = [answers(1, lms, f"192.0.2.{number}")[0] for number in range(1, 6)]

    assert found == [302, 302, 302, 429, 429]


def test_login_is_counted_again_after_a_minute(settings: Settings, known: Platform, now: datetime) -> None:
    cache.clear()
    settings.LTI_LOGINS_PER_MINUTE = 1
    check_pace(known, address="192.0.2.1", now=now)
    with pytest.raises(LtiError):
        check_pace(known, address="192.0.2.1", now=now + timedelta(seconds=59))

    check_pace(known, address="192.0.2.1", now=now + timedelta(seconds=61))


def test_logins_are_not_counted_without_a_limit(settings: Settings, lms: SmallPlatform, platform: Platform) -> None:
    settings.LTI_LOGINS_PER_MINUTE = 0

    assert set(answers(20, lms)) == {302}


def test_button_of_a_window_is_not_a_login(settings: Settings, lms: SmallPlatform, platform: Platform) -> None:
    settings.LTI_LOGINS_PER_MINUTE = 1
    framed = Client(REMOTE_ADDR="192.0.2.1", HTTP_SEC_FETCH_DEST="iframe")

    assert {framed.post("/lti/login/", lms.login_parameters()).status_code for _number in range(3)} == {200}
