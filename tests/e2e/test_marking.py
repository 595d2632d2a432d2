"""Grading in a real browser: by the keyboard alone, by two at once, without names, without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from assignments.grading.gradebook import publish_grades
from assignments.grading.rubrics import add_item, save_comment
from assignments.models import Assignment, CellGrade, CellLease, Submission
from classes.models import Course, Role
from tests.assignments.marked import ESSAY, PROOF, graded, to_be_graded
from tests.factories import CourseFactory, member
from tests.stack import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]

WATER = "Water is wet because its molecules hold on to what they touch, and to one another."
HERE = """() => {
  const box = document.querySelector("[data-here]").getBoundingClientRect();
  return box.top >= 0 && box.bottom <= innerHeight;
}"""
NAMES = re.compile(r"\b(ada|charles|emmy)\b", re.IGNORECASE)


@pytest.fixture
def assignment() -> Assignment:
    """Three students have answered; one of them twice. Two answer alike."""
    now = timezone.now()
    course: Course = CourseFactory.create(slug="biology")
    assignment = to_be_graded(course=course, name="homework", title="Water")
    member(course, "teacher", Role.TEACHER)
    for name in ("grader", "other"):
        member(course, name, Role.GRADER)
    ada, charles, emmy = (member(course, name) for name in ("ada", "charles", "emmy"))
    graded(assignment, ada, now=now, essay="Water is wet.")
    for person, essay in ((ada, WATER), (charles, WATER), (emmy, "I do not know.")):
        graded(assignment, person, now=now, essay=essay)
    add_item(assignment, ESSAY, label="Gives a reason", points=Decimal(3), now=now)
    add_item(assignment, ESSAY, label="Says it briefly", points=Decimal(1), now=now)
    save_comment(course, text="**Well said.**", by=course.memberships.get(role=Role.TEACHER).person, now=now)
    return assignment


@pytest.fixture
def open_page(browser: Browser, live_server: LiveServer, assignment: Assignment) -> Iterator[Callable[..., Page]]:
    """Opens a page below the assignment's, as this person, in a browser of their own."""
    contexts = []

    def open_path(path: str, who: str = "grader", **choices: object) -> Page:
        choices = {"viewport": {"width": 1280, "height": 800}, **choices}
        context = browser.new_context(locale="en-GB", **choices)  # type: ignore[arg-type]
        contexts.append(context)
        client = Client()
        client.force_login(User.objects.get(username=who))
        name = settings.SESSION_COOKIE_NAME
        context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
        page = context.new_page()
        page.goto(f"{live_server.url}/classes/biology/assignments/homework/{path}")
        return page

    yield open_path
    for context in contexts:
        context.close()


def of(assignment: Assignment, username: str) -> Submission:
    """What counts of this student."""
    grade = assignment.grades.get(membership__person__username=username)
    assert grade.submission is not None
    return grade.submission


def answer(assignment: Assignment, username: str, key: str = "essay") -> str:
    """Where somebody's answer is graded."""
    return f"grading/{of(assignment, username).pk}/?notebook=problem1&cell={key}"


def points(submission: Submission, key: str = "essay") -> CellGrade:
    return CellGrade.objects.get(submission=submission, grade_id=key)


def press(page: Page, key: str) -> None:
    """Press a key that leads to another page, or to the same anew."""
    with page.expect_navigation():
        page.keyboard.press(key)


def test_whole_assignment_is_graded_with_keys_alone(open_page: Callable[..., Page], assignment: Assignment) -> None:
    page = open_page("grading/")
    page.get_by_role("link", name="Grade the next answer").focus()
    press(page, "Enter")
    expect(page).to_have_url(re.compile("cell=essay"))
    assert page.evaluate(HERE)

    # An item by its number; a comment of one's own, and a kept one; and then on.
    press(page, "1")
    expect(page.get_by_role("button", name="Gives a reason")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("c")
    page.keyboard.type("Which `molecules`? 1f")
    press(page, "Control+Enter")
    expect(page.locator(".cell-comment code")).to_have_text("molecules")
    page.keyboard.press("b")
    press(page, "Enter")
    expect(page.locator(".cell-comment strong")).to_have_text("Well said.")
    press(page, "n")

    # Points by hand, after thinking better of it.
    press(page, "f")
    press(page, "u")
    expect(page.get_by_text("To be graded").first).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.type("2.5")
    press(page, "Enter")

    # All other answers, until nothing is left.
    for number in range(3):
        press(page, "f" if number else "z")
        press(page, "n")
    press(page, "f")
    press(page, "n")

    expect(page.get_by_text("Nothing is left that waits for you")).to_be_visible()
    essays = CellGrade.objects.filter(submission__grade_of__isnull=False, grade_id="essay")
    assert sorted(essays.values_list("points", flat=True)) == [0, Decimal("2.5"), 3]
    assert not CellGrade.objects.filter(submission__grade_of__isnull=False, needs_manual=True).exists()


def test_keys_are_explained_and_do_nothing_while_somebody_types(
    open_page: Callable[..., Page], assignment: Assignment
) -> None:
    page = open_page(answer(assignment, "emmy"))

    page.keyboard.press("?")
    expect(page.get_by_text("full points, no points")).to_be_visible()
    page.keyboard.press("c")
    page.keyboard.type("fun 1 zu ?")

    expect(page.get_by_label("To the student, about essay")).to_have_value("fun 1 zu ?")
    page.keyboard.press("Escape")
    press(page, "z")
    expect(page.locator(".status-running").first).to_contain_text("0 / 4")


def test_keys_walk_back_to_what_is_graded(open_page: Callable[..., Page], assignment: Assignment) -> None:
    page = open_page("grading/next/")
    first = page.url
    press(page, "f")

    press(page, "j")
    assert page.url != first
    press(page, "k")

    expect(page).to_have_url(first)
    expect(page.locator(".status-running").first).to_contain_text("4 / 4")


def test_attempt_before_is_compared_by_a_key(open_page: Callable[..., Page], assignment: Assignment) -> None:
    page = open_page(answer(assignment, "ada"))

    press(page, "d")

    difference = page.get_by_role("group", name="What has changed")
    expect(difference.locator(".difference-gone")).to_contain_text("Water is wet.")
    expect(difference.locator(".difference-new")).to_contain_text("because its molecules")


def test_answers_alike_are_graded_together(open_page: Callable[..., Page], assignment: Assignment) -> None:
    page = open_page(answer(assignment, "ada"))
    press(page, "1")
    press(page, "a")

    expect(page.get_by_label("Charles")).to_be_checked()
    expect(page.get_by_label("Emmy")).to_have_count(0)
    page.get_by_role("button", name="Give those chosen the same").press("Enter")

    expect(page.get_by_text("1 answer was given the same.")).to_be_visible()
    assert points(of(assignment, "charles")).points == 3
    assert points(of(assignment, "emmy")).needs_manual


def test_second_grader_sees_who_has_an_answer_and_is_led_past_it(
    open_page: Callable[..., Page], assignment: Assignment
) -> None:
    first = open_page(answer(assignment, "ada"))
    second = open_page(answer(assignment, "ada"), "other")

    expect(second.get_by_text("Grader is grading this answer at the moment.")).to_be_visible()
    expect(second.get_by_label("Extra credit")).to_have_count(0)
    press(second, "n")
    expect(second.get_by_label("Extra credit")).to_be_visible()
    first.get_by_role("link", name="Grading: Water").click()
    held = CellLease.objects.filter(holder__username="grader")
    wait_until(lambda: not held.exists(), seconds=10, why="an answer is free once its page is left")
    second.goto(f"{second.url.partition('grading/')[0]}{answer(assignment, 'ada')}")
    expect(second.get_by_label("Extra credit")).to_be_visible()


def test_grader_whose_answer_was_taken_over_is_told_while_they_type(
    open_page: Callable[..., Page], assignment: Assignment
) -> None:
    page = open_page(answer(assignment, "ada"))
    page.get_by_label("Points, of 4").fill("2")

    CellLease.objects.update(holder=User.objects.get(username="other"))
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow'))")

    expect(page.locator("[data-lease-said]")).to_contain_text("Other is grading this answer")
    expect(page.get_by_label("Points, of 4")).to_have_value("2")


def test_names_are_hidden_on_every_page_of_the_walk(open_page: Callable[..., Page], assignment: Assignment) -> None:
    Assignment.objects.update(is_anonymous=True)
    page = open_page(answer(assignment, "ada"))
    seen = [page.content()]

    press(page, "f")
    press(page, "a")
    seen.append(page.content())
    page.go_back()
    page.get_by_role("link", name="What the student reads").click()
    seen.append(page.content())
    page.goto(page.url.split("/submissions/")[0] + "/grading/")
    seen.append(page.content())

    assert not any(NAMES.search(content) for content in seen)


def test_rubric_tells_whose_grades_change_before_it_changes_them(
    open_page: Callable[..., Page], assignment: Assignment
) -> None:
    page = open_page(answer(assignment, "ada"))
    press(page, "1")
    teacher = User.objects.get(username="teacher")
    publish_grades(assignment, [of(assignment, "ada").membership], by=teacher, now=timezone.now())

    page.get_by_text("Change the rubric").click()
    form = page.locator(".marking-rubric").first
    form.get_by_label("Points").fill("2")
    form.get_by_role("button", name="Change").click()

    expect(page.get_by_role("heading", name="1 grade changes")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("Ada"))).to_contain_text("4")
    assert points(of(assignment, "ada")).points == 3
    page.get_by_role("button", name="Change this grade").click()
    expect(page.locator(".status-running").first).to_contain_text("2 / 4")


def test_everything_is_done_without_scripts(open_page: Callable[..., Page], assignment: Assignment) -> None:
    page = open_page(answer(assignment, "ada"), java_script_enabled=False)

    page.get_by_role("button", name="Gives a reason").click()
    page.get_by_label("To the student, about essay").fill("*Good.*")
    page.get_by_role("button", name="Comment", exact=True).click()
    page.get_by_role("link", name="Compare with attempt 1").click()
    expect(page.locator(".difference")).to_be_visible()
    page.get_by_role("link", name="Answers like this one").click()
    page.get_by_role("button", name="Give those chosen the same").click()
    page.get_by_label("Points, of 4").fill("3.5")
    page.get_by_role("button", name="Save and next").click()

    ada = of(assignment, "ada")
    assert points(ada).points == Decimal("3.5")
    assert points(of(assignment, "charles")).points == 3
    assert ada.comments.get().text == "*Good.*"
    expect(page).not_to_have_url(re.compile(f"{ada.pk}.*cell={ESSAY.grade_id}"))


def test_question_of_a_student_is_answered_from_the_answer(
    open_page: Callable[..., Page], assignment: Assignment
) -> None:
    ada = of(assignment, "ada")
    asked = ada.regrade_requests.create(notebook=PROOF.notebook, grade_id=PROOF.grade_id, opened_at=timezone.now())
    asked.messages.create(text="Why not 6?", by=ada.membership.person, at=timezone.now())
    page = open_page(answer(assignment, "ada", PROOF.grade_id))

    page.get_by_role("link", name="Read and answer").click()
    expect(page.get_by_text("Why not 6?")).to_be_in_viewport()
    page.get_by_role("article").get_by_role("link", name="Grade this answer").click()

    expect(page).to_have_url(re.compile(f"{ada.pk}.*cell={PROOF.grade_id}"))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_answer_can_be_graded_on_a_telephone(
    open_page: Callable[..., Page], assignment: Assignment, theme: str
) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "color_scheme": theme, "has_touch": True}
    page = open_page(answer(assignment, "emmy"), **phone)
    assert page.evaluate(HERE)

    page.get_by_role("navigation", name="On this page").get_by_role("link", name="Points").click()
    expect(page.get_by_label("Points, of 4")).to_be_in_viewport()
    page.get_by_role("button", name="No points").click()

    expect(page.locator(".status-running").first).to_contain_text("0 / 4")
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
