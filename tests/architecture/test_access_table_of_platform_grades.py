"""The pages about grades on their way to learning platforms, and what a stranger and each member get."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.test import Client

from accounts.models import User
from classes.models import Role
from lti.models import LineItem, LtiPerson, Platform, Score
from tests.architecture.members_pages import (
    PERSONS,
    SIGN_IN,
    Page,
    check_answer,
    check_answer_to_whoever_runs_the_site,
    each_of,
)
from tests.factories import AssignmentFactory, CourseFactory, member

AT = "/lti/grades/biology/homework/"
GRADE_PAGES = [
    Page("grade-states", AT, "get", SIGN_IN, 404, 403, 403, 200),
    Page("grade-resend", f"{AT}scores/{{score}}/send/", "post", SIGN_IN, 404, 403, 403, 302),
    # A column that nobody has found yet.
    Page("grade-compare", f"{AT}columns/{{column}}/", "get", SIGN_IN, 404, 403, 403, 200),
    Page("grade-compare", f"{AT}columns/{{column}}/", "post", SIGN_IN, 404, 403, 403, 409),
    Page("column-again", f"{AT}columns/{{column}}/again/", "post", SIGN_IN, 404, 403, 403, 302),
]


@pytest.fixture
def score(teacher: User, now: datetime) -> Score:
    """A student's grade on its way to a platform."""
    course = CourseFactory.create(slug="biology", owner=teacher)
    members = {
        name: member(course, name, role)
        for name, role in (("student", Role.STUDENT), ("grader", Role.GRADER), ("teacher", Role.TEACHER))
    }
    assignment = AssignmentFactory.create(course=course, name="homework")
    platform = Platform.objects.create(name="Campus", issuer="https://lms.test", client_id="1", state="active")
    context = platform.deployments.create(deployment_id="1").contexts.create(context_id="2", course=course)
    return Score.objects.create(
        line_item=LineItem.objects.create(context=context, assignment=assignment),
        person=LtiPerson.objects.create(platform=platform, sub="1", user=members["student"].person),
        grade=assignment.grades.create(membership=members["student"], points=1, max_points=2, changed_at=now),
        points=1,
        maximum=2,
        graded_at=now,
    )


def address(page: Page, score: Score) -> str:
    return page.path.format(score=score.pk, column=score.line_item_id)


@each_of(GRADE_PAGES)
@pytest.mark.parametrize("who", PERSONS)
def test_page_answers_each_person_as_the_table_says(client: Client, score: Score, page: Page, who: str) -> None:
    check_answer(client, page, address(page, score), who=who)


@each_of(GRADE_PAGES)
def test_whoever_runs_the_site_is_a_teacher(client: Client, score: Score, page: Page) -> None:
    check_answer_to_whoever_runs_the_site(client, page, address(page, score))


@each_of([page for page in GRADE_PAGES if "{" in page.path])
def test_thing_of_another_assignment_is_not_found(client: Client, score: Score, page: Page) -> None:
    AssignmentFactory.create(course=score.line_item.assignment.course, name="other")
    client.force_login(User.objects.get(username="teacher"))

    response = getattr(client, page.method)(address(page, score).replace("homework", "other"))

    assert response.status_code == 404


@each_of([page for page in GRADE_PAGES if page.method == "post"])
def test_class_that_is_over_sends_nothing(client: Client, score: Score, page: Page, now: datetime) -> None:
    course = score.line_item.assignment.course
    course.archived_at = now
    course.save()
    client.force_login(User.objects.get(username="teacher"))

    response = client.post(address(page, score))

    assert response.status_code == 403
