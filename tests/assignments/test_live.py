"""Staff see how far a class is with an assignment, student by student, as it is now."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from assignments.grading.gradebook import publish_grades
from assignments.live import Stage, counted, places_of
from assignments.models import Assignment, Fetch, Grade
from classes.models import Role
from environments.models import NotebookServer
from tests.assignments.grading_rows import CELLS, submitted_by_many
from tests.factories import AssignmentFactory, CourseFactory, in_class, member, released, running_server

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

LIVE = "/classes/biology/live/"
PAGE = "/classes/biology/assignments/homework/live/"


@pytest.fixture
def assignment() -> Assignment:
    """One that was released."""
    assignment = AssignmentFactory.create(
        course=CourseFactory.create(slug="biology"), name="homework", title="Squares and sums"
    )
    released(assignment, cells=CELLS)
    return assignment


def test_each_student_is_where_they_are(assignment: Assignment, now: datetime) -> None:
    teacher = member(assignment.course, "teacher", Role.TEACHER)
    member(assignment.course, "absent")
    _fetched(assignment, "beginner", now)
    submitted_by_many(assignment, 1, now=now)
    waiting, graded, told = submitted_by_many(assignment, 3, now=now, points=3)
    Grade.objects.filter(submission=waiting).update(needs_manual=1)
    publish_grades(assignment, [told.membership], by=teacher.person, now=now)

    places = {place.seat.membership_id: place for place in places_of(assignment, now=now)}

    assert counted(list(places.values())) == {
        Stage.NOTHING: 1,
        Stage.COPY: 1,
        Stage.SUBMITTED: 2,
        Stage.GRADED: 1,
        Stage.TOLD: 1,
    }
    assert places[graded.membership_id].submitted_at == now


def test_who_is_in_their_server_and_has_it_to_do_works_on_it(assignment: Assignment) -> None:
    now = timezone.now()
    for name in ("ada", "bob"):
        fetch = _fetched(assignment, name, now)
        server = running_server(**in_class(fetch.membership))
        NotebookServer.objects.filter(pk=server.pk).update(last_activity_at=now)
    Fetch.objects.filter(membership__person__username="bob").delete()

    working = [place.seat.username for place in places_of(assignment, now=now) if place.is_working]

    assert working == ["ada"]


def test_page_shows_those_at_one_stage(client: Client, assignment: Assignment, now: datetime) -> None:
    client.force_login(member(assignment.course, "teacher", Role.TEACHER).person)
    _fetched(assignment, "beginner", now)
    member(assignment.course, "absent")

    part = client.get(PAGE, {"show": "copy"}, headers={"HX-Request": "true"}).content.decode()

    assert ("Beginner" in part, "Absent" in part, "<html" in part) == (True, False, False)


@pytest.mark.parametrize(
    ("role", "is_anonymous", "is_told"),
    [(Role.GRADER, True, False), (Role.GRADER, False, True), (Role.TEACHER, True, True)],
)
def test_moment_that_tells_whose_a_submission_is_is_told_where_names_are(
    client: Client, assignment: Assignment, role: Role, is_anonymous: bool, is_told: bool
) -> None:
    Assignment.objects.update(is_anonymous=is_anonymous)
    submitted_by_many(assignment, 1, now=datetime(2026, 3, 1, 9, 41, tzinfo=UTC))
    client.force_login(member(assignment.course, "reader", role).person)

    page = client.get(PAGE).content.decode()

    assert ("09:41" in page) is is_told


def test_live_page_of_the_class_leads_there(client: Client, assignment: Assignment) -> None:
    client.force_login(member(assignment.course, "teacher", Role.TEACHER).person)

    page = client.get(LIVE).content.decode()

    assert f'<a href="{PAGE}">Squares and sums</a>' in page


def test_questions_do_not_grow_with_the_class(
    assignment: Assignment, now: datetime, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    submitted_by_many(assignment, 30, now=now, points=3)

    with django_assert_max_num_queries(5):
        places_of(assignment, now=now)


def _fetched(assignment: Assignment, username: str, now: datetime) -> Fetch:
    assert assignment.release is not None
    return Fetch.objects.create(
        assignment=assignment,
        membership=member(assignment.course, username),
        release=assignment.release,
        state=Fetch.State.THERE,
        asked_at=now,
    )
