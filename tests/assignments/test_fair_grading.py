"""Whose submission is graded next: no class holds up another, and nobody somebody else of theirs."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from assignments.errors import AssignmentError
from assignments.grading.autograding import (
    Which,
    ask_all,
    ask_autograding,
    ask_many,
    carry_out_next,
    place_in_queue,
    waiting_of,
)
from assignments.models import Assignment, Autograding, Release, Submission
from classes.errors import CourseError
from classes.models import Membership, Role
from tests.assignments.grading_rows import CELLS, submitted_by_many
from tests.factories import AssignmentFactory, member, released

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

State = Autograding.State
SECOND = timedelta(seconds=1)


@pytest.fixture
def crowded() -> Assignment:
    """Of a class in which three hundred have submitted."""
    assignment = AssignmentFactory.create(name="crowded")
    released(assignment, cells=CELLS)
    return assignment


@pytest.fixture
def small() -> Assignment:
    """Of another class."""
    assignment = AssignmentFactory.create(name="small")
    released(assignment, cells=CELLS)
    return assignment


@pytest.fixture
def teacher(crowded: Assignment) -> Membership:
    """Of the crowded class."""
    return member(crowded.course, "teacher", Role.TEACHER)


def test_class_with_hundreds_holds_up_no_other(crowded: Assignment, small: Assignment, now: datetime) -> None:
    ask_many(submitted_by_many(crowded, 300, now=now), by=None, now=now, release=_release(crowded))
    [one] = submitted_by_many(small, 1, now=now)

    theirs = ask_autograding(one, by=None, now=now + SECOND)

    assert place_in_queue(theirs) == 1


def test_class_that_comes_again_and_again_holds_up_nobody(
    crowded: Assignment, small: Assignment, now: datetime
) -> None:
    ask_many(submitted_by_many(crowded, 10, now=now), by=None, now=now, release=_release(crowded))
    for _ in range(4):
        _carry_out_one(now)

    graded = []
    for number, submission in enumerate(submitted_by_many(small, 6, now=now)):
        ask_autograding(submission, by=None, now=now + (number + 1) * SECOND)
        graded.append(_carry_out_one(now))

    assert graded == ["crowded", "small"] * 3


def test_what_has_points_waits_for_what_has_none(crowded: Assignment, now: datetime) -> None:
    earlier = submitted_by_many(crowded, 20, now=now, points=1)
    ask_many(earlier, by=None, now=now, release=_release(crowded))
    [fresh] = submitted_by_many(crowded, 1, now=now)

    asked = ask_autograding(fresh, by=None, now=now + SECOND)

    assert place_in_queue(asked) <= 1


def test_many_are_asked_as_one_by_one(crowded: Assignment, now: datetime) -> None:
    submissions = submitted_by_many(crowded, 3, now=now)
    for submission in submissions:
        ask_autograding(submission, by=None, now=now)
    one_by_one = list(Autograding.objects.order_by("round").values_list("round", "turn"))
    Autograding.objects.all().delete()

    ask_many(submissions, by=None, now=now, release=_release(crowded))

    assert (
        list(Autograding.objects.order_by("round").values_list("round", "turn"))
        == one_by_one
        == [
            (0, 0),
            (1, 0),
            (2, 0),
        ]
    )


def test_many_are_asked_by_few_questions(
    crowded: Assignment, now: datetime, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    submissions = submitted_by_many(crowded, 50, now=now)

    with django_assert_max_num_queries(9):
        assert ask_many(submissions, by=None, now=now, release=_release(crowded)) == 50


def test_failed_ones_are_tried_again_and_no_others(crowded: Assignment, teacher: Membership, now: datetime) -> None:
    failed, graded, fresh = submitted_by_many(crowded, 3, now=now)
    Submission.objects.filter(pk=failed.pk).update(state=Submission.State.PROBLEM)
    Submission.objects.filter(pk=graded.pk).update(state=Submission.State.GRADED)

    asked = ask_all(crowded, Which.FAILED, by=teacher.person, now=now)

    assert asked == 1
    assert Autograding.objects.get().submission == failed
    assert Submission.objects.get(pk=fresh.pk).state == Submission.State.RECEIVED


def test_everything_is_graded_again_once(crowded: Assignment, teacher: Membership, now: datetime) -> None:
    submitted_by_many(crowded, 3, now=now, points=1)

    asked = [ask_all(crowded, Which.ALL, by=teacher.person, now=now) for _ in range(2)]

    assert asked == [3, 0]
    assert set(Submission.objects.values_list("state", flat=True)) == {Submission.State.WAITING}


def test_class_that_is_over_grades_nothing_again(crowded: Assignment, teacher: Membership, now: datetime) -> None:
    crowded.course.archived_at = now

    with pytest.raises(CourseError) as raised:
        ask_all(crowded, Which.ALL, by=teacher.person, now=now)

    assert raised.value.code == "course_over"


def test_what_was_not_released_cannot_be_graded(crowded: Assignment, teacher: Membership, now: datetime) -> None:
    crowded.release = None

    with pytest.raises(AssignmentError) as raised:
        ask_all(crowded, Which.ALL, by=teacher.person, now=now)

    assert raised.value.code == "assignment_not_released"


def test_student_is_told_the_place_of_the_next_one_and_how_far_the_other_is(crowded: Assignment, now: datetime) -> None:
    others = submitted_by_many(crowded, 3, now=now)
    ask_many(others, by=None, now=now, release=_release(crowded))
    [first] = submitted_by_many(crowded, 1, now=now)
    second = _once_more(first)
    ask_autograding(first, by=None, now=now + SECOND)
    ask_autograding(second, by=None, now=now + 2 * SECOND)

    before = waiting_of(crowded, first.membership)
    first.autogradings.update(state=State.RUNNING, cells_done=2, cells_total=5)
    after = waiting_of(crowded, first.membership)

    assert [before[one.pk].ahead for one in (first, second)] == [3, None]
    assert (after[first.pk].ahead, after[first.pk].cells_done, after[first.pk].cells_total) == (None, 2, 5)
    assert after[second.pk].ahead == 3


def _release(assignment: Assignment) -> Release:
    assert assignment.release is not None
    return assignment.release


def _carry_out_one(now: datetime) -> str:
    """Grade the next, and say of which assignment it was. Nothing has an environment here, so it fails at once."""
    before = set(Autograding.objects.filter(state=State.FAILED).values_list("pk", flat=True))
    assert carry_out_next(clock=lambda: now)
    [done] = (
        Autograding.objects.filter(state=State.FAILED).exclude(pk__in=before).select_related("submission__assignment")
    )
    return done.submission.assignment.name


def _once_more(submission: Submission) -> Submission:
    again = Submission.objects.get(pk=submission.pk)
    again.pk, again.attempt, again._state.adding = None, submission.attempt + 1, True
    again.save(force_insert=True)
    return again
