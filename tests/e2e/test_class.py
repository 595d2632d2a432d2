"""A class from nothing: a teacher makes it with a lesson and a link; a student comes by the link and works in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.fakes.git_host import GitHost
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
NOTEBOOK = """{"cells": [{"cell_type": "code", "id": "one", "metadata": {}, "execution_count": null, "outputs": [],
"source": "print(6 * 7)"}], "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3",
"language": "python"}}, "nbformat": 4, "nbformat_minor": 5}"""


@pytest.fixture
def student(browser: Browser, site: Stack) -> Iterator[Page]:
    """The browser of a student, who is not signed in."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-GB")
    yield context.new_page()
    context.close()


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


def test_teach_a_class_from_nothing(
    page: Page,
    student: Page,
    site: Stack,
    git_host: GitHost,
    sign_in: Callable[[str], None],
    keep: Callable[[str], None],
) -> None:
    git_host.add("algebra", {"requirements.txt": "", "week 1/first.ipynb": NOTEBOOK})

    # The teacher makes the class, with one lesson.
    sign_in("teacher")
    page.get_by_role("link", name="Classes", exact=True).click()
    page.get_by_role("link", name="Make a class").click()
    page.get_by_label("Title").fill("Algebra, first term")
    page.get_by_label("Address of the repository").fill(git_host.url("algebra"))
    page.get_by_role("button", name="Make the class").click()
    expect(page.get_by_text("Getting the class ready")).to_be_visible()
    keep("new class")
    page.get_by_role("link", name="Add the first lesson").click()
    page.get_by_label("Title").fill("Numbers")
    page.get_by_label("Notebook").fill("week 1/first.ipynb")
    page.get_by_label("Now", exact=True).check()
    page.get_by_role("button", name="Add the lesson").click()
    page.get_by_role("link", name="People", exact=True).click()
    page.get_by_role("link", name="Invite").click()
    page.get_by_role("button", name="Make an invitation").click()
    link = page.locator("#invitation").inner_text()
    keep("invitation")

    # The student comes by the link, and signs in on the way.
    student.goto(link)
    student.get_by_label(re.compile("user ?name", re.IGNORECASE)).fill("student")
    student.get_by_label("Password", exact=True).fill(site.password("student"))
    student.get_by_role("main").get_by_role("button", name="Sign in").click()
    student.get_by_role("button", name="Join the class").click()
    expect(student.get_by_role("heading", name="Numbers")).to_be_visible()
    class_page = student.url
    student.get_by_role("button", name="Open the notebook").click()
    student.wait_for_url(re.compile(r"\.localhost:\d+/lab"), timeout=BUILD_MILLISECONDS)
    expect(student.locator(".jp-StatusBar-Left")).to_contain_text("Idle", timeout=LAB_MILLISECONDS)
    run_first_cell(student, expected="42")
    student.keyboard.press("Control+s")

    # A second click leads into the same server, which runs by now.
    student.goto(class_page)
    student.get_by_role("button", name="Open the notebook").click()
    student.wait_for_url(re.compile(r"\.localhost:\d+/lab"), timeout=LAB_MILLISECONDS)

    # The teacher sees them at work.
    page.get_by_role("link", name="Live").click()
    expect(page.get_by_text("1 of 1 cells run")).to_be_visible(timeout=LAB_MILLISECONDS)
    keep("live")
