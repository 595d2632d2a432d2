"""A class at work, as its teacher watches it: the page follows what a student saves, without being asked to."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.stack import Stack

pytestmark = [
    pytest.mark.browser,
    pytest.mark.stack,
    pytest.mark.usefixtures("leaving_no_servers"),
    pytest.mark.timeout(300),
]

NOTICED_MILLISECONDS = 60_000
"""A notebook is looked at every twenty seconds at most, and the machine may be busy."""
NAMES = "from tests.factories import *; from classes.models import *; from django.utils import timezone; "
MAKE = (
    NAMES
    + """
course = CourseFactory.create(slug="live-journey", title="Live journey")
teacher = member(course, "teacher", Role.TEACHER)
student = member(course, "student")
lesson = LessonFactory.create(course=course, title="First lesson", path="first.ipynb")
now = timezone.now()
LessonVisit.objects.create(membership=student, lesson=lesson, opened_at=now, last_opened_at=now)
server = NotebookServerFactory.create(owner=student.person, group=course.everybody, name="live-journey")
"""
)
SAVE = (
    NAMES
    + """
from tests.classes.notebook_files import *
from environments.models import NotebookServer
server = NotebookServer.objects.get(name="live-journey")
save(server, "first.ipynb", notebook(*[code(count=n if n <= {run} else None) for n in (1, 2, 3)]), saved_at={run})
NotebookServer.objects.update(last_activity_at=timezone.now())
"""
)


@pytest.fixture
def others(context: BrowserContext, stack: Stack) -> Page:
    """The student's browser."""
    assert context.browser is not None
    return context.browser.new_context(locale="en-GB").new_page()


def sign_in_at(page: Page, stack: Stack, username: str) -> None:
    """Sign this person in, by the form."""
    page.goto(f"{stack.base_url}/accounts/login/")
    page.get_by_label(re.compile("user ?name", re.IGNORECASE)).fill(username)
    page.get_by_label("Password", exact=True).fill(stack.password(username))
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{stack.base_url}/")


def test_teacher_sees_a_student_come_on_and_ask_for_help(
    page: Page, others: Page, stack: Stack, sign_in: Callable[[str], None], keep: Callable[[str], None]
) -> None:
    stack.manage("shell", "-c", MAKE)
    sign_in("teacher")
    page.goto(f"{stack.base_url}/classes/live-journey/live/")
    seat = page.locator("li.seat")
    expect(seat).to_contain_text("Nothing saved yet")
    page.evaluate("window.isTheSamePage = true")

    for run in (1, 3):
        stack.manage("shell", "-c", SAVE.format(run=run))
        expect(seat).to_contain_text(f"{run} of 3 cells run", timeout=NOTICED_MILLISECONDS)
    keep("1-came-on")

    sign_in_at(others, stack, "student")
    others.goto(f"{stack.base_url}/classes/live-journey/")
    others.get_by_role("button", name="Ask for help").click()
    expect(others.get_by_text("Your teacher sees that you ask for help")).to_be_visible()
    hand = page.get_by_role("region", name="Asking for help").get_by_role("listitem")
    expect(hand).to_have_count(1)
    keep("2-asks-for-help")
    assert page.evaluate("window.isTheSamePage")

    hand.get_by_role("button", name="Ask Sam Student to let you in").click()
    others.reload()
    others.get_by_role("button", name="Let them in").click()
    expect(hand.get_by_role("link", name="Go into the server")).to_be_visible()
    others.get_by_role("button", name="Put them out").click()
    expect(hand.get_by_role("button", name="Ask Sam Student to let you in")).to_be_visible()
    hand.get_by_role("button", name="was helped").click()
    expect(page.get_by_text("Nobody at the moment")).to_be_visible()
