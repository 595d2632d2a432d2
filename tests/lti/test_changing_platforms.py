"""Platforms that change while somebody is on their way from them."""

from __future__ import annotations

from classes.models import Course
from lti.models import Context, Deployment
from tests.fakes.openid_provider import new_key
from tests.lti.platforms import Browser


def test_key_that_rotates_between_login_and_launch_is_found(browser: Browser, course: Course) -> None:
    assert browser.launch().status_code == 302
    asked = browser.begin()
    browser.lms.key, browser.lms.key_id = new_key(), "two"
    browser.lms.published = {"two": browser.lms.key}

    token = browser.lms.signed(browser.lms.message(asked["nonce"]))
    response = browser.post(state=asked["state"], id_token=token)

    assert response.status_code == 302


def test_launch_signed_with_a_key_that_was_taken_back_is_refused(browser: Browser, course: Course) -> None:
    former, name = browser.lms.key, browser.lms.key_id
    browser.lms.key, browser.lms.key_id = new_key(), "two"
    browser.lms.published = {"two": browser.lms.key}

    response = browser.launch(key=former, headers={"kid": name})

    assert response.status_code == 401


def test_launch_of_a_deployment_that_was_withdrawn_is_refused_and_loses_nothing(
    browser: Browser, course: Course
) -> None:
    browser.launch()
    Deployment.objects.update(deployment_id="2")

    response = browser.launch()

    assert response.status_code == 403
    assert "approve the deployment" in response.content.decode()
    assert Context.objects.get().course == course
    assert course.memberships.present().count() == 2
