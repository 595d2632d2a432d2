"""An assignment from release to feedback, and a correction that changes a grade: a teacher, a student, a grader."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.assignment_steps import (
    WORK_MILLISECONDS,
    doubling,
    make_assignment,
    open_gradebook,
    publish,
    send_notebook,
    work_on,
)
from tests.fakes.git_host import GitHost
from tests.stack import Stack

pytestmark = [
    pytest.mark.browser,
    pytest.mark.stack,
    pytest.mark.usefixtures("leaving_no_servers"),
    pytest.mark.timeout(500),
]

TOO_STRICT = "assert double(2) == 4\n### BEGIN HIDDEN TESTS\nassert type(double(3)) is int\n### END HIDDEN TESTS"
CORRECTED = "assert double(2) == 4\n### BEGIN HIDDEN TESTS\nassert double(3) == 6\n### END HIDDEN TESTS"


@pytest.fixture
def open_tab(browser: Browser, site: Stack) -> Iterator[Callable[[str], Page]]:
    """Opens a browser for one of the demo's people, signed in."""
    contexts = []

    def open_for(username: str) -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-GB")
        contexts.append(context)
        tab = context.new_page()
        tab.goto(f"{site.base_url}/accounts/login/")
        tab.get_by_label(re.compile("user ?name", re.IGNORECASE)).fill(username)
        tab.get_by_label("Password", exact=True).fill(site.password(username))
        tab.get_by_role("main").get_by_role("button", name="Sign in").click()
        tab.wait_for_url(f"{site.base_url}/")
        return tab

    yield open_for
    for context in contexts:
        context.close()


def make_class(page: Page, repository: str) -> str:
    """Make a class, invite, and return the link of the invitation."""
    page.get_by_role("link", name="Classes", exact=True).click()
    page.get_by_role("link", name="Make a class").click()
    page.get_by_label("Title").fill("Programming, first term")
    page.get_by_label("Address of the repository").fill(repository)
    page.get_by_role("button", name="Make the class").click()
    page.get_by_role("link", name="People", exact=True).click()
    page.get_by_role("link", name="Invite").click()
    page.get_by_role("button", name="Make an invitation").click()
    return page.locator("#invitation").inner_text()


def test_assignment_goes_from_release_to_feedback_and_a_correction_changes_a_grade(
    page: Page,
    site: Stack,
    git_host: GitHost,
    sign_in: Callable[[str], None],
    open_tab: Callable[[str], Page],
    keep: Callable[[str], None],
) -> None:
    git_host.add("programming", {"requirements.txt": ""})
    sign_in("teacher")
    link = make_class(page, git_host.url("programming"))

    # The teacher makes an assignment and releases it past its check.
    make_assignment(page, "Doubling")
    notebooks_page = page.url
    send_notebook(page, doubling(TOO_STRICT))
    keep("checked")
    page.get_by_role("button", name="Release to students").click()
    expect(page.get_by_text("Release 1 is given out.")).to_be_visible()
    staff_page = notebooks_page.removesuffix("notebooks/")

    # The student gets a copy, works in it, submits, and reads the receipt.
    student = open_tab("student")
    student.goto(link)
    student.get_by_role("button", name="Join the class").click()
    student.goto(staff_page)
    student.get_by_role("button", name="Get my copy").click()
    student.get_by_role("button", name="Open my copy").click(timeout=WORK_MILLISECONDS)
    work_on(student)
    student.goto(staff_page)
    student.get_by_role("button", name="Submit").click()
    expect(student.get_by_text("Graded, not published yet")).to_be_visible(timeout=WORK_MILLISECONDS)
    student.get_by_role("link", name=re.compile("^Files and receipt")).click()
    expect(student.get_by_text("doubling.ipynb").first).to_be_visible()
    expect(student.get_by_text("SHA-256").first).to_be_visible()

    # The teacher finishes by hand what no test can grade, and publishes.
    page.goto(f"{staff_page}grading/")
    page.get_by_role("link", name="Grade the next answer").click()
    expect(page.get_by_text("Adding a number to itself doubles it.").first).to_be_visible()
    keep("marking")
    page.get_by_label("Points, of 2").fill("2")
    page.get_by_role("button", name="Save and next").click()
    open_gradebook(page)
    expect(page.get_by_role("link", name="2 / 5")).to_be_visible()
    publish(page)
    keep("gradebook")

    # The student reads what came of it.
    student.goto(staff_page)
    student.get_by_role("link", name=re.compile("Read the feedback")).first.click()
    expect(student.get_by_text("2 / 5").first).to_be_visible()
    expect(student.get_by_text("type(double(3))")).to_have_count(0)

    # The test was too strict. A corrected release gives the student their points, once the teacher takes that over.
    page.goto(notebooks_page)
    send_notebook(page, doubling(CORRECTED))
    page.get_by_label("What has changed").fill("Any kind of number will do")
    page.get_by_role("button", name="Release to students").click()
    expect(page.get_by_text("Release 2 is given out.")).to_be_visible()
    page.goto(f"{staff_page}regrading/")
    page.get_by_role("button", name="See what would change").click()
    expect(page.get_by_text("1 grade would change.")).to_be_visible(timeout=WORK_MILLISECONDS)
    keep("regrading")
    page.get_by_role("button", name="Take over the chosen").click()
    open_gradebook(page)
    expect(page.get_by_text("changed since it was published")).to_be_visible()
    publish(page)
    student.goto(staff_page)
    expect(student.get_by_text("5 / 5").first).to_be_visible()
