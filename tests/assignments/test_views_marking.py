"""The pages on which people grade."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from assignments.grading.gradebook import publish_grades
from assignments.grading.marking import LEASE, Place, give_points, take_lease
from assignments.grading.rubrics import add_item
from assignments.models import Assignment, CellComment, CellGrade, CellLease, GradeChange, RubricItem, Submission
from classes.models import Course, Role
from tests.assignments.marked import ESSAY, PROOF, graded, to_be_graded
from tests.factories import CourseFactory, member

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script><img src=https://evil.example/x><style>*{display:none}</style>"


@pytest.fixture
def assignment() -> Assignment:
    """One that people grade."""
    course: Course = CourseFactory.create(slug="biology")
    return to_be_graded(course=course, name="homework")


@pytest.fixture
def grader(assignment: Assignment, client: Client) -> User:
    """Who grades it, signed in."""
    person = member(assignment.course, "grader", Role.GRADER).person
    client.force_login(person)
    return person


@pytest.fixture
def submission(assignment: Assignment, now: datetime) -> Submission:
    """What one student gave back."""
    return graded(assignment, member(assignment.course, "zebulon"), now=now)


def _page(submission: Submission, path: str = "") -> str:
    return f"/classes/biology/assignments/homework/grading/{submission.pk}/{path}"


def _about(**more: str) -> dict[str, str]:
    return {"notebook": ESSAY.notebook, "cell": ESSAY.grade_id, "seen": "0", **more}


def _essay(submission: Submission) -> CellGrade:
    return CellGrade.objects.get(submission=submission, grade_id="essay")


def test_overview_says_what_is_to_do(client: Client, grader: User, submission: Submission) -> None:
    page = client.get("/classes/biology/assignments/homework/grading/").content.decode()

    assert "0 of 1" in page
    assert "1 of 1" in page
    assert "Zebulon" in page


@pytest.mark.parametrize(("role", "publishes"), [(Role.TEACHER, True), (Role.GRADER, False)])
def test_overview_leads_on_to_publishing_once_all_is_graded(
    client: Client, submission: Submission, now: datetime, role: Role, publishes: bool
) -> None:
    someone = member(submission.assignment.course, role.value, role).person
    client.force_login(someone)
    for key in (ESSAY, PROOF):
        give_points(submission, key, Decimal(1), by=someone, now=now, seen=0)

    page = client.get("/classes/biology/assignments/homework/grading/").text

    assert "Every answer that is here is graded" in page
    assert "Grade the next answer" not in page
    assert ("/assignments/homework/grades/publish/" in page) == publishes


def test_nothing_of_a_notebook_becomes_part_of_the_page(
    client: Client, grader: User, assignment: Assignment, now: datetime
) -> None:
    submission = graded(assignment, member(assignment.course, "mallory"), now=now, hostile=HOSTILE)

    page = client.get(_page(submission)).content.decode()

    assert "&lt;script&gt;alert(1)" in page
    assert not any(mark in page for mark in ("<script>alert", "<img src=https", "<style>"))


def test_names_are_nowhere_where_they_are_hidden(
    client: Client, grader: User, assignment: Assignment, submission: Submission
) -> None:
    assignment.is_anonymous = True
    assignment.save()
    receipt = f"/classes/biology/assignments/homework/submissions/{submission.pk}/"

    pages = [
        client.get(page) for page in ("/classes/biology/assignments/homework/grading/", _page(submission), receipt)
    ]

    assert all(page.status_code == 200 for page in pages)
    assert not any("zebulon" in page.content.decode().lower() for page in pages)


def test_save_and_next_gives_points_and_goes_on(client: Client, grader: User, submission: Submission) -> None:
    response = client.post(_page(submission, "points/"), _about(points="2,5", extra="1", do="next"))

    assert _essay(submission).points == Decimal("3.5")
    assert f"cell={PROOF.grade_id}" in response["Location"]
    assert not CellLease.objects.filter(grade_id=ESSAY.grade_id).exists()


@pytest.mark.parametrize(("do", "points"), [("full", 4), ("none", 0)])
def test_one_button_gives_all_or_nothing(
    client: Client, grader: User, submission: Submission, do: str, points: int
) -> None:
    client.post(_page(submission, "points/"), _about(do=do))

    row = _essay(submission)
    assert row.points == points
    assert (row.needs_manual, row.graded_by) == (False, grader)


def test_going_on_without_points_grades_nothing(client: Client, grader: User, submission: Submission) -> None:
    client.post(_page(submission, "points/"), _about(points="", extra="", do="next"))

    assert _essay(submission).needs_manual


@pytest.mark.parametrize("points", ["many", "5", "-1", "NaN"])
def test_points_that_make_no_sense_are_explained(
    client: Client, grader: User, submission: Submission, points: str
) -> None:
    page = client.post(_page(submission, "points/"), _about(points=points, do="next"), follow=True).content.decode()

    assert "between 0 and 4 points" in page
    assert _essay(submission).needs_manual


@pytest.mark.parametrize("field", ["points", "extra"])
@pytest.mark.parametrize("number", ["sNaN", "-inf", "1e999999999", "1e-999999999", "9" * 5000])
def test_numbers_that_cannot_be_reckoned_with_are_refused(
    client: Client, grader: User, submission: Submission, field: str, number: str
) -> None:
    give_points(submission, ESSAY, Decimal(1), by=grader, now=timezone.now(), seen=0)

    answer = client.post(_page(submission, "points/"), _about(points="1") | {field: number})

    assert answer.status_code == 302
    assert _essay(submission).points in (0, 1)


@pytest.mark.parametrize("number", ["sNaN", "1e999999999", "9" * 5000, ""])
def test_rubric_item_worth_no_number_is_refused(
    client: Client, grader: User, submission: Submission, number: str
) -> None:
    client.post(_page(submission, "rubric/"), _about(label="Odd", item_points=number))

    assert not RubricItem.objects.exists()


def test_words_are_kept_without_what_no_database_takes(client: Client, grader: User, submission: Submission) -> None:
    client.post(_page(submission, "points/"), _about(points="1", why="Be\0cause"))
    client.post(_page(submission, "comments/"), _about(at="essay", text="We\0ll", keep="1"))
    client.post(_page(submission, "rubric/"), _about(label="Cl\0ear", item_points="1"))

    assert GradeChange.objects.get(kind="manual").why == "Because"
    assert CellComment.objects.get().text == "Well"
    assert RubricItem.objects.get().label == "Clear"


@pytest.mark.parametrize("path", ["homework/grading/next/?notebook=a&cell=%00", "%00/", "home%00work/grading/"])
def test_what_no_database_can_be_asked_for_is_not_there(
    client: Client, grader: User, submission: Submission, path: str
) -> None:
    assert client.get(f"/classes/biology/assignments/{path}").status_code == 404


def test_rubric_item_is_added_and_chosen(client: Client, grader: User, submission: Submission) -> None:
    client.post(_page(submission, "rubric/"), _about(label="Clear", item_points="3"))
    item = RubricItem.objects.get()

    client.post(_page(submission, "points/"), _about(do=f"item:{item.pk}"))

    assert _essay(submission).points == 3
    assert 'aria-pressed="true"' in client.get(_page(submission) + "?notebook=problem1&cell=essay").content.decode()


def test_rubric_item_is_changed_and_retired(
    client: Client, grader: User, assignment: Assignment, submission: Submission, now: datetime
) -> None:
    item = add_item(assignment, ESSAY, label="Clear", points=Decimal(1), now=now)

    client.post(_page(submission, "rubric/"), _about(item=str(item.pk), label="Very clear", item_points="2"))
    client.post(_page(submission, "rubric/"), _about(item=str(item.pk), do="retire"))

    item.refresh_from_db()
    assert (item.label, item.retired_at is not None) == ("Very clear", True)
    assert item.points == 2


def test_comment_is_kept_said_again_and_removed(client: Client, grader: User, submission: Submission) -> None:
    client.post(_page(submission, "comments/"), _about(at="intro", text="Say why.", keep="1"))
    saved = submission.assignment.course.saved_comments.get()
    client.post(_page(submission, "comments/"), _about(at="essay", saved=str(saved.pk)))
    first = submission.comments.get(cell="intro")

    client.post(_page(submission, "comments/"), _about(remove=str(first.pk)))

    assert [(said.cell, said.text) for said in submission.comments.all()] == [("essay", "Say why.")]


def test_comment_at_no_cell_is_refused(client: Client, grader: User, submission: Submission) -> None:
    client.post(_page(submission, "comments/"), _about(at="nowhere", text="Hello"))

    assert not submission.comments.exists()


def test_answer_of_somebody_else_can_be_seen_and_not_graded(
    client: Client, grader: User, assignment: Assignment, submission: Submission
) -> None:
    other = member(assignment.course, "octavia", Role.GRADER).person
    take_lease(Place(submission.pk, ESSAY), by=other, now=timezone.now())

    page = client.get(_page(submission) + "?notebook=problem1&cell=essay").content.decode()
    lease = client.post(_page(submission, "lease/"), _about())

    assert "is grading this answer" in page
    assert 'name="points"' not in page
    assert (lease.status_code, lease.json()["code"]) == (409, "cell_held")


def test_lease_is_taken_renewed_and_dropped(client: Client, grader: User, submission: Submission) -> None:
    client.get(_page(submission))
    CellLease.objects.update(until=timezone.now() + LEASE / 10)

    assert client.post(_page(submission, "lease/"), _about()).status_code == 204
    assert CellLease.objects.get().until > timezone.now() + LEASE / 2
    client.post(_page(submission, "lease/"), _about(drop="1"))
    assert not CellLease.objects.exists()


def test_what_running_it_has_shown_is_said(client: Client, grader: User, assignment: Assignment, now: datetime) -> None:
    flags = [
        {"notebook": "problem1", "cell": "", "code": "kernel-died", "facts": {"exit": "oom"}},
        {"notebook": "problem1", "cell": "test-sum", "code": "tampered", "facts": {}},
    ]
    submission = graded(assignment, member(assignment.course, "ada"), now=now, flags=flags)

    page = client.get(_page(submission)).content.decode()

    assert "The program ended before all cells were run." in page
    assert "Look at the code before you trust the points." in page


def test_pages_ask_as_much_for_few_as_for_many(
    client: Client, grader: User, assignment: Assignment, submission: Submission, now: datetime
) -> None:
    alike = _page(submission, "alike/") + "?notebook=problem1&cell=essay"
    graded(assignment, member(assignment.course, "ada"), now=now)
    pages = ("/classes/biology/assignments/homework/grading/", _page(submission), alike)
    for page in pages:
        client.get(page)
    few = [_queries(client, page) for page in pages]
    for number in range(8):
        graded(assignment, member(assignment.course, f"student-{number}"), now=now)

    assert [_queries(client, page) for page in pages] == few


def _queries(client: Client, page: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        client.get(page)
    return len(queries)


def test_comment_is_laid_out_where_it_is_read_and_runs_nowhere(
    client: Client, grader: User, assignment: Assignment, submission: Submission
) -> None:
    client.post(_page(submission, "comments/"), _about(at="intro", text=f"**Good** {HOSTILE}"))
    feedback = f"/classes/biology/assignments/homework/submissions/{submission.pk}/feedback/"

    pages = [client.get(page).content.decode() for page in (_page(submission), feedback)]

    assert all("<strong>Good</strong> &lt;script&gt;" in page for page in pages)
    assert not any("<script>alert" in page for page in pages)


def test_previous_and_next_lead_to_answers_that_are_graded_too(
    client: Client, grader: User, assignment: Assignment, submission: Submission, now: datetime
) -> None:
    other = graded(assignment, member(assignment.course, "ada"), now=now)
    for each in (submission, other):
        client.post(_page(each, "points/"), _about(do="full"))
    to_next = "/classes/biology/assignments/homework/grading/next/"
    query = f"?notebook=problem1&cell=essay&after={submission.pk}"

    to_do, anything = (client.get(to_next + query + more)["Location"] for more in ("", "&any=1"))

    assert f"cell={PROOF.grade_id}" in to_do
    assert str(other.pk) in anything
    assert "cell=essay" in anything


def test_what_has_changed_since_the_attempt_before_is_shown(
    client: Client, grader: User, assignment: Assignment, submission: Submission, now: datetime
) -> None:
    again = graded(assignment, submission.membership, now=now, essay="Because ice is wet.")

    plain, compared = (client.get(_page(again) + query).content.decode() for query in ("", "?compare=1"))

    assert "Compare with attempt 1" in plain
    assert "<mark>water</mark>" not in plain
    assert "<mark>water</mark>" in compared
    assert "<mark>ice</mark>" in compared


@pytest.mark.parametrize("attempt", ["1", "2", "99", "x", "٣", "9" * 30])
def test_attempt_that_is_not_before_this_one_is_not_there(
    client: Client, grader: User, submission: Submission, attempt: str
) -> None:
    assert client.get(_page(submission), {"compare": attempt}).status_code == 404


def test_question_of_the_student_is_linked_both_ways(
    client: Client, grader: User, submission: Submission, now: datetime
) -> None:
    asked = submission.regrade_requests.create(notebook="problem1", grade_id="essay", opened_at=now)
    feedback = f"/classes/biology/assignments/homework/submissions/{submission.pk}/feedback/"

    marking, read = (client.get(page).content.decode() for page in (_page(submission), feedback))

    assert f"{feedback}#request-{asked.pk}" in marking
    assert "asks to look at these points again" in marking
    assert f'id="request-{asked.pk}"' in read
    assert f"{_page(submission)}?notebook=problem1&amp;cell=essay" in read


def test_answers_like_one_another_are_given_the_same_together(
    client: Client, grader: User, assignment: Assignment, submission: Submission, now: datetime
) -> None:
    other = graded(assignment, member(assignment.course, "ada"), now=now)
    client.post(_page(submission, "points/"), _about(points="2.5"))
    page = client.get(_page(submission, "alike/") + "?notebook=problem1&cell=essay").content.decode()

    response = client.post(_page(submission, "alike/"), _about(**{"to": str(other.pk), f"seen-{other.pk}": "0"}))

    assert f'value="{other.pk}" checked' in page
    assert _essay(other).points == Decimal("2.5")
    assert response["Location"].startswith(_page(submission))


def test_answers_alike_hide_names_that_are_hidden(
    client: Client, grader: User, assignment: Assignment, submission: Submission, now: datetime
) -> None:
    other = graded(assignment, member(assignment.course, "ada"), now=now)
    Assignment.objects.update(is_anonymous=True)

    page = client.get(_page(other, "alike/") + "?notebook=problem1&cell=essay").content.decode()

    assert str(submission.pk) in page
    assert not any(name in page.lower() for name in ("zebulon", ">ada"))


def test_answer_nobody_has_graded_offers_no_form(client: Client, grader: User, submission: Submission) -> None:
    url = _page(submission, "alike/")

    page = client.get(url + "?notebook=problem1&cell=essay").content.decode()
    refused = client.post(url, _about(to=str(submission.pk)), follow=True).content.decode()

    assert 'name="to"' not in page
    assert "Grade it first" in refused


def test_rubric_is_changed_only_once_its_effect_was_seen(
    client: Client, grader: User, assignment: Assignment, submission: Submission, now: datetime
) -> None:
    item = add_item(assignment, ESSAY, label="Clear", points=Decimal(1), now=now)
    client.post(_page(submission, "points/"), _about(do=f"item:{item.pk}"))
    publish_grades(assignment, None, by=grader, now=now)
    change = _about(item=str(item.pk), label="Clear", item_points="3")

    asked = client.post(_page(submission, "rubric/"), change)

    item.refresh_from_db()
    assert asked.status_code == 200
    assert item.points == 1
    assert "1 grade changes" in asked.content.decode()
    assert "1 of them is published" in asked.content.decode()
    client.post(_page(submission, "rubric/"), {**change, "sure": asked.context["sure"]})
    assert _essay(submission).points == 3


def test_rubric_is_not_changed_where_its_effect_is_another_by_now(
    client: Client, grader: User, assignment: Assignment, submission: Submission, now: datetime
) -> None:
    item = add_item(assignment, ESSAY, label="Clear", points=Decimal(1), now=now)
    client.post(_page(submission, "points/"), _about(do=f"item:{item.pk}"))
    change = _about(item=str(item.pk), label="Clear", item_points="3")
    sure = client.post(_page(submission, "rubric/"), change).context["sure"]
    client.post(_page(submission, "points/"), {**_about(extra="1"), "seen": "9999"})

    page = client.post(_page(submission, "rubric/"), {**change, "sure": sure})

    item.refresh_from_db()
    assert "Grades have changed since you looked" in page.content.decode()
    assert item.points == 1


def test_item_of_another_cell_is_not_changed_from_here(
    client: Client, grader: User, assignment: Assignment, submission: Submission, now: datetime
) -> None:
    item = add_item(assignment, PROOF, label="Clear", points=Decimal(1), now=now)

    client.post(_page(submission, "rubric/"), _about(item=str(item.pk), label="Clear", item_points="3"))

    item.refresh_from_db()
    assert item.points == 1
