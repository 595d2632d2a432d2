"""Teachers see, take with them and publish what students have."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from assignments.grading.gradebook import publish_grades
from assignments.grading.marking import give_points
from assignments.models import Assignment, CellComment, Feedback, Grade, Submission
from assignments.returning.publishing import Publication
from classes.models import Course, Role
from tests.assignments.grading_rows import submitted_by_many
from tests.assignments.marked import ESSAY, graded, to_be_graded
from tests.factories import CourseFactory, member

pytestmark = pytest.mark.django_db

WORK = "/classes/biology/assignments/"
GRADEBOOK = f"{WORK}-/gradebook/"


@pytest.fixture
def assignment() -> Assignment:
    """One that people grade."""
    course: Course = CourseFactory.create(slug="biology")
    return to_be_graded(course=course, name="homework")


@pytest.fixture
def lead(assignment: Assignment, client: Client) -> User:
    """A teacher of the class, signed in."""
    person = member(assignment.course, "lead", Role.TEACHER).person
    client.force_login(person)
    return person


@pytest.fixture
def submission(assignment: Assignment, lead: User, now: datetime) -> Submission:
    """Graded but for one cell."""
    made = graded(assignment, member(assignment.course, "zebulon"), now=now)
    give_points(made, ESSAY, Decimal("2.5"), by=lead, now=now, seen=0, why="half of it")
    return made


def test_gradebook_has_what_students_have(client: Client, lead: User, submission: Submission) -> None:
    page = client.get(GRADEBOOK).content.decode()

    assert "Zebulon" in page
    assert "4.5 / 12" in page
    assert "1 to do" in page


def test_long_title_is_cut_at_the_head_of_its_column(
    client: Client, assignment: Assignment, lead: User, submission: Submission
) -> None:
    Assignment.objects.update(title="All about means " * 12)

    head = client.get(GRADEBOOK).text.split("<thead>")[1].split("</thead>")[0]

    assert "…</a>" in head
    assert f'title="{("All about means " * 12)}"' in head


def test_history_says_who_and_why(client: Client, lead: User, submission: Submission) -> None:
    page = client.get(f"{WORK}homework/grades/{Grade.objects.get().pk}/").content.decode()

    assert "half of it" in page
    assert lead.get_full_name() in page


def test_history_says_what_was_left_to_a_person(client: Client, lead: User, submission: Submission) -> None:
    page = client.get(f"{WORK}homework/grades/{Grade.objects.get().pk}/").text

    assert "for a person" in page


def test_publishing_leads_to_what_nobody_has_graded(client: Client, lead: User, submission: Submission) -> None:
    page = client.get(f"{WORK}homework/grades/publish/").text

    assert f'href="{WORK}homework/grading/next/"' in page


def test_grader_finds_no_points_where_names_are_hidden(
    client: Client, assignment: Assignment, submission: Submission
) -> None:
    assignment.is_anonymous = True
    assignment.save()
    client.force_login(member(assignment.course, "grader", Role.GRADER).person)

    assert "4.5" not in client.get(GRADEBOOK).content.decode()


def test_points_as_a_file(client: Client, lead: User, submission: Submission) -> None:
    lines = client.get(f"{WORK}homework/grades/points.csv").content.decode("utf-8-sig").splitlines()

    assert lines[0].startswith("username,email,name,attempt")
    assert lines[1].startswith("zebulon,")
    assert lines[1].endswith(",4.5,0,12,")


def test_points_of_cells_as_a_file(client: Client, lead: User, submission: Submission) -> None:
    lines = client.get(f"{WORK}homework/grades/cells.csv").content.decode("utf-8-sig").splitlines()

    assert lines[0].endswith("problem1/essay,problem1/proof,problem1/test-sum")
    assert lines[1].endswith(",2.5,,2")


def test_name_like_a_formula_stays_a_name(client: Client, lead: User, submission: Submission) -> None:
    person = submission.membership.person
    person.display_name = '=HYPERLINK("https://evil.example")'
    person.save()

    for name in ("points", "cells"):
        assert "'=HYPERLINK" in client.get(f"{WORK}homework/grades/{name}.csv").content.decode()


@pytest.mark.parametrize("is_for_one", [True, False])
def test_publishing_tells_one_or_all(
    client: Client, assignment: Assignment, lead: User, submission: Submission, now: datetime, is_for_one: bool
) -> None:
    graded(assignment, member(assignment.course, "eva"), now=now)
    one = Grade.objects.get(submission=submission)

    client.post(f"{WORK}homework/grades/publish/", {"grade": one.pk, "message": "Good"} if is_for_one else {})

    published = Grade.objects.filter(published_at__isnull=False)
    assert published.count() == (1 if is_for_one else 2)
    assert published.get(pk=one.pk).published_points == Decimal("4.5")


@pytest.mark.parametrize("key", ["0", "-1", "x", "²", "9" * 30, "9" * 5000])
def test_publishing_a_grade_that_cannot_be_tells_nobody(
    client: Client, lead: User, submission: Submission, key: str
) -> None:
    answer = client.post(f"{WORK}homework/grades/publish/", {"grade": key})

    assert answer.status_code == 404
    assert not Grade.objects.filter(published_at__isnull=False).exists()


def test_publishing_says_before_whom_it_would_tell_what(
    client: Client, assignment: Assignment, lead: User, submission: Submission, now: datetime
) -> None:
    for name, told in (("eva", "4.5"), ("finn", "4")):
        other = graded(assignment, member(assignment.course, name), now=now)
        grade = Grade.objects.get(submission=other)
        Grade.objects.filter(pk=grade.pk).update(
            points=Decimal("4.5"), published_points=told, published_max_points=grade.max_points, published_at=now
        )
        Feedback.objects.create(submission=other, published_at=now)
    Grade.objects.filter(membership__person__username="finn").update(needs_manual=0)

    page = client.get(f"{WORK}homework/grades/publish/")

    assert page.context["publication"] == Publication(new=1, changed=1, same=1, unfinished=1)
    assert "Publish the 1 that is finished" in page.content.decode()


def test_publishing_what_is_finished_leaves_the_others(
    client: Client, assignment: Assignment, lead: User, submission: Submission, now: datetime
) -> None:
    graded(assignment, member(assignment.course, "eva"), now=now)
    Grade.objects.filter(membership__person__username="eva").update(needs_manual=0)

    client.post(f"{WORK}homework/grades/publish/", {"which": "finished", "message": "Well done"})

    assert [one.membership.person.username for one in Grade.objects.exclude(published_at=None)] == ["eva"]
    assert Feedback.objects.get().message == "Well done"


def test_publishing_again_tells_only_those_of_whom_there_is_news(
    client: Client, assignment: Assignment, lead: User, submission: Submission, now: datetime
) -> None:
    graded(assignment, member(assignment.course, "eva"), now=now)
    publish_grades(assignment, None, by=lead, now=now)
    later = now + timedelta(hours=1)
    CellComment.objects.create(submission=submission, notebook="problem1", cell="essay", text="See me", at=later)

    told = publish_grades(assignment, None, by=lead, now=later)

    assert [one.submission for one in told] == [submission]
    assert publish_grades(assignment, None, by=lead, now=later) == []


def test_gradebook_asks_as_much_for_few_as_for_many(
    client: Client, assignment: Assignment, lead: User, submission: Submission, now: datetime
) -> None:
    client.get(GRADEBOOK)
    with CaptureQueriesContext(connection) as few:
        client.get(GRADEBOOK)
    for number in range(5):
        graded(assignment, member(assignment.course, f"student-{number}"), now=now)

    with CaptureQueriesContext(connection) as many:
        client.get(GRADEBOOK)

    assert len(many) == len(few)


def test_more_than_a_thousand_students_are_told_at_once(assignment: Assignment, lead: User, now: datetime) -> None:
    submitted_by_many(assignment, 1001, now=now, points=4)
    assignment.grades.update(submission=None)  # Feedback for each would only take time.

    told = publish_grades(assignment, None, by=lead, now=now)

    assert len(told) == 1001
