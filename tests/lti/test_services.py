"""Tokens and requests of services, against a platform over real HTTP."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.core.cache import cache
from django.utils import timezone
from pytest_django import Settings

from lti.errors import LtiError, LtiFailure
from lti.models import Platform
from lti.services import LINE_ITEM, LINE_ITEM_READ, MEMBERS, access_token, ask, document_of
from tests.lti.campus import Campus

LINE_ITEMS = "application/vnd.ims.lis.v2.lineitemcontainer+json"
TOKENS = "/mod/lti/token.php"


def line_items(campus: Campus) -> Any:
    url = campus.context().line_items_url
    return ask(campus.platform, "GET", url, scopes=[LINE_ITEM], accept=LINE_ITEMS, now=timezone.now())


def test_asks_with_a_token(campus: Campus) -> None:
    campus.activity("Loops", 10)

    answer = line_items(campus)

    assert [one["label"] for one in document_of(answer)] == ["Loops"]


def test_sends_json_of_its_media_type(campus: Campus) -> None:
    said = {"label": "Trees", "scoreMaximum": 5, "resourceId": "trees"}
    media_type = "application/vnd.ims.lis.v2.lineitem+json"

    answer = ask(
        campus.platform,
        "POST",
        campus.context().line_items_url,
        scopes=[LINE_ITEM],
        accept=media_type,
        said=said,
        media_type=media_type,
        now=timezone.now(),
    )

    assert answer.status == 201
    assert document_of(answer)["resourceId"] == "trees"


def test_token_is_kept(campus: Campus) -> None:
    now = timezone.now()

    first = access_token(campus.platform, [LINE_ITEM, MEMBERS], now=now)
    second = access_token(campus.platform, [MEMBERS, LINE_ITEM], now=now)

    assert first == second
    assert len(campus.lms.log(TOKENS)) == 1


def test_token_is_of_one_registration(campus: Campus) -> None:
    other = Platform.objects.get(pk=campus.platform.pk)
    other.client_id = "another"
    access_token(campus.platform, [MEMBERS], now=timezone.now())

    with pytest.raises(LtiError, match="token_refused"):
        access_token(other, [MEMBERS], now=timezone.now())


def test_token_that_was_taken_back_is_asked_for_once_more(campus: Campus) -> None:
    access_token(campus.platform, [LINE_ITEM], now=timezone.now())
    campus.lms.do("forget_tokens")

    answer = line_items(campus)

    assert answer.status == 200
    assert len(campus.lms.log(TOKENS)) == 2


def test_401_that_stays_is_an_answer(campus: Campus) -> None:
    campus.lms.do("answer", path=".*/lineitems", status=401)

    answer = line_items(campus)

    assert answer.status == 401
    assert len(campus.lms.log(TOKENS)) == 2


def test_short_lived_token_is_kept_for_a_moment_only(campus: Campus, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []
    monkeypatch.setattr(cache, "set", lambda _place, _token, seconds: kept.append(seconds))
    campus.lms.do("answer", path=TOKENS, merge={"expires_in": 70})
    access_token(campus.platform, [MEMBERS], now=timezone.now())
    campus.lms.do("truth")
    access_token(campus.platform, [MEMBERS], now=timezone.now())

    assert kept == [30, 3540]


def test_assertion_addresses_the_token_endpoint(campus: Campus) -> None:
    campus.lms.do("quirk", audience="endpoint", token_reuse_is_refused=True)

    first = access_token(campus.platform, [LINE_ITEM], now=timezone.now())
    second = access_token(campus.platform, [LINE_ITEM_READ], now=timezone.now())

    assert first != second


def test_assertion_addresses_whom_the_platform_wants(campus: Campus) -> None:
    campus.lms.do("quirk", audience="https://api.example.org/auth")
    campus.platform.audience = "https://api.example.org/auth"

    assert access_token(campus.platform, [MEMBERS], now=timezone.now())


def test_assertion_says_nothing_for_long(campus: Campus) -> None:
    now = timezone.now()
    access_token(campus.platform, [MEMBERS], now=now)

    body = campus.lms.log(TOKENS)[0]["body"]
    assertion = dict(part.split("=") for part in body.split("&"))["client_assertion"]
    said = jwt.decode(assertion, options={"verify_signature": False})
    assert said["exp"] <= (now + timedelta(seconds=60)).timestamp()
    assert said["iss"] == said["sub"] == "carrel"


def test_platform_that_cannot_read_our_keys_is_explained(campus: Campus) -> None:
    campus.lms.do("tool", id=campus.tool, is_unreachable=True)

    with pytest.raises(LtiError, match="keys_unread") as refused:
        access_token(campus.platform, [MEMBERS], now=timezone.now())
    assert "public keys" in refused.value.explain().sentence


def test_platform_without_a_key_of_ours_is_not_asked(campus: Campus) -> None:
    campus.platform.key_pairs.all().delete()

    with pytest.raises(LtiError, match="key_missing"):
        line_items(campus)
    assert campus.lms.log(TOKENS) == []


def test_scope_that_is_not_granted_is_explained(campus: Campus) -> None:
    campus.lms.do("tool", id=campus.tool, scopes=[MEMBERS])

    with pytest.raises(LtiError, match="token_refused"):
        access_token(campus.platform, [LINE_ITEM], now=timezone.now())


@pytest.mark.parametrize(
    ("false", "error"),
    [
        ({"status": 503}, LtiFailure),
        ({"status": 429, "body": "{}"}, LtiFailure),
        ({"body": "<html>Welcome</html>"}, LtiError),
        ({"body": "[1]"}, LtiError),
        ({"merge": {"access_token": None}}, LtiError),
        ({"merge": {"access_token": ""}}, LtiError),
        ({"merge": {"access_token": "a\r\nHost: elsewhere"}}, LtiError),
        ({"merge": {"access_token": 7}}, LtiError),
    ],
)
def test_token_endpoint_that_lies_gives_no_token(campus: Campus, false: dict[str, Any], error: type) -> None:
    campus.lms.do("answer", path=TOKENS, **false)

    with pytest.raises(error):
        access_token(campus.platform, [MEMBERS], now=timezone.now())


@pytest.mark.parametrize("seconds", [None, "soon", -5, 1e30, True])
def test_life_of_a_token_that_cannot_be_is_a_short_one(campus: Campus, seconds: Any) -> None:
    campus.lms.do("answer", path=TOKENS, merge={"expires_in": seconds})

    assert access_token(campus.platform, [MEMBERS], now=timezone.now())


def test_log_has_nothing_that_the_platform_says(campus: Campus) -> None:
    campus.lms.do("answer", path=TOKENS, status=400, body=json.dumps({"error": "Ada Lovelace's password"}))

    with pytest.raises(LtiError) as refused:
        access_token(campus.platform, [MEMBERS], now=timezone.now())
    assert "Ada" not in str(refused.value)


def test_platform_that_is_down_is_unreachable(campus: Campus) -> None:
    campus.platform.token_url = "http://127.0.0.1:9/token"

    with pytest.raises(LtiFailure, match="platform_unreachable"):
        access_token(campus.platform, [MEMBERS], now=timezone.now())


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest", "http://10.0.0.1/", "http://[::1]/", "https://192.168.0.1/", "file:///etc"]
)
def test_address_of_a_service_inside_is_not_asked(campus: Campus, settings: Settings, url: str) -> None:
    access_token(campus.platform, [LINE_ITEM], now=timezone.now())

    with pytest.raises(LtiFailure, match="platform_unreachable"):
        ask(campus.platform, "GET", url, scopes=[LINE_ITEM], now=timezone.now())


def test_redirect_is_not_followed_with_the_token(campus: Campus) -> None:
    campus.lms.do("answer", path=".*/lineitems", status=302, headers={"Location": f"{campus.lms.url}/taken"})

    answer = line_items(campus)

    assert answer.status == 302
    assert not campus.lms.log("/taken")
