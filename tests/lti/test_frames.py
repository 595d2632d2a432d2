"""Beginning inside a page of the platform, and what browsers then send."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.models import User
from classes.models import Course
from lti.keys import make_first_key
from lti.models import Handover, LoginAttempt, Platform
from tests.lti.picking import picker
from tests.lti.platforms import Browser, SmallPlatform

IN_A_FRAME = {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site"}
BY_A_PAGE_ELSEWHERE = {
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "cross-site",
    "Origin": "https://campus.example.org",
}


@pytest.mark.parametrize("method", ["get", "post"])
def test_login_in_a_frame_offers_a_window_of_its_own(
    lms: SmallPlatform, platform: Platform, client: Client, method: str
) -> None:
    response = getattr(client, method)("/lti/login/", lms.login_parameters(login_hint='"<42>'), headers=IN_A_FRAME)

    page = response.content.decode()
    assert response.status_code == 200
    assert 'target="_blank"' in page
    assert 'name="login_hint" value="&quot;&lt;42&gt;"' in page
    assert 'name="lti_message_hint"' in page
    assert LoginAttempt.objects.count() == 0
    assert settings.LTI_COOKIE_NAME not in response.cookies


def test_page_in_a_frame_is_for_its_platform_alone(lms: SmallPlatform, platform: Platform, client: Client) -> None:
    response = client.post("/lti/login/", lms.login_parameters(), headers=IN_A_FRAME)

    policy = dict(part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";") if part)
    assert policy["frame-ancestors"] == lms.issuer
    assert lms.issuer in policy["form-action"].split()
    assert "X-Frame-Options" not in response


def test_window_of_its_own_goes_on_to_the_platform(lms: SmallPlatform, platform: Platform, client: Client) -> None:
    here = {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"}

    response = client.post("/lti/login/", lms.login_parameters(), headers=here)

    assert response.status_code == 302
    assert response["Location"].startswith(f"{lms.issuer}/auth?")


def test_refusal_can_be_read_in_a_frame(platform: Platform, client: Client) -> None:
    response = client.get("/lti/login/", headers=IN_A_FRAME)

    assert response.status_code == 400
    assert "X-Frame-Options" not in response
    assert "frame-ancestors https: http:" in response["Content-Security-Policy"]
    assert "<nav" not in response.content.decode()


def test_cookie_is_sent_by_pages_of_platforms_and_read_by_none(
    lms: SmallPlatform, platform: Platform, client: Client
) -> None:
    response = client.post("/lti/login/", lms.login_parameters())

    sent = response.cookies[settings.LTI_COOKIE_NAME].OutputString().split("; ")
    assert {"Secure", "HttpOnly", "SameSite=None", "Partitioned", "Path=/", "Max-Age=3600"} <= set(sent)
    assert not [part for part in sent if part.startswith("Domain")]


def test_cookie_is_not_what_is_kept(browser: Browser) -> None:
    asked = browser.begin()

    attempt = LoginAttempt.objects.get()
    kept = {attempt.state_hash, attempt.nonce_hash, attempt.browser_hash}
    known = {asked["state"], asked["nonce"], browser.client.cookies[settings.LTI_COOKIE_NAME].value}
    assert not kept & known


def test_two_windows_of_one_browser_end_what_each_began(browser: Browser, course: Course) -> None:
    first, second = browser.begin(), browser.begin()

    answers = [
        browser.post(state=asked["state"], id_token=browser.lms.signed(browser.lms.message(asked["nonce"])))
        for asked in (second, first)
    ]

    assert [answer.status_code for answer in answers] == [302, 302]


def test_launch_is_taken_from_a_page_elsewhere(browser: Browser, course: Course) -> None:
    asked = browser.begin()
    fields = {"state": asked["state"], "id_token": browser.lms.signed(browser.lms.message(asked["nonce"]))}

    response = browser.client.post("/lti/launch/", fields, headers=BY_A_PAGE_ELSEWHERE)

    assert response.status_code == 302


# --- What stays in a frame, and the way out of it -----------------------------------------------------------


@pytest.mark.parametrize(
    "said", [{"target_link_uri": "http://localhost:8000/lti/pick/"}, {"stay": "1"}], ids=["by address", "by choice"]
)
def test_login_for_choosing_stays_in_its_frame(
    lms: SmallPlatform, platform: Platform, client: Client, said: dict[str, str]
) -> None:
    response = client.post("/lti/login/", lms.login_parameters(**said), headers=IN_A_FRAME)

    assert response.status_code == 302
    assert response["Location"].startswith(f"{lms.issuer}/auth?")
    assert "Partitioned" in response.cookies[settings.LTI_COOKIE_NAME].OutputString()


def test_staying_in_the_frame_is_offered(lms: SmallPlatform, platform: Platform, client: Client) -> None:
    page = client.post("/lti/login/", lms.login_parameters(), headers=IN_A_FRAME).content.decode()

    assert 'name="stay"' in page
    assert "Choose here" in page


def test_link_that_was_added_here_offers_its_window_alone(
    lms: SmallPlatform, platform: Platform, client: Client
) -> None:
    target = "http://localhost:8000/lti/launch/?to=assignment"

    page = client.post("/lti/login/", lms.login_parameters(target_link_uri=target), headers=IN_A_FRAME).content.decode()

    assert 'target="_blank"' in page
    assert 'name="stay"' not in page


def test_picker_is_shown_in_a_frame(browser: Browser, course: Course) -> None:
    url = picker(browser)

    response = browser.client.get(url, headers=IN_A_FRAME)

    assert response.status_code == 200
    assert "X-Frame-Options" not in response
    policy = response["Content-Security-Policy"].split("; ")
    assert f"frame-ancestors {browser.lms.issuer} https://campus.example.org" in policy


def test_only_pages_of_ours_choose(browser: Browser, course: Course) -> None:
    make_first_key(Platform.objects.get(), now=timezone.now())
    url = picker(browser)
    ours = IN_A_FRAME | {"Sec-Fetch-Site": "same-origin", "Origin": "http://testserver"}

    assert browser.client.post(url, {"do": "cancel"}, headers=BY_A_PAGE_ELSEWHERE).status_code == 403
    assert browser.client.post(url, {"do": "cancel"}, headers=ours).status_code == 200


def entering(browser: Browser) -> str:
    """The token on the page that somebody gets whom a launch has brought into a frame."""
    asked = browser.begin()
    token = browser.lms.signed(browser.lms.message(asked["nonce"]))
    fields = {"state": asked["state"], "id_token": token}
    response = browser.client.post("/lti/launch/", fields, headers=IN_A_FRAME)
    assert settings.SESSION_COOKIE_NAME not in response.cookies
    button = r'action="/lti/enter/" target="_blank">\s*<input type="hidden" name="token" value="([\w-]+)"'
    found = re.search(button, response.content.decode())
    assert found is not None
    return found[1]


def test_launch_that_ends_in_a_frame_goes_on_in_a_window(browser: Browser, course: Course) -> None:
    token = entering(browser)

    window = Client()
    response = window.post("/lti/enter/", {"token": token})

    assert response["Location"] == f"/classes/{course.slug}/"
    assert window.get(response["Location"]).status_code == 200


def test_way_out_is_taken_once(browser: Browser, course: Course) -> None:
    token = entering(browser)
    Client().post("/lti/enter/", {"token": token})

    response = Client().post("/lti/enter/", {"token": token})

    assert response.status_code == 401
    assert settings.SESSION_COOKIE_NAME not in response.cookies


def test_way_out_is_open_for_a_minute(browser: Browser, course: Course) -> None:
    token = entering(browser)
    handover = Handover.objects.get()
    assert handover.expires_at <= timezone.now() + timedelta(minutes=1)
    Handover.objects.update(expires_at=timezone.now())

    assert Client().post("/lti/enter/", {"token": token}).status_code == 401


def test_way_out_is_not_for_an_account_that_was_closed(browser: Browser, course: Course) -> None:
    token = entering(browser)
    User.objects.filter(lti_people__isnull=False).update(is_active=False)

    assert Client().post("/lti/enter/", {"token": token}).status_code == 403


@pytest.mark.parametrize("path", ["/lti/join/", "/lti/launch/more/", "/lti/courses/", "/lti/enter/", "/lti/pick/"])
def test_nothing_else_is_taken_from_a_page_elsewhere(client: Client, db: None, path: str) -> None:
    assert client.post(path, headers=BY_A_PAGE_ELSEWHERE).status_code == 403


def test_browser_that_keeps_no_cookie_is_told(browser: Browser) -> None:
    asked = browser.begin()
    browser.client.cookies.clear()

    response = browser.post(state=asked["state"], id_token="")

    assert response.status_code == 401
    assert "allow cookies for this site" in response.content.decode()
