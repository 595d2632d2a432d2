"""People in a real browser on the real stack, and the screenshots it leaves in `test-artifacts/`."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page

from config.env import BASE_DIR
from tests.fakes.git_host import GitHost
from tests.stack import Stack

ARTEFACTS = BASE_DIR / "test-artifacts"
TIDY = """
from django.utils import timezone
from environments.models import NotebookServer
from environments.servers import delete_server
for server in NotebookServer.objects.present():
    delete_server(server, now=timezone.now())
"""


@pytest.fixture
def site(stack: Stack) -> Stack:
    """The stack that people look at; a module may choose another."""
    return stack


@pytest.fixture
def page(context: BrowserContext, site: Stack, request: pytest.FixtureRequest) -> Iterator[Page]:
    """An empty tab. The test fails when a page of Carrel's own writes an error to the console."""
    page, errors = context.new_page(), []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and message.location["url"].startswith(f"{site.base_url}/"):
            errors.append(message.text)

    page.on("console", note)
    yield page
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"last-{request.node.name}.png")
    assert not errors


@pytest.fixture
def sign_in(page: Page, site: Stack) -> Callable[[str], None]:
    """Signs one of the demo's people in, by the form."""

    def as_person(username: str) -> None:
        page.goto(f"{site.base_url}/accounts/login/")
        page.get_by_label(re.compile("user ?name", re.IGNORECASE)).fill(username)
        page.get_by_label("Password", exact=True).fill(site.password(username))
        page.get_by_role("main").get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{site.base_url}/")

    return as_person


@pytest.fixture
def keep(page: Page, request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Keeps a screenshot of the page under this name."""
    folder: Path = ARTEFACTS / request.node.name
    shutil.rmtree(folder, ignore_errors=True)

    def screenshot(name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"{name}.png", full_page=True)

    return screenshot


@pytest.fixture
def leaving_no_servers(site: Stack) -> Iterator[None]:
    """Deletes everybody's servers afterwards: others are about the only server there is."""
    yield
    site.manage("shell", "-c", TIDY)


@pytest.fixture
def git_host() -> Iterator[GitHost]:
    """A git host of this test, which the stack may fetch from."""
    with GitHost() as host:
        yield host
