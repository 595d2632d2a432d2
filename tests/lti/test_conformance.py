"""What every tool has to accept and refuse: each row of the conformance list, over the real pages.

The certification suite's own names come first. A launch that is refused answers with a page a person can read, which
names a reference; it makes nothing, signs nobody in, and the log says why without the token.
"""

from __future__ import annotations

import logging
import re
import time
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client

from accounts.models import User
from classes.models import Course, Membership
from lti.claims import LTI
from lti.models import LtiPerson, Platform, ResourceLink
from tests.fakes.openid_provider import new_key
from tests.lti.platforms import CLIENT_ID, MEMBERSHIP, PUBLIC_URL, STUDENT, TEACHER, Browser, SmallPlatform

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

DEEP_LINKING: dict[str, Any] = {
    "message_type": "LtiDeepLinkingRequest",
    "roles": [TEACHER],
    "deep_linking_settings": {
        "deep_link_return_url": "https://campus.example.org/return",
        "accept_types": ["ltiResourceLink"],
        "accept_presentation_document_targets": ["window"],
    },
}


@pytest.fixture(autouse=True)
def _class(course: Course) -> None:
    """Of each launch here there is a class."""


def check_refused(response: Response, status: int, log: pytest.LogCaptureFixture, why: str) -> None:
    """A page for a person, its reason in the log, and nothing made."""
    page = response.content.decode()
    assert response.status_code == status, page
    reference = re.search(r"<code>([0-9a-f]{8})</code>", page)
    assert reference is not None
    assert "<h1>This could not be opened</h1>" in page
    said = [record.getMessage() for record in log.records if record.name == "lti.views.pages"]
    assert reference[1] in said[-1]
    assert why in said[-1]
    assert not re.search(r"eyJ[\w-]+\.", log.text)
    assert LtiPerson.objects.count() == 0
    assert ResourceLink.objects.count() == 0
    assert Session.objects.count() == 0
    assert not User.objects.filter(username__startswith="lti-").exists()
    assert Membership.objects.count() == 1


def check_let_in(response: Response, course: Course) -> None:
    """The page of the class, and somebody signed in."""
    assert response.status_code == 302, response.content.decode()
    assert response["Location"] == f"/classes/{course.slug}/"
    assert Session.objects.count() == 1


# --- Login initiation --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["get", "post"])
def test_login_is_begun_by_get_and_by_post(lms: SmallPlatform, platform: Platform, client: Client, method: str) -> None:
    response = getattr(client, method)("/lti/login/", lms.login_parameters())

    assert response.status_code == 302
    address = urlsplit(response["Location"])
    asked = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{lms.issuer}/auth"
    assert len(asked.pop("state")) >= 32
    assert len(asked.pop("nonce")) >= 32
    assert asked == {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": CLIENT_ID,
        "redirect_uri": f"{PUBLIC_URL}/lti/launch/",
        "login_hint": "42",
        "lti_message_hint": "a hint, kept & returned",
    }


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"iss": None}, "iss missing", id="row 1, iss missing"),
        pytest.param({"iss": "https://other.example.org"}, "no such issuer", id="row 2, iss unknown"),
        pytest.param({"client_id": "other"}, "no such issuer", id="row 2, client_id unknown"),
        pytest.param({"login_hint": None}, "login_hint missing", id="row 3, login_hint missing"),
        pytest.param({"target_link_uri": "https://evil.example/"}, "another host", id="row 4, target elsewhere"),
        pytest.param({"target_link_uri": "http://localhost:8000@evil.example/"}, "another host", id="row 4, disguised"),
        pytest.param({"target_link_uri": "http://localhost:8000\\@evil.example/"}, "another host", id="row 4, slash"),
        pytest.param({"target_link_uri": None}, "target missing", id="row 4, target missing"),
    ],
)
def test_login_refuses(
    lms: SmallPlatform, client: Client, caplog: pytest.LogCaptureFixture, changes: dict[str, str | None], why: str
) -> None:
    response = client.post("/lti/login/", lms.login_parameters(**changes))

    check_refused(response, 400, caplog, why)
    assert "Location" not in response


def test_row_5_login_echoes_the_hint_and_takes_a_deployment(browser: Browser) -> None:
    asked = browser.begin(lti_message_hint='{"é": 1}', lti_deployment_id="1")

    assert asked["lti_message_hint"] == '{"é": 1}'
    assert "lti_deployment_id" not in asked


def test_row_6_login_without_client_id_of_the_only_platform_of_its_issuer(browser: Browser) -> None:
    assert browser.begin(client_id=None)["client_id"] == CLIENT_ID


def test_row_6_login_without_client_id_of_one_of_several(
    lms: SmallPlatform, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    lms.registered(client_id="another")

    response = client.post("/lti/login/", lms.login_parameters(client_id=None))

    check_refused(response, 400, caplog, "more than one")


# --- Known bad payloads, by the certification suite's names -------------------------------------------------


def test_row_7_no_kid_in_jwt_header(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    check_refused(browser.launch(headers={"kid": None}), 401, caplog, "kid missing")


def test_row_8_incorrect_kid_in_jwt_header(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    browser.launch(headers={"kid": "first look"})
    asked_before = browser.lms.requests["/keys"]

    response = browser.launch(headers={"kid": "unknown"})

    check_refused(response, 401, caplog, "no key that the platform publishes")
    assert browser.lms.requests["/keys"] == asked_before + 1


REFUSED: list[Any] = [
    pytest.param({"version": "1.1.1"}, 400, "version", id="row 9, wrong LTI version"),
    pytest.param({"version": None}, 400, "version", id="row 10, no LTI version"),
    pytest.param({"iat": 11111, "exp": 22222}, 401, "expired", id="row 13, timestamps incorrect"),
    pytest.param({"message_type": None}, 400, "message_type", id="row 14, message_type missing"),
    pytest.param({"message_type": "LtiFuture"}, 400, "message_type", id="row 14, message_type unknown"),
    pytest.param({"roles": None}, 400, "roles missing", id="row 15, roles claim missing"),
    pytest.param({"deployment_id": None}, 400, "deployment_id", id="row 16, deployment_id missing"),
    pytest.param({"resource_link": None}, 400, "resource_link", id="row 17, resource_link missing"),
    pytest.param({"resource_link": {}}, 400, "resource_link.id", id="row 17, resource_link.id missing"),
    pytest.param({"resource_link": {"id": ""}}, 400, "resource_link.id", id="row 17, resource_link.id empty"),
    pytest.param({"resource_link": "null"}, 400, "resource_link", id="row 17, resource_link no object"),
    pytest.param({"sub": None}, 400, "sub missing", id="row 18, sub missing"),
    pytest.param({"sub": "4\x002"}, 400, "sub", id="row 18, sub that cannot be kept"),
    pytest.param({"nonce": None}, 401, "nonce missing", id="row 19, nonce missing"),
    pytest.param({"nonce": "unknown"}, 401, "nonce another", id="row 19, nonce unknown"),
    pytest.param({"nonce": "\ud800"}, 401, "nonce", id="row 19, nonce that is no text"),
    pytest.param({"exp": int(time.time()) - 40}, 401, "expired", id="row 24, expired"),
    pytest.param({"exp": None}, 401, "exp or iat missing", id="row 25, exp missing"),
    pytest.param({"exp": 10**400}, 401, "exp is no time", id="row 25, exp no time"),
    pytest.param({"iat": None}, 401, "exp or iat missing", id="row 26, iat missing"),
    pytest.param({"iat": int(time.time()) - 86400}, 401, "too long ago", id="row 27, iat a day old"),
    pytest.param({"iat": int(time.time()) + 3600}, 401, "of the future", id="row 28, iat of the future"),
    pytest.param({"nbf": int(time.time()) + 3600}, 401, "of the future", id="row 28, nbf of the future"),
    pytest.param({"aud": "somebody-else"}, 401, "aud", id="row 30, aud wrong"),
    pytest.param({"aud": None}, 401, "aud", id="row 30, aud missing"),
    pytest.param({"aud": [CLIENT_ID, "other"]}, 401, "no azp", id="row 31, several aud and no azp"),
    pytest.param({"azp": "other"}, 401, "azp", id="row 32, azp not ours"),
    pytest.param({"iss": "https://other.example.org"}, 401, "iss", id="row 34, iss wrong"),
    pytest.param({"iss": None}, 401, "iss", id="row 34, iss missing"),
    pytest.param({"target_link_uri": None}, 400, "target_link_uri missing", id="row 39, target missing"),
    pytest.param({"target_link_uri": "https://evil.example/"}, 400, "another host", id="row 39, target elsewhere"),
    pytest.param(
        DEEP_LINKING | {"deep_linking_settings": None}, 400, "deep_linking_settings", id="row 40, no settings"
    ),
    pytest.param(
        DEEP_LINKING | {"deep_linking_settings": {"accept_types": ["ltiResourceLink"]}},
        400,
        "deep_link_return_url missing",
        id="row 40, return address missing",
    ),
    pytest.param(
        DEEP_LINKING | {"deep_linking_settings": {"deep_link_return_url": "javascript:alert(1)"}},
        400,
        "no https address",
        id="row 40, return address a script",
    ),
]


@pytest.mark.parametrize(("changes", "status", "why"), REFUSED)
def test_launch_refuses(
    browser: Browser, caplog: pytest.LogCaptureFixture, changes: dict[str, Any], status: int, why: str
) -> None:
    check_refused(browser.launch(**dict(changes)), status, caplog, why)


def test_row_11_invalid_lti_message(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    asked = browser.begin()

    response = browser.post(state=asked["state"], id_token=browser.lms.signed({"name": "badltilaunch"}))

    check_refused(response, 401, caplog, "iss")


def test_row_12_missing_lti_claims(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    asked = browser.begin()
    claims = browser.lms.message(asked["nonce"])
    bare = {name: value for name, value in claims.items() if not name.startswith(LTI)}

    response = browser.post(state=asked["state"], id_token=browser.lms.signed(bare))

    check_refused(response, 400, caplog, "version")


# --- Replays and mix-ups ------------------------------------------------------------------------------------


def test_row_20_nonce_used_already_in_another_token(browser: Browser, course: Course) -> None:
    asked = browser.begin()
    first, second = (browser.lms.signed(browser.lms.message(asked["nonce"], sub=sub)) for sub in ("42", "43"))
    check_let_in(browser.post(state=asked["state"], id_token=first), course)
    other = browser.begin()

    response = browser.post(state=other["state"], id_token=second)

    assert response.status_code == 401
    assert not LtiPerson.objects.filter(sub="43").exists()


def test_row_21_replay_of_state_and_token(browser: Browser, course: Course) -> None:
    asked = browser.begin()
    fields = {"state": asked["state"], "id_token": browser.lms.signed(browser.lms.message(asked["nonce"]))}
    check_let_in(browser.post(**fields), course)

    response = browser.post(**fields)

    assert response.status_code == 401
    assert Session.objects.count() == 1


@pytest.mark.parametrize("state", ["", "wrong"])
def test_row_22_state_missing_or_wrong(browser: Browser, caplog: pytest.LogCaptureFixture, state: str) -> None:
    asked = browser.begin()

    response = browser.post(state=state, id_token=browser.lms.signed(browser.lms.message(asked["nonce"])))

    check_refused(response, 401, caplog, "state")


@pytest.mark.parametrize("has_begun", [False, True], ids=["without a cookie", "with one of its own"])
def test_row_22_state_of_another_browser(browser: Browser, caplog: pytest.LogCaptureFixture, has_begun: bool) -> None:
    other = Browser(browser.lms)
    if has_begun:
        other.begin()
    asked = browser.begin()

    response = other.post(state=asked["state"], id_token=browser.lms.signed(browser.lms.message(asked["nonce"])))

    check_refused(response, 401, caplog, "of another browser" if has_begun else "no cookie")


def test_row_23_state_of_one_platform_and_token_of_another(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    with SmallPlatform() as other:
        other.registered(name="Another")
        asked = browser.begin()

        response = browser.post(state=asked["state"], id_token=other.signed(other.message(asked["nonce"])))

    check_refused(response, 401, caplog, "signature")


# --- Keys and signatures ------------------------------------------------------------------------------------


def test_row_35_signed_by_another_key(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    check_refused(browser.launch(key=new_key()), 401, caplog, "signature")


def test_row_35_body_tampered_with(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    asked = browser.begin()
    header, body, signature = browser.lms.signed(browser.lms.message(asked["nonce"])).split(".")
    other = browser.lms.signed(browser.lms.message(asked["nonce"], sub="1")).split(".")[1]
    assert other != body

    response = browser.post(state=asked["state"], id_token=f"{header}.{other}.{signature}")

    check_refused(response, 401, caplog, "signature")


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_row_36_algorithm_that_anybody_can_sign_with(
    browser: Browser, caplog: pytest.LogCaptureFixture, algorithm: str
) -> None:
    asked = browser.begin()
    secret = "a secret that is longer than any hash of it" if algorithm == "HS256" else ""
    headers = {"kid": browser.lms.key_id}
    token = jwt.encode(browser.lms.message(asked["nonce"]), secret, algorithm=algorithm, headers=headers)

    response = browser.post(state=asked["state"], id_token=token)

    check_refused(response, 401, caplog, "alg is not RS256")


@pytest.mark.parametrize("token", ["", "not a token", "a.b.c", urlsafe_b64encode(b"[" * 60_000).decode() + ".e30.e30"])
def test_row_37_id_token_missing_or_no_token(browser: Browser, caplog: pytest.LogCaptureFixture, token: str) -> None:
    asked = browser.begin()

    response = browser.post(state=asked["state"], id_token=token)

    check_refused(response, 400, caplog, "id_token")


def test_row_38_deployment_unknown(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    response = browser.launch(deployment_id="new-place")

    check_refused(response, 403, caplog, "deployment_unknown")
    assert "approve the deployment “new-place”" in response.content.decode()


# --- Valid launches -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [-25, 3, 25])
def test_row_29_clock_skew_of_seconds(browser: Browser, course: Course, ahead: int) -> None:
    at = int(time.time()) + ahead

    check_let_in(browser.launch(iat=at, nbf=at, exp=at + 5), course)


def test_row_33_aud_not_first_and_azp_ours(browser: Browser, course: Course) -> None:
    check_let_in(browser.launch(aud=["other", CLIENT_ID], azp=CLIENT_ID), course)


@pytest.mark.parametrize(
    "roles",
    [[], ["http://purl.imsglobal.org/vocab/lis/v2/uknownrole/unknown#Helper"]],
    ids=["row 41, empty list", "row 41, unknown role"],
)
def test_row_41_no_role_in_the_course(browser: Browser, roles: list[str]) -> None:
    response = browser.launch(roles=roles)

    assert (response.status_code, response["Location"]) == (302, "/classes/")
    assert Membership.objects.count() == 1


@pytest.mark.parametrize(
    "roles",
    [[STUDENT, "http://purl.imsglobal.org/vocab/lis/v2/institution/person#Student"], ["Learner"]],
    ids=["row 41, several roles", "row 41, short role"],
)
def test_row_41_roles_of_a_student(browser: Browser, course: Course, roles: list[str]) -> None:
    check_let_in(browser.launch(roles=roles), course)

    assert course.memberships.get(joined_by="lti").role == "student"


@pytest.mark.parametrize("role", [STUDENT, TEACHER], ids=["student", "teacher"])
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"name": None, "email": None}, id="row 42, no personal data"),
        pytest.param({"name": None}, id="row 42, only e-mail"),
        pytest.param({"email": None}, id="row 42, only a name"),
        pytest.param({"name": None, "given_name": "Ada", "family_name": "Lovelace"}, id="row 42, parts of a name"),
    ],
)
def test_row_42_valid_launch(browser: Browser, course: Course, role: str, changes: dict[str, Any]) -> None:
    check_let_in(browser.launch(roles=[role], **changes), course)


@pytest.mark.parametrize("changes", [{}, {"name": None}], ids=["only resource_link", "e-mail without context"])
def test_row_42_launch_without_context(browser: Browser, changes: dict[str, Any]) -> None:
    response = browser.launch(context=None, **changes)

    assert (response.status_code, response["Location"]) == (302, "/classes/")


def test_row_43_error_of_the_platform(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    asked = browser.begin()

    response = browser.post(state=asked["state"], error="login_required", error_description="<b>")

    check_refused(response, 403, caplog, "login_required")


def test_refusals_speak_of_nothing_that_was_sent(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    asked = browser.begin()

    response = browser.post(state=asked["state"], error="<script>alert(1)</script>")

    check_refused(response, 403, caplog, "no code")
    assert "alert(1)" not in response.content.decode() + caplog.text


def test_roles_in_the_institution_give_none_in_the_course(browser: Browser, course: Course) -> None:
    of_institution = "http://purl.imsglobal.org/vocab/lis/v2/institution/person#Instructor"

    check_let_in(browser.launch(roles=[of_institution, f"{MEMBERSHIP}#Learner"]), course)

    assert course.memberships.get(joined_by="lti").role == "student"


def test_log_of_a_launch_that_succeeds_has_no_token(
    browser: Browser, course: Course, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    check_let_in(browser.launch(), course)

    assert "eyJ" not in caplog.text


def test_deep_linking_opens_a_picker_and_signs_nobody_in(browser: Browser, course: Course) -> None:
    response = browser.launch(**dict(DEEP_LINKING))

    assert (response.status_code, response["Location"][:10]) == (302, "/lti/pick/")
    assert settings.SESSION_COOKIE_NAME not in browser.client.cookies
