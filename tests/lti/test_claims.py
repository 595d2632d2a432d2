"""What of a message is taken over, and in which form. What is refused is in `test_conformance.py`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lti.claims import (
    DEEP_LINKING_SETTINGS,
    GRADE_SERVICE,
    LEEWAY,
    LTI,
    MAX_AGE,
    ROSTER_SERVICE,
    Expected,
    Message,
    Services,
    read_message,
    target_on,
)
from lti.errors import LtiError
from tests.conftest import NOW

EXPECTED = Expected("https://lms.test", "carrel", "https://carrel.test")


def claims(**changes: Any) -> dict[str, Any]:
    """Those of a student's launch at `NOW`."""
    at = NOW.timestamp()
    said = {"iss": "https://lms.test", "aud": "carrel", "sub": "42", "nonce": "n", "iat": at, "exp": at + 60}
    of_lti = {
        "version": "1.3.0",
        "message_type": "LtiResourceLinkRequest",
        "deployment_id": "1",
        "target_link_uri": "https://carrel.test/classes/stat/?lesson=1",
        "resource_link": {"id": "7"},
        "context": {"id": "101"},
        "roles": [],
    }
    return said | {f"{LTI}{name}": changes.pop(name, value) for name, value in of_lti.items()} | changes


def read(now: datetime = NOW, **changes: Any) -> Message:
    return read_message(claims(**changes), EXPECTED, now=now)


def test_target_is_kept_as_a_path_of_ours() -> None:
    assert read().target == "/classes/stat/?lesson=1"


@pytest.mark.parametrize("target", ["HTTPS://Carrel.test/x", "https://carrel.test/x#part"])
def test_target_may_be_spelled_otherwise(target: str) -> None:
    assert target_on("https://carrel.test", target) == "/x"


@pytest.mark.parametrize(
    "target",
    [
        "http://carrel.test/",
        "https://carrel.test:444/",
        "https://carrel.test.evil.example/",
        "https://carrel.test@evil.example/",
        "//evil.example/",
        "/classes/",
        "javascript:alert(1)",
        "https://carrel.test/\n",
        "https://[",
    ],
)
def test_target_elsewhere_is_refused(target: str) -> None:
    with pytest.raises(LtiError) as refused:
        target_on("https://carrel.test", target)

    assert refused.value.code == "target_elsewhere"


def test_ids_may_be_numbers_and_long() -> None:
    message = read(sub="s" * 200, resource_link={"id": 7}, context={"id": "c" * 255})

    assert message.sub == "s" * 200
    assert message.resource_link is not None
    assert message.resource_link.id == "7"
    assert message.context is not None
    assert message.context.id == "c" * 255


def test_id_that_is_too_long_is_not_cut() -> None:
    with pytest.raises(LtiError):
        read(sub="s" * 256)


def test_name_keeps_its_emoji_and_loses_what_turns_a_page_around() -> None:
    assert read(name="Zoë 👩‍🔬\u202eevil\x00\n ").name == "Zoë 👩‍🔬evil"


def test_name_is_made_of_its_parts_where_it_is_not_said() -> None:
    assert read(given_name="Ada", family_name="Lovelace").name == "Ada Lovelace"


def test_names_of_other_kinds_are_nothing() -> None:
    assert read(name=["Ada"], email=7).name == ""


@pytest.mark.parametrize(
    ("now", "is_valid"),
    [
        (NOW - LEEWAY, True),
        (NOW - LEEWAY - timedelta(seconds=1), False),
        (NOW + MAX_AGE + LEEWAY - timedelta(seconds=1), True),
        (NOW + MAX_AGE + LEEWAY, False),
    ],
)
def test_age_is_bounded_both_ways(now: datetime, is_valid: bool) -> None:
    says_an_hour = NOW.timestamp() + 3600

    if is_valid:
        read(now, exp=says_an_hour)
    else:
        with pytest.raises(LtiError) as refused:
            read(now, exp=says_an_hour)
        assert refused.value.code == "message_out_of_time"


@pytest.mark.parametrize(("issuer", "is_valid"), [("http://lms.test", True), ("https://lms.test", False)])
def test_return_to_http_is_for_platforms_on_http(issuer: str, is_valid: bool) -> None:
    said = claims(iss=issuer, message_type="LtiDeepLinkingRequest")
    said[DEEP_LINKING_SETTINGS] = {
        "deep_link_return_url": "http://lms.test/return",
        "data": "note",
        "accept_types": ["ltiResourceLink"],
    }
    expected = Expected(issuer, "carrel", "https://carrel.test")

    if is_valid:
        deep_linking = read_message(said, expected, now=NOW).deep_linking
        assert deep_linking is not None
        assert (deep_linking.return_url, deep_linking.data) == ("http://lms.test/return", "note")
    else:
        with pytest.raises(LtiError) as refused:
            read_message(said, expected, now=NOW)
        assert refused.value.code == "return_elsewhere"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(name=st.sampled_from(sorted(claims())), value=JSON)
def test_any_claim_may_be_anything(name: str, value: Any) -> None:
    try:
        message = read_message(claims() | {name: value}, EXPECTED, now=NOW)
    except LtiError:
        return
    assert message.sub


def test_services_are_kept_where_they_can_be_asked() -> None:
    grades: Any = {
        "scope": ["b", "a", 7],
        "lineitems": "https://lms.test/items?t=1",
        "lineitem": "https://lms.test/items/1",
    }
    roster = {"context_memberships_url": "https://lms.test/people", "service_versions": ["2.0"]}
    said: dict[str, Any] = {GRADE_SERVICE: grades, ROSTER_SERVICE: roster}

    services = read(**said).services

    assert services == Services(
        "https://lms.test/people", "https://lms.test/items?t=1", "https://lms.test/items/1", ("a", "b")
    )


@pytest.mark.parametrize(
    "address", [None, 7, "", "javascript:alert(1)", "file:///etc/passwd", "https://", "https://[", "//x", "https://a b"]
)
def test_service_without_an_address_is_none(address: Any) -> None:
    said: dict[str, Any] = {GRADE_SERVICE: {"lineitems": address}, ROSTER_SERVICE: {"context_memberships_url": address}}

    assert read(**said).services == Services()


@pytest.mark.parametrize("service", [None, 7, "x", [], {"scope": "one", "lineitems": {}}])
def test_services_of_another_form_do_not_stop_a_launch(service: Any) -> None:
    assert read(**{GRADE_SERVICE: service, ROSTER_SERVICE: service}).services == Services()
