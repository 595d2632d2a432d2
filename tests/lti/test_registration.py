"""A platform registers itself, over real HTTP, and waits for approval."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from lti import registration
from lti.models import AuditEntry, Deployment, KeyPair, Platform
from tests.fakes.lms.client import LmsProcess, sent

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

pytestmark = pytest.mark.django_db

CONFIGURATION, ENDPOINT = "/mod/lti/openid-configuration.php", "/mod/lti/openid-registration.php"
IN_A_FRAME = {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site"}


@pytest.fixture
def moodle(lms_process: LmsProcess, settings: Settings) -> LmsProcess:
    """One on this machine, which the operator vouches for."""
    lms_process.reset()
    settings.REPOSITORY_ALLOWED_HOSTS = ["127.0.0.1"]
    cache.clear()
    return lms_process


def offered(moodle: LmsProcess, tool_id: str = "0") -> dict[str, str]:
    """What its administrator's browser is sent to us with."""
    asked = {"url": "http://localhost:8000/lti/register/", "type": tool_id}
    went = sent(moodle.browser("admin").client.get("/mod/lti/startltiadvregistration.php", params=asked))
    assert went.url == "http://localhost:8000/lti/register/"
    return went.fields


def registers(client: Client, moodle: LmsProcess, tool_id: str = "0", **changes: str) -> Response:
    """Open our address as it says, and press the button."""
    response: Response = client.post("/lti/register/", offered(moodle, tool_id) | changes)
    return response


def tried(client: Client, moodle: LmsProcess) -> Response:
    """Open our address with a token that is not needed, because it does not come to that."""
    given = {"openid_configuration": f"{moodle.url}{CONFIGURATION}", "registration_token": "made-up"}
    response: Response = client.post("/lti/register/", given)
    return response


def tool_there(moodle: LmsProcess) -> dict[str, Any]:
    """What it knows of us."""
    (tool,) = moodle.do("state")["tools"].values()
    found: dict[str, Any] = tool
    return found


def lies(moodle: LmsProcess, path: str = CONFIGURATION, **facts: Any) -> None:
    """Have it answer one address otherwise."""
    moodle.do("answer", path=path, **facts)


def refused(response: Response, status: int, words: str) -> None:
    """Hold that this is what came of it, and that nothing is kept."""
    assert response.status_code == status, response.content.decode()
    assert words in response.content.decode()
    assert not Platform.objects.exists()


def test_opening_the_address_asks_first(client: Client, moodle: LmsProcess) -> None:
    given = offered(moodle)
    moodle.do("clear_log")

    response = client.get("/lti/register/", given, headers=IN_A_FRAME)

    assert response.status_code == 200
    assert urlsplit(moodle.url).netloc in response.content.decode()
    assert given["registration_token"] in response.content.decode()
    assert moodle.log() == []


def test_platform_that_registers_itself_waits_for_approval(client: Client, moodle: LmsProcess) -> None:
    response = registers(client, moodle)

    assert response.status_code == 200, response.content.decode()
    platform = Platform.objects.get()
    tool = tool_there(moodle)
    assert (platform.issuer, platform.client_id) == (moodle.url, tool["client_id"])
    assert platform.jwks_url == f"{moodle.url}/mod/lti/certs.php"
    assert platform.product == "moodle 5.1 (Build: 20251017)"
    assert (platform.state, platform.has_registered_itself) == (Platform.State.PENDING, True)
    assert Deployment.objects.get().deployment_id == tool["deployment"]
    assert not KeyPair.objects.exists()
    assert AuditEntry.objects.get().what == "platform_registered"


def test_platform_gets_to_know_us_as_moodle_wants_it(client: Client, moodle: LmsProcess) -> None:
    registers(client, moodle)

    tool = tool_there(moodle)
    assert tool["domain"] == "localhost:8000"
    assert tool["target_link_uri"] == "http://localhost:8000/lti/launch/"
    assert {scope.rpartition("/")[2] for scope in tool["scopes"]} == {
        "lineitem",
        "lineitem.readonly",
        "score",
        "result.readonly",
        "contextmembership.readonly",
    }
    assert {"name", "given_name", "family_name", "email"} <= set(tool["claims"])
    (message,) = tool["messages"]
    assert (message["type"], message["target_link_uri"][-10:]) == ("LtiDeepLinkingRequest", "/lti/pick/")
    assert tool["custom"]["carrel_context_history"] == "$Context.id.history"


def test_nothing_is_believed_of_a_platform_that_waits(client: Client, moodle: LmsProcess) -> None:
    registers(client, moodle)
    platform = Platform.objects.get()

    response = client.post(
        "/lti/login/",
        {
            "iss": platform.issuer,
            "client_id": platform.client_id,
            "login_hint": "2",
            "target_link_uri": "http://localhost:8000/lti/launch/",
        },
    )

    assert response.status_code == 403


def test_last_page_can_tell_the_platform_around_it_and_behind_its_window(client: Client, moodle: LmsProcess) -> None:
    response = registers(client, moodle)

    policy = dict(part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";") if part)
    assert policy["frame-ancestors"] == moodle.url
    assert "X-Frame-Options" not in response
    assert response["Cross-Origin-Opener-Policy"] == "unsafe-none"
    assert "data-tell-closed" in response.content.decode()
    assert "/static/js/close" in response.content.decode()


def test_token_is_good_once(client: Client, moodle: LmsProcess) -> None:
    given = offered(moodle)
    client.post("/lti/register/", given)

    again = client.post("/lti/register/", given)

    assert again.status_code == 422
    assert "did not accept Carrel" in again.content.decode()
    assert Platform.objects.count() == 1


def test_platform_that_is_known_is_left_as_it_is(client: Client, moodle: LmsProcess) -> None:
    registers(client, moodle)
    Platform.objects.update(state=Platform.State.ACTIVE, name="Campus", jwks_url="https://elsewhere.test/keys")

    response = registers(client, moodle, tool_id=str(tool_there(moodle)["id"]))

    assert response.status_code == 200
    assert "is in use" in response.content.decode()
    platform = Platform.objects.get()
    assert (platform.name, platform.jwks_url, platform.state) == ("Campus", "https://elsewhere.test/keys", "active")


def test_issuer_with_a_slash_at_its_end_is_another(client: Client, moodle: LmsProcess) -> None:
    registers(client, moodle)
    lies(moodle, merge={"issuer": f"{moodle.url}/"})

    registers(client, moodle)

    assert set(Platform.objects.values_list("issuer", flat=True)) == {moodle.url, f"{moodle.url}/"}


@pytest.mark.parametrize(
    "endpoint", ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "registration_endpoint"]
)
@pytest.mark.parametrize(
    "address",
    [
        "https://elsewhere.test/x",
        "http://127.0.0.1/x",
        "http://127.0.0.1.elsewhere.test/",
        "{there}@elsewhere.test/",
        "javascript:alert(1)",
        None,
        7,
    ],
)
def test_what_is_elsewhere_is_not_registered(
    client: Client, moodle: LmsProcess, endpoint: str, address: str | int | None
) -> None:
    address = address.replace("{there}", moodle.url) if isinstance(address, str) else address
    lies(moodle, merge={endpoint: address})

    refused(tried(client, moodle), 400, "leads to another site than its own")
    assert moodle.log(ENDPOINT) == []


@pytest.mark.parametrize("issuer", ["{there}?a=b", "{there}#a", "{there}/ a", "{there}/\u202e", "{there}/" + "a" * 255])
def test_issuer_that_cannot_be_one_is_not_registered(client: Client, moodle: LmsProcess, issuer: str) -> None:
    lies(moodle, merge={"issuer": issuer.replace("{there}", moodle.url)})

    refused(tried(client, moodle), 400, "leads to another site than its own")


@pytest.mark.parametrize("path", [CONFIGURATION, ENDPOINT])
@pytest.mark.parametrize(
    "facts",
    [
        {"status": 404, "body": "<html>no</html>"},
        {"status": 500, "body": ""},
        {"body": "<html>a page to sign in</html>"},
        {"body": "[]"},
        {"body": "[" * 50_000},
        {"status": 302, "body": "", "headers": {"location": "http://169.254.169.254/"}},
    ],
    ids=["missing", "broken", "a page", "a list", "deep", "a redirect"],
)
def test_what_is_no_answer_is_not_registered(
    client: Client, moodle: LmsProcess, path: str, facts: dict[str, Any]
) -> None:
    lies(moodle, path, **facts)

    refused(tried(client, moodle), 422, "did not accept Carrel")


def test_huge_answer_is_cut_off(client: Client, moodle: LmsProcess) -> None:
    lies(moodle, body=json.dumps({"issuer": moodle.url, "padding": "x" * 3_000_000}))

    refused(registers(client, moodle), 422, "did not accept Carrel")


def test_platform_that_does_not_answer_in_time_is_given_up(
    client: Client, moodle: LmsProcess, settings: Settings
) -> None:
    settings.REPOSITORY_TIMEOUT_SECONDS = 0.3
    given = offered(moodle)
    lies(moodle, hang=True)

    response = client.post("/lti/register/", given)

    moodle.do("truth")
    refused(response, 502, "cannot reach the learning platform")


@pytest.mark.parametrize("client_id", [None, "", 7, "a" * 256, "a\nb", " a"])
def test_client_id_that_cannot_be_one_is_not_kept(client: Client, moodle: LmsProcess, client_id: Any) -> None:
    lies(moodle, ENDPOINT, merge={"client_id": client_id})

    refused(registers(client, moodle), 422, "did not accept Carrel")


@pytest.mark.parametrize("told", [{}, "x", {"deployment_id": 7}, {"deployment_id": "a" * 256}])
def test_deployment_may_be_left_out(client: Client, moodle: LmsProcess, told: Any) -> None:
    lies(moodle, ENDPOINT, merge={registration.TOOL: told})

    registers(client, moodle)

    assert Platform.objects.count() == 1
    assert not Deployment.objects.exists()


@pytest.mark.parametrize("left_out", ["openid_configuration", "registration_token"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_address_that_is_opened_by_hand_says_what_it_is_for(
    client: Client, moodle: LmsProcess, left_out: str, method: str
) -> None:
    given = offered(moodle)
    del given[left_out]

    refused(getattr(client, method)("/lti/register/", given), 400, "paste it where your learning platform takes")


@pytest.mark.parametrize("token", ["a\nb", "a b", "é", "a" * 10_001])
def test_token_that_cannot_be_sent_is_refused(client: Client, moodle: LmsProcess, token: str) -> None:
    refused(registers(client, moodle, registration_token=token), 400, "This address is not for people")


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/",
        "http://127.0.0.1:6379/",
        "https://10.0.0.1/x",
        "https://[::1]/x",
        "file:///etc/passwd",
        "git@github.com:a/b.git",
        "//elsewhere.test/x",
    ],
)
def test_addresses_inside_are_never_asked(client: Client, settings: Settings, url: str) -> None:
    settings.REPOSITORY_ALLOWED_HOSTS = []
    cache.clear()

    response = client.post("/lti/register/", {"openid_configuration": url, "registration_token": "t"})

    assert response.status_code in (400, 502)
    assert not Platform.objects.exists()


def test_platform_that_is_not_on_https_is_for_hosts_the_operator_lists(
    client: Client, moodle: LmsProcess, settings: Settings
) -> None:
    given = offered(moodle)
    settings.REPOSITORY_ALLOWED_HOSTS = []
    moodle.do("clear_log")

    response = client.post("/lti/register/", given)

    assert response.status_code == 400
    assert moodle.log() == []


def test_log_holds_no_token(client: Client, moodle: LmsProcess, caplog: pytest.LogCaptureFixture) -> None:
    given = offered(moodle)
    client.post("/lti/register/", given)

    again = client.post("/lti/register/", given)

    reference = re.search(r"<code>([0-9a-f]{8})</code>", again.content.decode())
    assert reference is not None
    assert reference[1] in caplog.text
    assert given["registration_token"] not in caplog.text
    assert given["registration_token"] not in again.content.decode()


def test_few_of_one_host_wait(client: Client, moodle: LmsProcess) -> None:
    for _time in range(registration.MAX_WAITING_AT_A_HOST):
        registers(client, moodle)
    moodle.do("clear_log")

    response = registers(client, moodle)

    assert response.status_code == 429
    assert Platform.objects.count() == registration.MAX_WAITING_AT_A_HOST
    assert moodle.log(ENDPOINT) == []


def waiting(number: int, **facts: Any) -> Platform:
    described = {"name": "Flood", "issuer": f"https://flood{number}.test", "client_id": "1"}
    return Platform.objects.create(**described | {"has_registered_itself": True} | facts)


def test_few_wait_in_all_and_whoever_was_added_does_not_count(client: Client, moodle: LmsProcess) -> None:
    for number in range(registration.MAX_WAITING):
        waiting(number, has_registered_itself=number > 0)
    assert registers(client, moodle).status_code == 200

    assert registers(client, moodle).status_code == 429


def test_who_has_waited_too_long_makes_room_and_is_forgotten(client: Client, moodle: LmsProcess) -> None:
    now = timezone.now()
    for number in range(registration.MAX_WAITING):
        waiting(number, created_at=now - registration.WAITS)
    used = waiting(99, created_at=now - timedelta(days=400), state=Platform.State.ACTIVE)
    by_hand = waiting(98, created_at=now - timedelta(days=400), has_registered_itself=False)

    assert registers(client, moodle).status_code == 200
    registration.forget_waiting(now=now)

    assert set(Platform.objects.exclude(issuer=moodle.url)) == {used, by_hand}


def test_one_host_cannot_have_us_ask_it_all_day(client: Client, moodle: LmsProcess) -> None:
    answers = [tried(client, moodle).status_code for _time in range(21)]

    assert set(answers[:-1]) == {422}
    assert answers[-1] == 429


def test_page_elsewhere_cannot_press_the_button(client: Client, moodle: LmsProcess) -> None:
    headers = {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site"}

    response = client.post("/lti/register/", offered(moodle), headers=headers | {"Origin": "https://elsewhere.test"})

    assert response.status_code == 403
    assert not Platform.objects.exists()


def test_description_names_the_port_and_the_domain_as_one(settings: Settings) -> None:
    said = registration.description("https://carrel.example.org:8443")

    (redirect_uri,) = said["redirect_uris"]
    assert said[registration.TOOL]["domain"] == urlsplit(redirect_uri).netloc == "carrel.example.org:8443"
    assert not parse_qs(urlsplit(said["jwks_uri"]).query)
