"""A server updated by its page, without a mouse: looked for, watched, told about, and taken back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.fakes.git_host import GitHost
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(300)]

PREPARE_MILLISECONDS = 120_000


@pytest.fixture
def leave_nothing(page: Page, stack: Stack) -> Iterator[None]:
    """Deletes the server this test has launched."""
    yield
    page.goto(stack.base_url)
    page.locator("#servers a[href$='/delete/']").first.click()
    page.get_by_role("main").get_by_role("button", name="Delete").click()
    page.wait_for_url(f"{stack.base_url}/")


@pytest.mark.usefixtures("leave_nothing")
def test_update_is_offered_carried_out_and_told_without_a_page_load(
    page: Page, stack: Stack, git_host: GitHost, sign_in: Callable[[str], None], keep: Callable[[str], None]
) -> None:
    git_host.add("lessons", {"requirements.txt": "", "lesson.md": "1", "notes.md": "1"})
    sign_in("teacher")
    page.get_by_label("Address of the repository").fill(git_host.url("lessons"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Stay here")).to_be_visible(timeout=PREPARE_MILLISECONDS)
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Stay here")).to_have_count(0)
    save_as_jupyter_does(stack, "teacher", "lesson.md", "my answers")
    second = git_host.commit("lessons", {"lesson.md": "2", "notes.md": "2"})
    page.locator("h1").evaluate("heading => heading.dataset.same = 'yes'")

    page.get_by_role("button", name="Look for a newer version").press("Enter")
    expect(page.get_by_role("heading", name="There is a newer version")).to_be_focused()
    keep("1-newer")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Update")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("is being prepared")).to_be_visible()
    keep("2-preparing")
    told = page.get_by_text(f"the new version is beside it as lesson.{second[:7]}.new.md")
    expect(told).to_be_visible(timeout=PREPARE_MILLISECONDS)
    expect(page.locator("#open-server")).to_be_visible(timeout=PREPARE_MILLISECONDS)
    keep("3-updated")
    expect(page.locator("h1")).to_have_attribute("data-same", "yes")

    page.get_by_text("Go back to the version before").press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Go back")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.get_by_text(re.compile("Went back to"))).to_be_visible(timeout=PREPARE_MILLISECONDS)
    keep("4-back")


def save_as_jupyter_does(stack: Stack, username: str, path: str, text: str) -> None:
    """Change a file in this person's only server."""
    headers = {"Authorization": f"Bearer {stack.token(username)}"}
    (server,) = httpx.get(f"{stack.base_url}/api/v1/servers/", headers=headers, timeout=60).json()["results"]
    host = server["url"].removeprefix("http://")
    model = {"type": "file", "format": "text", "content": text}
    address = f"http://127.0.0.1:{stack.port}/api/contents/{path}"
    httpx.put(address, json=model, headers=headers | {"Host": host}, timeout=60).raise_for_status()
