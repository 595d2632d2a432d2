"""Nothing of the assignments of a class outlives it, and nothing in them keeps the class."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.apps import apps
from pytest_django import Settings

from assignments.arranging import give_extension
from assignments.deadlines import Allowance
from assignments.grading.gradebook import publish_grades
from assignments.grading.marking import comment
from assignments.grading.rubrics import add_item, choose
from assignments.models import Assignment, Fetch, Grade
from assignments.returning.requests import open_request
from classes.keeping import delete, purge_deleted
from classes.models import Course, Membership, Role
from tests.assignments.marked import ESSAY, graded, to_be_graded
from tests.factories import member

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_week_of_grace(settings: Settings) -> timedelta:
    settings.DELETED_FILES_DAYS = 7
    return timedelta(days=7)


def test_class_with_everything_that_assignments_can_have_is_removed(a_week_of_grace: timedelta, now: datetime) -> None:
    assignment = taught(now)
    delete(assignment.course, now=now)

    purge_deleted(now=now + a_week_of_grace)

    left = [
        model.__name__ for model in apps.get_app_config("assignments").get_models() if model._default_manager.exists()
    ]
    assert (left, Course.objects.count(), Membership.objects.count()) == ([], 0, 0)


def test_other_classes_keep_their_grades(a_week_of_grace: timedelta, now: datetime) -> None:
    gone, kept = to_be_graded(), to_be_graded()
    for assignment in (gone, kept):
        graded(assignment, member(assignment.course, "ada"), now=now)
    delete(gone.course, now=now)

    purge_deleted(now=now + a_week_of_grace)

    assert Grade.objects.get().assignment == kept
    assert kept.submissions.count() == 1


def taught(now: datetime) -> Assignment:
    """One that was fetched, submitted, graded, published and asked about."""
    assignment = to_be_graded()
    course, teacher = assignment.course, assignment.course.owner
    ada, grader = member(course, "ada"), member(course, "grader", Role.GRADER).person
    assert assignment.release is not None
    Fetch.objects.create(assignment=assignment, membership=ada, release=assignment.release, asked_at=now)
    give_extension(assignment, ada, Allowance(extra_minutes=5), by=teacher, now=now)
    submission = graded(assignment, ada, now=now)
    item = add_item(assignment, ESSAY, label="Clear", points=Decimal(2), now=now)
    choose(submission, item, is_chosen=True, by=grader, now=now)
    comment(submission, notebook="problem1", cell="essay", text="Good", by=grader, now=now)
    publish_grades(assignment, None, by=teacher, now=now)
    open_request(submission, ESSAY, "Why?", by=ada.person, now=now)
    return assignment
