"""Steps of whoever makes, does and grades an assignment in a browser, for the journeys that take them."""

from __future__ import annotations

import json
import re

from playwright.sync_api import Locator, Page, expect

from tests.assignments.notebook_cells import Notebook, answer, checks, manual, notebook

BUILD_MILLISECONDS = 240_000
WORK_MILLISECONDS = 90_000
SOLUTION = "### BEGIN SOLUTION\ndouble = lambda n: n + n\n### END SOLUTION"


def doubling(tests: str) -> Notebook:
    """A function to write, its tests for three points, and a question for two that a person grades."""
    return notebook(answer("double", SOLUTION), checks("double_tests", tests, points=3), manual("why", points=2))


def make_assignment(page: Page, title: str) -> None:
    """From wherever in the class one is, to where its notebooks are brought."""
    page.get_by_role("link", name="Assignments", exact=True).first.click()
    page.get_by_role("link", name="Make an assignment").first.click()
    page.get_by_label("Title").fill(title)
    page.get_by_role("button", name="Make it").click()
    if page.get_by_role("link", name="Notebooks and releases").count():
        page.get_by_role("link", name="Notebooks and releases").click()


def send_notebook(page: Page, content: Notebook) -> None:
    """Bring a notebook from the teacher's computer, and wait until it has passed the check."""
    file = {"name": "doubling.ipynb", "mimeType": "application/json", "buffer": json.dumps(content).encode()}
    bring = page.get_by_text("Bring other notebooks")
    if bring.count():
        bring.click()
    page.get_by_label("Notebooks, and data beside them").set_input_files(file)  # type: ignore[arg-type]
    page.get_by_role("button", name="Send and check").click()
    expect(page.locator("#check").get_by_text("Passed", exact=True)).to_be_visible(timeout=BUILD_MILLISECONDS)


def write_into(cell: Locator, text: str) -> None:
    """Put this in the place of what a cell of JupyterLab holds."""
    cell.locator(".cm-content").click()
    cell.page.keyboard.press("Control+a")
    cell.page.keyboard.type(text)


def open_gradebook(page: Page) -> None:
    """By the class's list of assignments, from wherever in the class one is."""
    page.get_by_role("link", name="Assignments", exact=True).first.click()
    page.get_by_role("link", name="Gradebook").click()


def publish(page: Page) -> None:
    """Tell the one student what they have."""
    page.get_by_role("link", name="Publish…").click()
    page.get_by_role("button", name="Publish 1 grade").click()
    expect(page.get_by_text("1 student now sees the grade.")).to_be_visible()


def work_on(tab: Page) -> None:
    """Write a function that is right, though not as the teacher wrote it, and a sentence; save."""
    tab.wait_for_url(re.compile(r"\.localhost:\d+/lab"), timeout=BUILD_MILLISECONDS)
    expect(tab.locator(".jp-StatusBar-Left")).to_contain_text("Idle", timeout=WORK_MILLISECONDS)
    write_into(tab.locator(".jp-CodeCell").first, "double = lambda n: n * 2.0")
    question = tab.locator(".jp-MarkdownCell").last
    question.dblclick()
    write_into(question, "Adding a number to itself doubles it.")
    tab.keyboard.press("Control+s")
    expect(tab.locator(".jp-DirtyIndicator, .jp-mod-dirty")).to_have_count(0)
