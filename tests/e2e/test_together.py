"""Two people in one server, in two browsers: invited by a link, writing in one file, each under their own name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.fakes.git_host import GitHost
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(400)]

BUILD_MILLISECONDS = 240_000
LAB_MILLISECONDS = 60_000
REMOVAL_MILLISECONDS = 30_000
REPOSITORY = {"requirements.txt": "jupyter-collaboration==5.0.4\n", "notes.md": "Notes\n"}
ASK_WHO = "() => fetch('/api/me').then(answer => answer.json()).then(me => me.identity.display_name)"


@pytest.fixture
def other(browser: Browser, site: Stack) -> Iterator[Page]:
    """The browser of the teacher, signed in."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-GB")
    page = context.new_page()
    page.goto(f"{site.base_url}/accounts/login/")
    page.get_by_label(re.compile("user ?name", re.IGNORECASE)).fill("teacher")
    page.get_by_label("Password", exact=True).fill(site.password("teacher"))
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site.base_url}/")
    yield page
    context.close()


def write(page: Page, text: str) -> None:
    """Write at the end of the file that is open."""
    page.locator(".jp-FileEditor:visible .cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.insert_text(text)


def expect_text(page: Page, text: str) -> None:
    """See it in the file that is open."""
    expect(page.locator(".jp-FileEditor:visible .cm-content")).to_contain_text(text, timeout=LAB_MILLISECONDS)


def test_write_in_one_file_until_one_is_removed(
    page: Page,
    other: Page,
    site: Stack,
    git_host: GitHost,
    sign_in: Callable[[str], None],
    keep: Callable[[str], None],
) -> None:
    git_host.add("together", REPOSITORY)
    sign_in("student")
    page.get_by_label("Address of the repository").fill(git_host.url("together"))
    page.get_by_text("More choices").click()
    page.get_by_label("What to open").fill("notes.md")
    page.get_by_role("button", name="Launch").last.click()
    page.wait_for_url(re.compile(r"/servers/[0-9a-f-]{36}/"))
    server_page = page.url.partition("?")[0]
    page.wait_for_url(re.compile(r"\.localhost:\d+/lab"), timeout=BUILD_MILLISECONDS)
    expect_text(page, "Notes")

    owners = page.context.new_page()
    owners.goto(server_page)
    owners.get_by_text("Let somebody in").click()
    owners.get_by_role("button", name="Make a link").click()
    link = owners.locator("#invitation-link").inner_text()
    other.goto(link)
    other.get_by_role("button", name="Accept").click()
    other.get_by_role("link", name="Open", exact=True).click()
    expect_text(other, "Notes")
    names = [browser.evaluate(ASK_WHO) for browser in (page, other)]
    write(page, "from the student; ")
    expect_text(other, "from the student;")
    write(other, "from the teacher; ")
    expect_text(page, "from the teacher;")
    keep("1-together")
    owners.goto(server_page)
    expect(owners.locator("#companions")).to_contain_text("in here now")

    owners.get_by_role("button", name=re.compile("Remove")).click()
    expect(owners.get_by_text("is out of your server")).to_be_visible()
    gone = other.wait_for_function(
        "() => fetch('/api/me').then(answer => answer.status === 404 || answer.status === 401)",
        timeout=REMOVAL_MILLISECONDS,
    )
    write(page, "between us")

    assert gone
    assert len(set(names)) == 2
    expect_text(page, "between us")
    expect(other.locator(".jp-FileEditor .cm-content")).not_to_contain_text("between us")
    page.goto(f"{server_page}delete/")
    page.get_by_role("main").get_by_role("button", name=re.compile("Delete")).click()
