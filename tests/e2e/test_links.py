"""Launch links on pages elsewhere: the badge is seen, the link followed, the question answered."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.fakes.git_host import GitHost
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(240)]

BUILD_MILLISECONDS = 120_000
BADGE_WIDTH = "document.querySelector('img').naturalWidth"


def test_follow_a_badge_through_sign_in_and_confirmation(
    page: Page, stack: Stack, git_host: GitHost, keep: Callable[[str], None]
) -> None:
    git_host.add(
        "course",
        {
            "requirements.txt": "",
            "week 1/first.ipynb": '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
        },
    )
    link = (
        f"{stack.base_url}/v2/git/{quote(git_host.url('course'), safe='')}/HEAD?labpath={quote('week 1/first.ipynb')}"
    )
    readme = f'<h1>A course</h1><a href="{link}"><img src="{stack.base_url}/badge_logo.svg" alt="launch"></a>'
    git_host.answer("/readme", body=readme.encode(), headers={"Content-Type": "text/html"})

    page.goto(f"{git_host.base_url}/readme")
    assert page.evaluate(BADGE_WIDTH) > 0
    page.get_by_role("img", name="launch").click()
    page.get_by_label(re.compile("user ?name", re.IGNORECASE)).fill("student")
    page.get_by_label("Password", exact=True).fill(stack.password("student"))
    page.get_by_role("main").get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Launch .*course"))
    expect(page.get_by_text("doc/tree/week%201/first.ipynb")).to_be_visible()
    keep("1-question")
    page.get_by_role("button", name="Launch").click()
    page.wait_for_url(re.compile(r"\.localhost:\d+/(lab/)?doc"), timeout=BUILD_MILLISECONDS)
    expect(page.locator(".jp-NotebookPanel")).to_be_visible(timeout=60_000)
    server = page.url.partition("://")[2].partition("/")[0]

    page.goto(f"{git_host.base_url}/readme")
    page.get_by_role("img", name="launch").click()
    page.wait_for_url(re.compile(r"\.localhost:\d+/(lab/)?doc"))
    assert page.url.partition("://")[2].startswith(server)

    page.goto(stack.base_url)
    page.get_by_role("link", name=re.compile("Delete")).click()
    page.get_by_role("main").get_by_role("button", name=re.compile("Delete")).click()
    page.wait_for_url(f"{stack.base_url}/")
