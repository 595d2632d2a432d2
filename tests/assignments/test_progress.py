"""Staff see how far grading by tests is and why some failed, and have it tried again."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils.html import strip_tags
from pytest_django import DjangoAssertNumQueries

from assignments.grading.progress import progress_of
from assignments.models import Assignment, Autograding, Submission
from classes.models import Membership, Role
from tests.assignments.grading_rows import CELLS, submitted_by_many
from tests.factories import AssignmentFactory, CourseFactory, member, released

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

PAGE = "/classes/biology/assignments/homework/"
ASK = f"{PAGE}tests/ask/"


@pytest.fixture
def assignment() -> Assignment:
    """One that was released."""
    assignment = AssignmentFactory.create(course=CourseFactory.create(slug="biology"), name="homework")
    released(assignment, cells=CELLS)
    return assignment


@pytest.fixture
def teacher(assignment: Assignment, client: Client) -> Membership:
    """Of its class, signed in."""
    membership = member(assignment.course, "teacher", Role.TEACHER)
    client.force_login(membership.person)
    return membership


def test_failures_are_told_by_their_reason(
    assignment: Assignment, now: datetime, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    submissions = submitted_by_many(assignment, 5, now=now)
    _failed(submissions[0], "grading_interrupted", now)
    _failed(submissions[1], "grading_image_missing", now)
    _failed(submissions[2], "grading_image_missing", now)

    with django_assert_max_num_queries(2):
        found = progress_of(assignment)

    assert (found.failed, found.new, found.all) == (3, 2, 5)
    assert [(one.words.code, len(one.submissions)) for one in found.failures] == [
        ("grading_image_missing", 2),
        ("grading_interrupted", 1),
    ]


def test_reason_is_that_of_the_latest_try(assignment: Assignment, now: datetime) -> None:
    [submission] = submitted_by_many(assignment, 1, now=now)
    _failed(submission, "grading_interrupted", now)
    _failed(submission, "grading_image_missing", now + timedelta(seconds=1))

    assert [one.words.code for one in progress_of(assignment).failures] == ["grading_image_missing"]


def test_bar_is_made_of_what_there_is(assignment: Assignment, now: datetime) -> None:
    submitted_by_many(assignment, 3, now=now, points=1)
    submitted_by_many(assignment, 1, now=now)

    assert progress_of(assignment).parts == [("graded", 0.0, 75.0), ("new", 75.0, 25.0)]


@pytest.mark.parametrize(
    ("states", "stands"),
    [
        (("graded", "graded"), "graded"),
        (("graded", "received"), "new"),
        (("graded", "problem", "received"), "failed"),
        (("problem", "waiting"), "waiting"),
        (("waiting", "running"), "running"),
    ],
)
def test_student_counts_once_where_most_is_to_be_done(
    assignment: Assignment, now: datetime, states: tuple[str, ...], stands: str
) -> None:
    [submission, _other] = submitted_by_many(assignment, 2, now=now, points=1)
    submission.delete()
    for attempt, state in enumerate(states, start=1):
        submission.pk, submission.attempt, submission.state = uuid4(), attempt, state
        submission.autograding = None
        submission.save(force_insert=True)

    found = progress_of(assignment)

    assert (found.all, found.submissions, found.graded) == (2, 1 + len(states), 1 + (stands == "graded"))
    assert getattr(found, stands) == 1 + (stands == "graded")


def test_page_and_program_count_students(
    client: Client, assignment: Assignment, teacher: Membership, now: datetime
) -> None:
    [submission] = submitted_by_many(assignment, 1, now=now, points=1)
    submission.pk, submission.attempt, submission.autograding = uuid4(), 2, None
    submission.save(force_insert=True)

    words = " ".join(strip_tags(client.get(PAGE).content.decode().replace("<", " <")).split())
    told = client.get(f"/api/v1/assignments/{assignment.pk}/grading/").json()

    assert "1 / 1 graded by tests" in words
    assert "1 graded Each student counts once" in words
    assert "over all 2 submissions" in words
    assert (told["submitted"], told["graded"]) == (1, 1)


def test_what_others_than_students_submitted_does_not_count(assignment: Assignment, now: datetime) -> None:
    [submission] = submitted_by_many(assignment, 1, now=now, points=1)
    Membership.objects.filter(pk=submission.membership_id).update(role=Role.GRADER)

    assert progress_of(assignment).all == 0


def test_page_says_why_and_tries_again(
    client: Client, assignment: Assignment, teacher: Membership, now: datetime
) -> None:
    [submission] = submitted_by_many(assignment, 1, now=now)
    _failed(submission, "grading_image_missing", now)

    words = client.get(PAGE).content.decode()
    client.post(ASK, {"which": "failed"})
    part = client.get(PAGE, headers={"HX-Request": "true"}).content.decode()

    assert "The environment that this is graded in is not there." in words
    assert submission.membership.person.get_full_name() in words
    assert 'data-refresh-seconds="2"' in part
    assert "<html" not in part


def test_names_stay_hidden_from_graders(client: Client, assignment: Assignment, now: datetime) -> None:
    assignment.is_anonymous = True
    assignment.save()
    [submission] = submitted_by_many(assignment, 1, now=now)
    _failed(submission, "grading_image_missing", now)
    client.force_login(member(assignment.course, "grader", Role.GRADER).person)

    assert submission.membership.person.get_full_name() not in client.get(PAGE).content.decode()


@pytest.mark.parametrize(("role", "publishes"), [(Role.TEACHER, True), (Role.GRADER, False)])
def test_page_leads_those_who_may_to_publishing(
    client: Client, assignment: Assignment, role: Role, publishes: bool
) -> None:
    client.force_login(member(assignment.course, role.value, role).person)

    assert (f'href="{PAGE}grades/publish/"' in client.get(PAGE).text) == publishes


def test_grader_tries_again_and_begins_nothing_anew(client: Client, assignment: Assignment, now: datetime) -> None:
    [submission] = submitted_by_many(assignment, 1, now=now)
    _failed(submission, "grading_image_missing", now)
    client.force_login(member(assignment.course, "grader", Role.GRADER).person)

    statuses = [client.post(ASK, {"which": which}).status_code for which in ("all", "failed")]

    assert statuses == [403, 302]
    assert submission.autogradings.under_way().count() == 1


def test_student_sees_the_place_in_the_queue(client: Client, assignment: Assignment, now: datetime) -> None:
    submissions = submitted_by_many(assignment, 3, now=now)
    for submission in submissions:
        Autograding.objects.create(submission=submission, release=submission.release, asked_at=now)
    Submission.objects.update(state=Submission.State.WAITING)
    Autograding.objects.filter(submission=submissions[2]).update(turn=1)
    person = submissions[2].membership.person
    assignment.course.everybody.user_set.add(person)
    client.force_login(person)

    assert "2 before it" in client.get(PAGE).content.decode()


def _failed(submission: Submission, code: str, now: datetime) -> None:
    Autograding.objects.create(
        submission=submission,
        release=submission.release,
        state=Autograding.State.FAILED,
        failure_code=code,
        asked_at=now,
    )
    Submission.objects.filter(pk=submission.pk).update(state=Submission.State.PROBLEM)
