"""From a learning platform to an executed cell: a teacher, a student, two sites, and frames that keep no cookie.

The platform is the pretend Moodle at 127.0.0.1, Carrel is at localhost: for a browser they are two sites, as they are
in an institution.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.fakes.git_host import GitHost
from tests.fakes.lms.client import LmsProcess, running_lms
from tests.stack import Stack

pytestmark = [
    pytest.mark.browser,
    pytest.mark.stack,
    pytest.mark.usefixtures("leaving_no_servers"),
    pytest.mark.timeout(400),
]

BUILD_MILLISECONDS = 240_000
LAB_MILLISECONDS = 60_000
RUN_MILLISECONDS = 8_000
RUNS = 4
COURSE = "Computing 101"
NOTEBOOK = """{"cells": [{"cell_type": "code", "id": "one", "metadata": {}, "execution_count": null, "outputs": [],
"source": "print(6 * 7)"}], "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3",
"language": "python"}}, "nbformat": 4, "nbformat_minor": 5}"""
REGISTER = """
from django.utils import timezone
from lti.models import Platform
from lti.platforms import add_platform
issuer = "{issuer}"
pages = {{"auth_login_url": "auth", "token_url": "token", "jwks_url": "certs"}}
urls = {{field: f"{{issuer}}/mod/lti/{{page}}.php" for field, page in pages.items()}}
platform = Platform(name="Campus", issuer=issuer, client_id="carrel", state="active", **urls)
add_platform(platform, now=timezone.now()).deployments.create(deployment_id="{deployment}")
"""

People = Callable[[str], Page]


@pytest.fixture
def lms() -> Iterator[LmsProcess]:
    """A platform whose name is its address, which is not the site's."""
    with running_lms() as lms:
        yield lms


@pytest.fixture
def people(browser: Browser, lms: LmsProcess, site: Stack) -> Iterator[People]:
    """Opens a browser for somebody of the platform, in which they are in their course."""
    contexts: list[BrowserContext] = []

    def at_course(name: str) -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-GB")
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.goto(lms.url)
        page.get_by_role("button", name=f"Sign in as {name}").click()
        page.get_by_role("link", name=COURSE).click()
        return page

    yield at_course
    for context in contexts:
        context.close()


def register(lms: LmsProcess, site: Stack) -> int:
    """Have each know the other, as administrators would by hand. Returns the tool's number there."""
    tool = lms.do(
        "register",
        name="Carrel",
        client_id="carrel",
        initiate_login_uri=f"{site.base_url}/lti/login/",
        redirect_uris=[f"{site.base_url}/lti/launch/"],
        target_link_uri=f"{site.base_url}/lti/launch/",
        jwks_uri=f"{site.base_url}/lti/keys.json",
    )
    site.manage("shell", "-c", REGISTER.format(issuer=lms.url, deployment=tool["deployment"]))
    number: int = tool["id"]
    return number


def open_framed(page: Page, activity: str) -> Page:
    """Click an activity, and the button in its frame. Returns the window of its own that opens."""
    page.get_by_role("link", name=activity, exact=True).click()
    frame = page.frame_locator(f'iframe[title="{activity}"]')
    with page.expect_popup() as opened:
        frame.get_by_role("button", name="Open").click()
    opened.value.set_default_timeout(20_000)
    return opened.value


def run_first_cell(page: Page, *, expected: str) -> None:
    """Run it, more than once if need be: JupyterLab drops a cell that is run while its kernel still connects."""
    cell = page.locator(".jp-CodeCell").first
    for _ in range(RUNS):
        cell.locator(".cm-content").click()
        page.keyboard.press("Control+Enter")
        with suppress(AssertionError):
            expect(cell.locator(".jp-OutputArea-output").first).to_contain_text(expected, timeout=RUN_MILLISECONDS)
            return
    pytest.fail(f"the cell never printed {expected!r}")


def test_activity_of_a_course_leads_from_its_frame_to_an_executed_cell(
    lms: LmsProcess, site: Stack, people: People, git_host: GitHost
) -> None:
    git_host.add("computing", {"requirements.txt": "", "first.ipynb": NOTEBOOK})
    lms.do("activity", course=2, tool=register(lms, site), title="Our notebooks")

    # The teacher comes from a course that is no class yet, and makes it one.
    teacher = open_framed(people("Tess Moreau"), "Our notebooks")
    expect(teacher.get_by_role("heading", name="has no class here yet")).to_be_visible()
    expect(teacher.get_by_label("Title")).to_have_value(COURSE)
    teacher.get_by_label("Address of the repository").fill(git_host.url("computing"))
    teacher.get_by_role("button", name="Make the class").click()
    teacher.get_by_role("link", name="Add the first lesson").click()
    teacher.get_by_label("Title").fill("Numbers")
    teacher.get_by_label("Notebook").fill("first.ipynb")
    teacher.get_by_label("Now", exact=True).check()
    teacher.get_by_role("button", name="Add the lesson").click()

    # A student clicks the same activity, and works in a notebook of their own. Their course stays open behind it.
    course_page = people("Ada Lindqvist")
    student = open_framed(course_page, "Our notebooks")
    expect(student.get_by_role("heading", name="Numbers")).to_be_visible()
    expect(student.get_by_text("An account was made for you here.")).to_be_visible()
    student.get_by_role("button", name="Open the notebook").click()
    student.wait_for_url(re.compile(r"\.localhost:\d+/lab"), timeout=BUILD_MILLISECONDS)
    expect(student.locator(".jp-StatusBar-Left")).to_contain_text("Idle", timeout=LAB_MILLISECONDS)
    run_first_cell(student, expected="42")
    expect(course_page.get_by_role("link", name="Back to the course")).to_be_visible()
