"""The whole of it, as a newcomer does it: repository, notebook, stop, come back, find the work. On each runtime."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress

import pytest
from playwright.sync_api import Page, expect

from tests.fakes.git_host import GitHost
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(300)]

BUILD_MILLISECONDS = 120_000
LAB_MILLISECONDS = 60_000
RUN_MILLISECONDS = 8_000
RUNS = 4
"""JupyterLab itself drops a cell that is run while its kernel is still connecting, however it is reached."""
REPOSITORIES = {
    "process": {"requirements.txt": "tabulate==0.9.0\n"},
    "docker": {
        "Dockerfile": "FROM carrel-test/base\nUSER root\nRUN pip install --no-cache-dir tabulate==0.9.0\nUSER 1000\n"
    },
}
"""The same environment, as each runtime has it described."""
STACKS = {"process": "stack", "docker": "docker_stack"}
SHOW_VERSION = "import importlib.metadata as m; print('tabulate is', m.version('tabulate'))"
WRITE_FILE = "print(open('kept.txt', 'w').write('still here'), 'characters kept')"
READ_FILE = "print('the file says:', open('kept.txt').read())"


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def runtime(request: pytest.FixtureRequest) -> str:
    """What the servers run on."""
    return str(request.param)


@pytest.fixture
def site(runtime: str, request: pytest.FixtureRequest) -> Stack:
    """The stack with this runtime; the other is not started for it."""
    chosen: Stack = request.getfixturevalue(STACKS[runtime])
    return chosen


def open_server(page: Page) -> None:
    """Go from a running server's page into JupyterLab, leaving the tabs of last time closed."""
    page.wait_for_url(re.compile(r"\.localhost:\d+/lab"), timeout=LAB_MILLISECONDS)
    page.locator(".jp-LabShell").wait_for(timeout=LAB_MILLISECONDS)
    page.goto(re.sub(r"/lab.*", "/lab?reset", page.url))


def run_in_new_notebook(page: Page, code: str, expected: str) -> None:
    """Open a new notebook from JupyterLab's launcher, run one cell and wait for what it prints."""
    launcher = page.locator(".jp-Launcher").last
    launcher.locator(".jp-LauncherCard[data-category='Notebook']").first.click(timeout=LAB_MILLISECONDS)
    notebook = page.locator(".jp-NotebookPanel:visible").last
    expect(page.locator(".jp-StatusBar-Left")).to_contain_text("Idle", timeout=LAB_MILLISECONDS)
    cell = notebook.locator(".jp-CodeCell").first
    cell.locator(".cm-content").click()
    page.keyboard.insert_text(code)
    for _ in range(RUNS):
        cell.locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        with suppress(AssertionError):
            expect(cell.locator(".jp-OutputArea-output").first).to_contain_text(expected, timeout=RUN_MILLISECONDS)
            return
    pytest.fail(f"the cell never printed {expected!r}")


def test_launch_work_stop_and_find_the_work_again(
    page: Page,
    site: Stack,
    runtime: str,
    git_host: GitHost,
    sign_in: Callable[[str], None],
    keep: Callable[[str], None],
) -> None:
    git_host.add("statistics", {**REPOSITORIES[runtime], "README.md": "# Statistics\n"})
    page.goto(site.base_url)
    keep("1-welcome")
    sign_in("student")
    keep("2-home")

    page.get_by_label("Address of the repository").fill(git_host.url("statistics"))
    page.get_by_role("button", name="Launch").last.click()
    page.wait_for_url(re.compile(r"/servers/[0-9a-f-]{36}/"))
    server_page = page.url.partition("?")[0]
    expect(page.get_by_role("log")).to_contain_text("tabulate", timeout=BUILD_MILLISECONDS)
    keep("3-preparing")

    page.wait_for_url(re.compile(r"^http://[a-z0-9-]+\.localhost:\d+/lab"), timeout=BUILD_MILLISECONDS)
    run_in_new_notebook(page, SHOW_VERSION, "tabulate is 0.9.0")
    keep("4-jupyterlab")

    page.goto(server_page)
    expect(page.get_by_role("link", name="Open", exact=True)).to_be_visible()
    keep("5-running")
    page.get_by_role("link", name="Open", exact=True).click()
    open_server(page)
    run_in_new_notebook(page, WRITE_FILE, "10 characters kept")

    page.goto(server_page)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    keep("6-asleep")

    page.get_by_role("button", name="Start").click()
    open_server(page)
    run_in_new_notebook(page, READ_FILE, "the file says: still here")
    keep("7-found-again")

    page.goto(site.base_url)
    keep("8-home-with-a-server")
    page.goto(server_page)
    page.get_by_role("link", name=re.compile("Delete")).click()
    keep("9-delete")
    page.get_by_role("main").get_by_role("button", name=re.compile("Delete")).click()
    page.wait_for_url(f"{site.base_url}/")
    expect(page.get_by_text("None yet")).to_be_visible()
