"""The API's documentation in a real browser: it renders, and the content security policy stays whole."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, expect
from pytest_django.live_server_helper import LiveServer


@pytest.mark.browser
def test_docs_render_within_the_content_security_policy(context: BrowserContext, live_server: LiveServer) -> None:
    page = context.new_page()
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    page.goto(f"{live_server.url}/api/v1/docs/")
    page.get_by_text("Launch a server").click()

    expect(page.get_by_text("Asks for a server made from a repository, or as")).to_be_visible()
    assert complaints == []
