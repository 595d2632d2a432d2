"""The same link with other wishes: compared, updated in place, taken back; and copies to try."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.fakes.git_host import GitHost
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(300)]

READY_MILLISECONDS = 120_000


def link(stack: Stack, git_host: GitHost, query: str, ref: str = "HEAD") -> str:
    """A launch link of the repository “course” of this host."""
    return f"{stack.base_url}/v2/git/{quote(git_host.url('course'), safe='')}/{ref}?{query}"


def launch_by_link(page: Page, address: str) -> None:
    """Follow a link, agree, and stay on the server's page."""
    page.goto(address)
    page.get_by_role("main").get_by_role("button", name="Launch").click()
    page.get_by_role("link", name="Stay here").click(timeout=READY_MILLISECONDS)


def test_changed_parameters_are_compared_updated_and_rolled_back(
    page: Page, stack: Stack, git_host: GitHost, sign_in: Callable[[str], None], keep: Callable[[str], None]
) -> None:
    first = git_host.add("course", {"requirements.txt": "", "lesson.md": "1"})
    sign_in("student")
    launch_by_link(page, link(stack, git_host, "server=course"))
    second = git_host.commit("course", {"lesson.md": "2"})

    page.goto(link(stack, git_host, "server=course&idle=45", ref=second))
    expect(page.get_by_role("heading", level=1)).to_have_text("Change “course”?")
    expect(page.get_by_role("row", name=re.compile("Commit"))).to_contain_text(second[:7])
    expect(page.get_by_role("row", name=re.compile("nobody uses it"))).to_contain_text("45 minutes")
    keep("1-changes")
    page.get_by_role("button", name="Update this server").click()
    expect(page.get_by_text("1 file brought up to date")).to_be_visible(timeout=READY_MILLISECONDS)
    expect(page.locator("#open-server")).to_be_visible(timeout=READY_MILLISECONDS)

    page.goto(link(stack, git_host, "server=course&idle=45", ref=second))
    page.wait_for_url(re.compile(r"\.localhost:\d+/lab"), timeout=READY_MILLISECONDS)

    page.goto(stack.base_url)
    page.get_by_role("link", name="course", exact=True).click()
    page.get_by_text("Go back to the version before").click()
    page.get_by_role("button", name="Go back").click()
    expect(page.get_by_text(re.compile("Went back to"))).to_contain_text(first[:7], timeout=READY_MILLISECONDS)

    page.goto(stack.base_url)
    page.locator("#servers a[href$='/delete/']").first.click()
    page.get_by_role("main").get_by_role("button", name="Delete").click()
    page.wait_for_url(f"{stack.base_url}/")


def test_copy_to_try_is_gone_when_it_stops(
    page: Page, stack: Stack, git_host: GitHost, sign_in: Callable[[str], None], keep: Callable[[str], None]
) -> None:
    git_host.add("course", {"requirements.txt": "", "lesson.md": "1"})
    sign_in("student")
    page.goto(link(stack, git_host, "public=1"))
    expect(page.get_by_text("thrown away when it stops")).to_be_visible()
    page.get_by_role("main").get_by_role("button", name="Launch").click()
    page.get_by_role("link", name="Stay here").click(timeout=READY_MILLISECONDS)
    keep("1-copy")

    page.get_by_role("button", name="Stop").click()

    page.wait_for_url(f"{stack.base_url}/")
    expect(page.get_by_text(re.compile("The copy .* is thrown away"))).to_be_visible()
    expect(page.locator("#servers .server")).to_have_count(0, timeout=READY_MILLISECONDS)
