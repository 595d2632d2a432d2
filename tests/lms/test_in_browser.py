"""The pretend LMS and a tool on another site, in Chromium: registration, picking, launching."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.fakes.lms.client import LmsProcess, running_lms
from tests.lms.tiny_tool import TinyTool, tiny_tool

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def far_lms() -> Iterator[LmsProcess]:
    """An LMS by a name of its own, so that the tool is another site."""
    with running_lms("http://localhost") as lms:
        yield lms


@pytest.fixture(scope="module")
def tool() -> Iterator[TinyTool]:
    with tiny_tool() as tool:
        yield tool


@pytest.fixture
def page(far_lms: LmsProcess, context: BrowserContext) -> Page:
    """A page at the LMS, as on its first day."""
    far_lms.reset()
    page = context.new_page()
    page.goto(far_lms.address)
    return page


def sign_in(page: Page, name: str) -> None:
    page.get_by_role("button", name=f"Sign in as {name}").click()


def in_course(page: Page, tool: TinyTool, name: str) -> None:
    sign_in(page, name)
    page.get_by_role("link", name="Computing 101").click()


def test_administrator_pastes_an_address_and_activates(page: Page, tool: TinyTool) -> None:
    sign_in(page, "Andrea Admin")
    page.get_by_role("link", name="Tools").click()

    page.get_by_label("Tool URL").first.fill(f"{tool.url}/register")
    page.get_by_role("button", name="Add LTI Advantage").click()

    expect(page.get_by_text("Registered (pending)")).to_be_visible()
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_text("Registered (active)")).to_be_visible()


def test_teacher_picks_in_a_frame(page: Page, far_lms: LmsProcess, tool: TinyTool) -> None:
    tool.enter(far_lms)
    in_course(page, tool, "Tess Moreau")

    page.get_by_role("link", name="tiny").click()
    page.frame_locator("iframe").get_by_role("button", name="Choose").click()

    expect(page.get_by_role("heading", name="Computing 101")).to_be_visible()
    expect(page.get_by_role("link", name="Loops")).to_be_visible()
    expect(page.get_by_role("link", name="Lists")).to_be_visible()


def test_teacher_picks_in_a_window(page: Page, far_lms: LmsProcess, tool: TinyTool) -> None:
    tool.enter(far_lms)
    in_course(page, tool, "Tess Moreau")
    page.get_by_role("link", name="tiny").click()

    with page.expect_popup() as opened:
        page.get_by_role("link", name="Open it in a window instead").click()
    opened.value.get_by_role("button", name="Choose").click()

    expect(page.get_by_role("link", name="Loops")).to_be_visible()
    assert opened.value.is_closed() or opened.value.wait_for_event("close") is not None


def test_student_opens_an_activity_framed_and_in_a_window(page: Page, far_lms: LmsProcess, tool: TinyTool) -> None:
    entered = tool.enter(far_lms)
    far_lms.do("activity", course=2, tool=entered.id, title="Loops")
    in_course(page, tool, "Ada Lindqvist")

    with page.expect_popup() as opened:
        page.get_by_role("link", name="in a new window").click()
    expect(opened.value.get_by_role("heading", name="Hello Ada Lindqvist")).to_be_visible()
    page.get_by_role("link", name="Loops").click()

    expect(page.frame_locator("iframe").get_by_role("heading", name="Hello Ada Lindqvist")).to_be_visible()
