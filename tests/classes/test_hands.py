"""Asking for help, and its end."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from classes.errors import CourseError
from classes.hands import raise_hand, take_hand_down
from classes.members import remove
from classes.models import Course, Membership
from tests.factories import CourseFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def student() -> Membership:
    return member(CourseFactory.create(), "student")


def since(student: Membership) -> datetime | None:
    """Since when the hand is up."""
    return Membership.objects.get(pk=student.pk).hand_raised_at


def test_raise_puts_the_hand_up(student: Membership, now: datetime) -> None:
    raise_hand(student, now=now)

    assert since(student) == student.hand_raised_at == now


def test_raise_again_keeps_the_place_in_the_queue(student: Membership, now: datetime) -> None:
    raise_hand(student, now=now)

    raise_hand(Membership.objects.get(), now=now + timedelta(minutes=5))

    assert since(student) == now


def test_raise_is_refused_when_the_class_is_over(student: Membership, now: datetime) -> None:
    Course.objects.update(archived_at=now)
    student.course.refresh_from_db()

    with pytest.raises(CourseError, match="course_over"):
        raise_hand(student, now=now)

    assert since(student) is None


def test_take_down_takes_it_down(student: Membership, now: datetime) -> None:
    raise_hand(student, now=now)

    take_hand_down(student)

    assert since(student) is None


def test_take_down_leaves_a_hand_that_went_up_again_since(student: Membership, now: datetime) -> None:
    raise_hand(student, now=now)
    seen_by_teacher = Membership.objects.get()
    take_hand_down(student)
    raise_hand(student, now=now + timedelta(minutes=5))

    take_hand_down(seen_by_teacher)

    assert since(student) == now + timedelta(minutes=5)


def test_leaving_takes_it_down(student: Membership, now: datetime) -> None:
    raise_hand(student, now=now)

    remove(student, now=now)

    assert since(student) is None
