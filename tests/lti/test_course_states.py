"""How the courses of a platform are doing, as whoever runs this Carrel sees it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Role, User
from assignments.models import Grade
from lti.course_states import courses_of, grades_of, states_of, troubled
from lti.models import Context, LineItem, LtiPerson, Outlet, Platform, Roster, Score
from lti.platforms import add_platform
from tests.factories import AssignmentFactory, CourseFactory, UserFactory, member

pytestmark = pytest.mark.django_db

State = Score.State


@pytest.fixture
def platform(now: datetime) -> Platform:
    """One in use."""
    urls = {name: f"https://lms.test/{name}" for name in ("auth_login_url", "token_url", "jwks_url")}
    platform = Platform(name="Campus", issuer="https://lms.test", client_id="1", state=Platform.State.ACTIVE, **urls)
    return add_platform(platform, deployment_id="1", now=now)


@pytest.fixture
def operator(client: Client) -> User:
    """Whoever runs this Carrel, signed in."""
    user: User = UserFactory.create(username="root", role=Role.ADMINISTRATOR)
    client.force_login(user)
    return user


def course_called(platform: Platform, title: str, **facts: Any) -> Context:
    """A course that is a class, whose platform has said where people and grades are."""
    urls = {"memberships_url": "https://lms.test/people", "line_items_url": "https://lms.test/columns"}
    course = {"course": CourseFactory.create(title=f"Class of {title}")}
    made: Context = platform.deployments.get().contexts.create(context_id=title, title=title, **urls | course | facts)
    return made


def score_of(context: Context, state: str, *, code: str = "", column: LineItem | None = None) -> Score:
    """A grade of a student of the course, this far."""
    if column is None:
        assignment = AssignmentFactory.create(course=context.course)
        column = LineItem.objects.create(context=context, assignment=assignment, url="https://lms.test/column")
    membership = member(column.assignment.course, f"student-{Score.objects.count()}")
    person = LtiPerson.objects.create(
        platform=context.deployment.platform, sub=str(membership.pk), user=membership.person
    )
    grade = Grade.objects.create(
        assignment=column.assignment, membership=membership, points=5, max_points=10, changed_at=timezone.now()
    )
    return Score.objects.create(
        line_item=column,
        person=person,
        grade=grade,
        points=Decimal(5),
        maximum=Decimal(10),
        graded_at=timezone.now(),
        state=state,
        failure_code=code,
    )


def page_of(client: Client, path: str = "") -> str:
    response = client.get(f"/lti/platforms/{path}")
    assert response.status_code == 200
    return response.content.decode()


def test_counts_grades_by_how_far_they_are(platform: Platform) -> None:
    context = course_called(platform, "Logic")
    for state in (State.SENT, State.SENT, State.WAITING, State.SENDING, State.REFUSED):
        score_of(context, state)

    row: Any = courses_of(platform).get()

    assert (row.there, row.on_its_way, row.undelivered) == (2, 2, 1)
    total = grades_of(platform)
    assert (total.there, total.on_its_way, total.undelivered) == (2, 2, 1)


def test_grade_into_a_column_that_takes_none_is_undelivered(platform: Platform) -> None:
    score_of(course_called(platform, "Logic"), State.WAITING)
    LineItem.objects.update(state=LineItem.State.LOCKED)

    row: Any = courses_of(platform).get()

    assert (row.on_its_way, row.undelivered) == (0, 1)


def test_grade_of_a_class_that_the_course_is_no_more_is_not_counted(platform: Platform) -> None:
    context = course_called(platform, "Logic")
    score_of(context, State.REFUSED)
    Context.objects.update(course=CourseFactory.create())

    assert cast("Any", courses_of(platform).get()).undelivered == 0
    assert not troubled().exists()


def test_grades_of_another_platform_are_not_counted(platform: Platform, now: datetime) -> None:
    other = add_platform(Platform(name="Other", issuer="https://o.test", client_id="1"), deployment_id="1", now=now)
    score_of(course_called(other, "Logic"), State.REFUSED)

    assert grades_of(platform).undelivered == 0
    assert not courses_of(platform).exists()


def test_courses_in_trouble_come_first_and_those_that_are_no_class_last(platform: Platform) -> None:
    course_called(platform, "A: nothing", course=None)
    course_called(platform, "B: well")
    score_of(course_called(platform, "C: not taken"), State.REFUSED)
    Roster.objects.create(context=course_called(platform, "D: held"), failure_code="roster_held")

    assert [str(row) for row in courses_of(platform)] == ["C: not taken", "D: held", "B: well", "A: nothing"]


@pytest.mark.parametrize(
    ("column", "is_trouble"),
    [
        ({"state": "gone"}, True),
        ({"failure_code": "grades_not_allowed"}, True),
        ({"failure_code": "grades_unanswered"}, False),
        ({}, False),
    ],
)
def test_column_is_trouble_where_somebody_has_to_act(
    platform: Platform, column: dict[str, str], is_trouble: bool
) -> None:
    score_of(course_called(platform, "Logic"), State.WAITING)
    LineItem.objects.update(**column)

    assert troubled().exists() == is_trouble


@pytest.mark.parametrize("over", ["archived_at", "deleted_at"])
def test_class_that_is_over_troubles_nobody(platform: Platform, over: str, now: datetime) -> None:
    ended = CourseFactory.create(**{over: now})
    Roster.objects.create(context=course_called(platform, "Logic", course=ended), failure_code="roster_refused")

    assert not troubled().exists()


def test_last_error_of_grades_is_that_of_the_stopped_column(platform: Platform) -> None:
    context = course_called(platform, "Logic")
    score_of(context, State.WAITING, code="grades_unanswered")
    score_of(context, State.WAITING)
    LineItem.objects.filter(scores__failure_code="").update(state="locked", failure_code="column_locked")

    (state,) = states_of(platform, list(courses_of(platform)))

    assert state.grades_failure is not None
    assert "Perhaps its column is locked" in state.grades_failure.sentence


def test_page_says_in_words_what_is_wrong(client: Client, operator: User, platform: Platform, now: datetime) -> None:
    context = course_called(platform, "Logic", connected_by=operator)
    facts = {"platform": "Campus", "missing": 7, "present": 9}
    Roster.objects.create(
        context=context,
        completed_at=now - timedelta(days=2),
        failed_at=now,
        failure_code="roster_held",
        failure_facts=facts,
    )
    score_of(context, State.REFUSED, code="grade_refused")
    Outlet.objects.create(platform=platform, failures=3, failure_code="grades_unanswered")

    page = page_of(client, f"{platform.pk}/")

    assert "Class of Logic" in page
    assert "Held until a teacher agrees" in page
    assert "7 of 9 people would leave the class" in page
    assert "1 could not be delivered" in page
    assert "takes no grade for this person" in page
    assert "does not answer at the moment" in page
    assert f'href="/lti/audit/?platform={platform.pk}"' in page


def test_list_says_which_platform_needs_somebody(client: Client, operator: User, platform: Platform) -> None:
    assert "platform-trouble" not in page_of(client)

    Roster.objects.create(context=course_called(platform, "Logic"), failure_code="roster_refused")
    Outlet.objects.create(platform=platform, failures=3, failure_code="grades_unanswered")
    platform.key_pairs.all().delete()

    page = page_of(client)
    assert "In 1 course somebody has to look" in page
    assert "Grades wait:" in page
    assert "no key towards it" in page


def test_list_says_nothing_of_one_that_is_switched_off(client: Client, operator: User, platform: Platform) -> None:
    Roster.objects.create(context=course_called(platform, "Logic"), failure_code="roster_refused")
    Platform.objects.update(state=Platform.State.DISABLED)

    assert "platform-trouble" not in page_of(client)


def test_five_hundred_courses_ask_no_more_than_one(client: Client, operator: User, platform: Platform) -> None:
    context = course_called(platform, "Z: not taken")
    score_of(context, State.REFUSED, code="grade_refused")
    Outlet.objects.create(platform=platform, failures=3, failure_code="grades_unanswered")
    with CaptureQueriesContext(connection) as one:
        page_of(client, f"{platform.pk}/")
    many = [
        Context(deployment=context.deployment, context_id=str(n), title=f"Course {n}", course=context.course)
        for n in range(499)
    ]
    Context.objects.bulk_create(many)
    Roster.objects.bulk_create([Roster(context=made, failure_code="roster_refused") for made in many[:100]])

    with CaptureQueriesContext(connection) as all_of_them:
        page = page_of(client, f"{platform.pk}/")

    assert len(all_of_them) == len(one) <= 13
    assert "Page 1 of 20" in page
    assert "Course 100<" not in page_of(client, f"{platform.pk}/?page=4")
