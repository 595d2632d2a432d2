"""A teacher adds parts of a class to a course of a learning platform on another site, in its frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.fakes.lms.client import LmsProcess, running_lms
from tests.stack import Stack

pytestmark = pytest.mark.browser

# The platform's course 2, Computing 101, is the demo's class.
REGISTER = """
from django.utils import timezone
from classes.models import Course
from lti.models import Platform
from lti.platforms import add_platform
url = {url!r}
platform = add_platform(Platform(
    name="Campus", state="active", issuer=url, client_id={client_id!r}, auth_login_url=url + "/mod/lti/auth.php",
    token_url=url + "/mod/lti/token.php", jwks_url=url + "/mod/lti/certs.php",
), by=None, now=timezone.now())
deployment = platform.deployments.create(deployment_id={deployment!r})
deployment.contexts.create(context_id="2", course=Course.objects.get(slug__startswith="stat-101"))
"""
FORGET = """
from accounts.models import User
from classes.models import Membership
from lti.models import Platform
Platform.objects.filter(name="Campus").delete()
came = User.objects.filter(username__startswith="lti-", lti_people=None)
Membership.objects.filter(person__in=came).delete()
came.delete()
"""


@pytest.fixture
def lms(site: Stack) -> Iterator[LmsProcess]:
    """At 127.0.0.1, where the stack is at localhost: to a browser two sites."""
    with running_lms() as lms:
        tool = lms.do(
            "register",
            name="Carrel",
            initiate_login_uri=f"{site.base_url}/lti/login/",
            redirect_uris=[f"{site.base_url}/lti/launch/"],
            target_link_uri=f"{site.base_url}/lti/launch/",
            jwks_uri=f"{site.base_url}/lti/keys.json",
            scopes=[],  # Nobody else of the course is to come into the class.
            messages=[{"type": "LtiDeepLinkingRequest", "target_link_uri": f"{site.base_url}/lti/pick/"}],
        )
        facts = {name: tool[name] for name in ("client_id", "deployment")}
        site.manage("shell", "-c", REGISTER.format(url=lms.url, **facts))
        yield lms
        site.manage("shell", "-c", FORGET)


def test_teacher_picks_two_things_in_a_frame_and_opens_one(
    page: Page, site: Stack, lms: LmsProcess, keep: Callable[[str], None]
) -> None:
    page.goto(lms.url)
    page.get_by_role("button", name="Sign in as Tess Moreau").click()
    page.get_by_role("link", name="Computing 101").click()
    page.get_by_role("link", name="Carrel", exact=True).click()
    frame = page.frame_locator("iframe")

    frame.get_by_role("group", name="Assignments").get_by_label("Describing data").check()
    frame.get_by_role("group", name="The class").get_by_label("Statistics by doing").check()
    keep("picker")
    frame.get_by_role("button", name="Add to the course").click()

    expect(page.get_by_role("heading", name="Computing 101")).to_be_visible()
    expect(page.get_by_role("link", name="Statistics by doing")).to_be_visible()
    page.get_by_role("link", name="Describing data").click()
    with page.expect_popup() as opened:
        page.frame_locator("iframe").get_by_role("button", name="Open").click()
    expect(opened.value.get_by_role("heading", name="Describing data")).to_be_visible()
    assert opened.value.url.startswith(f"{site.base_url}/classes/stat-101")
    assert [column["label"] for column in lms.do("grades", course=2)] == ["Describing data"]
