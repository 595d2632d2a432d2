"""A launch as it is watched: through reloads, second tabs and lost connections; and by the keyboard alone."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.fakes.git_host import GitHost
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(300)]

PREPARE_MILLISECONDS = 120_000
LINES = [f"slow line {number} of 40" for number in range(1, 41)]
SLOW = "#!/bin/sh\nfor n in $(seq 1 40); do echo slow line $n of 40; sleep 0.2; done\n"
SERVER_PAGE = re.compile(r"/servers/[0-9a-f-]{36}/")
FOCUS = """() => {
  const element = document.activeElement;
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  const isMarked = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const isInView = box.width > 0 && box.top >= 0 && box.bottom <= innerHeight;
  return { name: element.innerText || element.id, isVisible: isMarked && isInView };
}"""
MAX_STOPS = 40
SCROLLING_LOOKS = 10


@pytest.fixture
def leave_nothing(page: Page, stack: Stack) -> Iterator[None]:
    """Deletes the servers a test has launched."""
    yield
    page.goto(stack.base_url)
    while (delete := page.locator("#servers a[href$='/delete/']")).count():
        delete.first.click()
        page.get_by_role("main").get_by_role("button", name="Delete").click()
        page.wait_for_url(f"{stack.base_url}/")


def slow_lines(tab: Page) -> list[str]:
    """The lines of the slow script that a tab shows, in its order."""
    return [line for line in tab.locator("[data-log-lines] > span").all_inner_texts() if line.startswith("slow")]


def wait_for_line(tab: Page, number: int) -> None:
    """Return once a tab shows this line of the slow script."""
    expect(tab.get_by_role("log")).to_contain_text(LINES[number - 1], timeout=PREPARE_MILLISECONDS)


def press_until(page: Page, target: Locator) -> None:
    """Press Tab until this has the focus; each stop on the way must show that it has it."""
    for _ in range(MAX_STOPS):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUS)
        for _ in range(SCROLLING_LOOKS):
            if stop["isVisible"]:
                break
            page.wait_for_timeout(100)  # A long page is still on its way there.
            stop = page.evaluate(FOCUS)
        assert stop["isVisible"], f"the focus does not show on {stop['name']!r}"
        if target.evaluate("element => element === document.activeElement"):
            return
    pytest.fail(f"the keyboard never reaches {target}")


@pytest.fixture
def launched(page: Page, stack: Stack, git_host: GitHost, sign_in: Callable[[str], None], leave_nothing: None) -> str:
    """The page of a server whose environment is being prepared, slowly."""
    git_host.add("slow", {"requirements.txt": "", "postBuild": SLOW})
    sign_in("teacher")
    page.get_by_label("Address of the repository").fill(git_host.url("slow"))
    page.get_by_role("button", name="Launch").last.click()
    page.wait_for_url(SERVER_PAGE)
    address = page.url.partition("?")[0]
    # The tests look in tabs of their own: what those say about a lost connection is no fault of the page.
    page.goto("about:blank")
    return address


def test_log_shows_every_line_once_after_a_reload_offline_and_in_two_tabs(
    context: BrowserContext, launched: str
) -> None:
    first, second = context.new_page(), context.new_page()
    first.goto(launched)
    wait_for_line(first, 3)
    second.goto(launched)
    wait_for_line(first, 8)
    first.reload()
    wait_for_line(second, 12)

    context.set_offline(True)
    second.wait_for_timeout(1500)
    while_offline = slow_lines(second)
    context.set_offline(False)
    for tab in (first, second):
        wait_for_line(tab, 40)

    assert len(while_offline) < 20
    assert [slow_lines(tab) for tab in (first, second)] == [LINES, LINES]


def test_log_shows_every_line_once_after_the_connection_was_lost(
    context: BrowserContext, stack: Stack, launched: str
) -> None:
    tab = context.new_page()
    tab.goto(launched)
    wait_for_line(tab, 5)

    web = stack.child_pid("web")
    assert web is not None
    with tab.expect_websocket(timeout=PREPARE_MILLISECONDS):
        os.kill(web, signal.SIGKILL)
    wait_for_line(tab, 40)

    assert slow_lines(tab) == LINES


@pytest.mark.usefixtures("leave_nothing")
def test_newcomer_launches_and_deletes_by_the_keyboard_alone(
    page: Page, stack: Stack, keep: Callable[[str], None]
) -> None:
    page.goto(f"{stack.base_url}/accounts/login/")
    press_until(page, page.get_by_label(re.compile("user ?name", re.IGNORECASE)))
    page.keyboard.type("admin")
    press_until(page, page.get_by_label("Password", exact=True))
    page.keyboard.type(stack.password("admin"))
    press_until(page, page.get_by_role("main").get_by_role("button", name="Sign in"))
    page.keyboard.press("Enter")
    page.wait_for_url(f"{stack.base_url}/")

    press_until(page, page.get_by_role("button", name="Launch First steps"))
    keep("1-focus-on-an-example")
    page.keyboard.press("Enter")
    page.wait_for_url(SERVER_PAGE)
    expect(page.get_by_role("list", name="Steps")).to_be_visible()
    press_until(page, page.get_by_role("button", name="Cancel"))
    keep("2-focus-on-cancel")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Start")).to_be_visible()

    press_until(page, page.get_by_role("link", name=re.compile("Delete this server")))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/delete/$"))
    press_until(page, page.get_by_role("main").get_by_role("button", name="Delete server and files"))
    keep("3-focus-on-delete")
    page.keyboard.press("Enter")
    expect(page.get_by_text("None yet")).to_be_visible()
