"""From a learning platform to an executed cell, and back to its gradebook: two sites, and frames that keep no cookie.

The platform is the pretend Moodle at 127.0.0.1, Carrel is at localhost: for a browser they are two sites, as they are
in an institution.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.assignments.notebook_cells import answer, checks, notebook
from tests.e2e.assignment_steps import (
    BUILD_MILLISECONDS,
    SOLUTION,
    WORK_MILLISECONDS,
    make_assignment,
    open_gradebook,
    publish,
    send_notebook,
    write_into,
)
from tests.fakes.git_host import GitHost
from tests.fakes.lms.client import LmsProcess, running_lms
from tests.stack import Stack, wait_until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.stack,
    pytest.mark.usefixtures("leaving_no_servers"),
    pytest.mark.timeout(500),
]

COURSE = "Computing 101"
DOUBLING = notebook(answer("double", SOLUTION), checks("double_tests", "assert double(2) == 4", points=3))
PATIENCE_MILLISECONDS = 60_000
SENDING_SECONDS = 120

People = Callable[[str], Page]


@pytest.fixture
def lms() -> Iterator[LmsProcess]:
    """A platform whose name is its address, which is not the site's."""
    with running_lms() as lms:
        yield lms


@pytest.fixture
def people(browser: Browser, lms: LmsProcess) -> Iterator[People]:
    """Opens a browser in which somebody of the platform is signed in there."""
    contexts: list[BrowserContext] = []

    def be(name: str) -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-GB")
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        contexts.append(context)
        page = context.new_page()
        page.goto(lms.url)
        page.get_by_role("button", name=f"Sign in as {name}").click()
        return page

    yield be
    for context in contexts:
        context.close()


def press(control: Locator) -> None:
    """By its key: Chromium drops clicks into a frame of another site that has only just got its place in the page."""
    expect(control).to_be_visible()
    control.press("Space")


def register(page: Page, address: str) -> None:
    """Paste the address, agree in the frame, and activate the tool."""
    page.get_by_role("link", name="Tools").click()
    page.get_by_label("Tool URL").first.fill(address)
    page.get_by_role("button", name="Add LTI Advantage").click()
    frame = page.frame_locator("iframe[name=registration]")
    press(frame.get_by_role("button", name="Register"))
    expect(frame.get_by_role("heading", name="Carrel is registered")).to_be_visible()
    press(frame.get_by_role("button", name="Close"))
    expect(page.get_by_text("Carrel (pending)")).to_be_visible()
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_text("Carrel (active)")).to_be_visible()


def out_of_frame(page: Page, frame: str, button: str) -> Page:
    """Press a button in a frame that opens a window of its own, and return that."""
    with page.expect_popup() as opened:
        press(page.frame_locator(f"iframe[name={frame}]").get_by_role("button", name=button))
    opened.value.set_default_timeout(PATIENCE_MILLISECONDS)
    return opened.value


def shows_grade(gradebook: Page, points: str) -> bool:
    """Whether the platform's gradebook has it by now for its one student who has done anything."""
    gradebook.reload()
    return gradebook.get_by_role("row", name=re.compile("Ada")).get_by_role("cell").inner_text().startswith(points)


def test_course_of_a_platform_goes_from_registration_to_an_executed_cell_and_a_grade_over_there(
    page: Page,
    lms: LmsProcess,
    site: Stack,
    people: People,
    git_host: GitHost,
    sign_in: Callable[[str], None],
    keep: Callable[[str], None],
) -> None:
    git_host.add("computing", {"requirements.txt": ""})

    # Whoever runs the platform pastes one address; whoever runs Carrel approves.
    register(people("Andrea Admin"), f"{site.base_url}/lti/register/")
    sign_in("admin")
    page.goto(f"{site.base_url}/lti/platforms/")
    page.get_by_role("link", name=re.compile("^Look and approve")).click()
    keep("approving")
    page.get_by_role("button", name="Approve").first.click()
    expect(page.get_by_text("In use").first).to_be_visible()

    # The teacher adds an activity: the course is no class yet, which is mended in a window of its own.
    course = people("Tess Moreau")
    course.get_by_role("link", name=COURSE).click()
    course_page = course.url
    course.get_by_role("link", name="Carrel", exact=True).click()
    teacher = out_of_frame(course, "picker", "Say which class it is")
    teacher.get_by_label("Address of the repository").fill(git_host.url("computing"))
    teacher.get_by_role("button", name="Make the class").click()
    make_assignment(teacher, "Doubling")
    send_notebook(teacher, DOUBLING)
    teacher.get_by_role("button", name="Release to students").click()
    expect(teacher.get_by_text("Release 1 is given out.")).to_be_visible()
    staff_page = teacher.url.removesuffix("notebooks/")

    # Then the picker offers it, and the course has it, with a column of grades.
    course.goto(course_page)
    course.get_by_role("link", name="Carrel", exact=True).click()
    picker = course.frame_locator("iframe[name=picker]")
    press(picker.get_by_role("checkbox", name=re.compile("^Doubling")))
    expect(picker.get_by_role("checkbox", name=re.compile("^Doubling"))).to_be_checked()
    press(picker.get_by_role("button", name="Add to the course"))
    expect(course.get_by_role("link", name="Doubling")).to_be_visible()

    # A student clicks it. The frame has one button, and the window it opens is theirs to work in.
    student_course = people("Ada Lindqvist")
    student_course.get_by_role("link", name=COURSE).click()
    student_course.get_by_role("link", name="Doubling").click()
    student = out_of_frame(student_course, "tool", "Open")
    expect(student.get_by_text("An account was made for you here.")).to_be_visible()
    assert student.url == staff_page
    student.get_by_role("button", name="Get my copy").click()
    student.get_by_role("button", name="Open my copy").click(timeout=WORK_MILLISECONDS)
    student.wait_for_url(re.compile(r"\.localhost:\d+/lab"), timeout=BUILD_MILLISECONDS)
    expect(student.locator(".jp-StatusBar-Left")).to_contain_text("Idle", timeout=WORK_MILLISECONDS)
    cell = student.locator(".jp-CodeCell").first
    write_into(cell, "double = lambda n: n * 2; print(double(21))")
    student.keyboard.press("Control+Enter")
    expect(cell.locator(".jp-OutputArea-output").first).to_contain_text("42", timeout=WORK_MILLISECONDS)
    student.keyboard.press("Control+s")
    expect(student.locator(".jp-DirtyIndicator, .jp-mod-dirty")).to_have_count(0)
    student.goto(staff_page)
    student.get_by_role("button", name="Submit").click()
    expect(student.get_by_text("Graded, not published yet")).to_be_visible(timeout=WORK_MILLISECONDS)

    # The teacher publishes, and the grade stands in the platform's gradebook. The student finds it in their course.
    teacher.goto(staff_page)
    open_gradebook(teacher)
    publish(teacher)
    column = lms.do("grades", course=2)[0]
    assert (column["label"], column["maximum"]) == ("Doubling", 3)
    student_course.get_by_role("link", name="Back to the course").click()
    student_course.get_by_role("link", name="Gradebook").click()
    wait_until(lambda: shows_grade(student_course, "3"), seconds=SENDING_SECONDS, why="the grade is over there")
