"""Asking platforms for their keys."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from pytest_django import Settings

from environments.errors import UserError
from lti.errors import LtiFailure
from lti.fetching import check_address, json_at, key_named
from lti.models import Platform
from tests.lti.platforms import Browser, SmallPlatform

pytestmark = pytest.mark.django_db


def test_keys_are_asked_for_once(lms: SmallPlatform) -> None:
    url = f"{lms.issuer}/keys"

    found = [key_named("one", url=url) for _time in range(2)]

    assert found[0] is not None
    assert found[0] == found[1]

    assert lms.requests["/keys"] == 1


def test_new_key_is_found_at_once(lms: SmallPlatform) -> None:
    url = f"{lms.issuer}/keys"
    key_named("one", url=url)

    lms.change_key()

    assert key_named("two", url=url) is not None
    assert lms.requests["/keys"] == 2


def test_unknown_names_do_not_have_a_platform_asked_again_and_again(lms: SmallPlatform) -> None:
    url = f"{lms.issuer}/keys"
    key_named("one", url=url)

    assert [key_named(f"made up {n}", url=url) for n in range(5)] == [None] * 5

    assert lms.requests["/keys"] == 2


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"keys": 7}', b"[" * 100_000, b""])
def test_what_is_no_key_set_is_refused(lms: SmallPlatform, body: bytes) -> None:
    lms.answer("/keys", 200, body)

    with pytest.raises(LtiFailure) as refused:
        key_named("one", url=f"{lms.issuer}/keys")

    assert (refused.value.code, refused.value.status) == ("platform_unreachable", 503)


def test_error_of_the_platform_is_not_remembered(lms: SmallPlatform) -> None:
    url = f"{lms.issuer}/keys"
    lms.answer("/keys", 500, {})
    with pytest.raises(LtiFailure):
        key_named("one", url=url)

    lms.recover()

    assert key_named("one", url=url) is not None


def test_key_for_something_else_than_signing_is_none(lms: SmallPlatform) -> None:
    lms.answer("/keys", 200, {"keys": [{"kid": "one", "use": "enc"}, "none", None]})

    assert key_named("one", url=f"{lms.issuer}/keys") is None


@pytest.mark.parametrize("url", ["http://169.254.169.254/keys", "https://127.0.0.1/keys", "file:///etc/passwd"])
def test_addresses_inside_are_never_asked(settings: Settings, url: str) -> None:
    settings.REPOSITORY_ALLOWED_HOSTS = []
    cache.clear()

    with pytest.raises(LtiFailure):
        json_at(url)


def test_address_that_is_not_https_is_for_hosts_the_operator_lists(lms: SmallPlatform, settings: Settings) -> None:
    settings.REPOSITORY_ALLOWED_HOSTS = []

    with pytest.raises(LtiFailure) as refused:
        json_at(f"{lms.issuer}/keys")

    assert "not https" in refused.value.detail
    assert lms.requests["/keys"] == 0


def test_keys_that_are_elsewhere_by_now_are_found(lms: SmallPlatform) -> None:
    lms.redirect("/former", f"{lms.issuer}/keys")

    assert key_named("one", url=f"{lms.issuer}/former") is not None


def test_redirect_to_what_is_not_https_is_not_followed(lms: SmallPlatform) -> None:
    lms.redirect("/former", "http://example.org/keys")

    with pytest.raises(LtiFailure) as refused:
        json_at(f"{lms.issuer}/former")

    assert refused.value.detail == "example.org is not https"


def test_redirects_without_end_are_left(lms: SmallPlatform) -> None:
    lms.redirect("/round", f"{lms.issuer}/round")

    with pytest.raises(LtiFailure) as refused:
        json_at(f"{lms.issuer}/round")

    assert "too many redirects" in refused.value.detail


def test_launch_while_the_platform_is_down_says_so(browser: Browser, lms: SmallPlatform, platform: Platform) -> None:
    lms.answer("/keys", 502, b"")

    response = browser.launch()

    assert response.status_code == 503
    assert "does not answer" in response.content.decode()


@pytest.mark.parametrize(
    ("url", "passes"),
    [
        ("http://localhost:8000/demo-lms/mod/lti/certs.php", True),
        ("http://localhost:8000/health", False),
        ("http://localhost:8000/demo-lms", True),
        ("http://localhost:8000/demo-lms-too/mod/lti/certs.php", False),
        ("http://localhost:8001/demo-lms/mod/lti/certs.php", False),
        ("http://127.0.0.1:8000/demo-lms/mod/lti/certs.php", False),
    ],
)
def test_guard_lets_through_the_pretend_platform_of_this_site_and_nothing_else(
    settings: Settings, url: str, passes: bool
) -> None:
    settings.DEMO_LMS_URL = "http://localhost:8000/demo-lms"

    if passes:
        assert check_address(url)
    else:
        with pytest.raises(LtiFailure):
            check_address(url)


@pytest.mark.parametrize("path", ["../../../health", "%2e%2e/%2e%2e/%2e%2e/health"])
def test_nothing_above_the_pretend_platform_is_let_through(settings: Settings, path: str) -> None:
    settings.DEMO_LMS_URL = "http://localhost:8000/demo-lms"

    with pytest.raises(UserError):
        check_address(f"http://localhost:8000/demo-lms/mod/lti/{path}")


def test_pretend_platform_is_a_private_address_like_any_other_where_there_is_none(settings: Settings) -> None:
    assert settings.DEMO_LMS_URL == ""

    with pytest.raises(LtiFailure):
        check_address("http://localhost:8000/demo-lms/mod/lti/certs.php")


def test_pretend_platform_is_asked_and_its_neighbours_are_not(lms: SmallPlatform, settings: Settings) -> None:
    settings.REPOSITORY_ALLOWED_HOSTS, settings.DEMO_LMS_URL = [], f"{lms.issuer}/demo-lms"
    lms.answer("/demo-lms/mod/lti/certs.php", 200, {"keys": [{"kid": "one"}]})

    assert json_at(f"{settings.DEMO_LMS_URL}/mod/lti/certs.php") == {"keys": [{"kid": "one"}]}

    with pytest.raises(LtiFailure):
        json_at(f"{lms.issuer}/keys")
