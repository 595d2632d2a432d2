"""What a class says of itself, and two teachers who change it at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from classes.errors import CourseError
from classes.models import Course
from classes.profiles import Profile, change_profile, profile_of
from classes.stamps import stamp
from tests.factories import CourseFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def course() -> Course:
    return CourseFactory.create(title="Statistics")


def test_change_says_what_is_new(course: Course) -> None:
    profile = Profile("Numbers", "N-1", "autumn", date(2026, 9, 1), date(2026, 12, 20), "red", "All of them.")

    change_profile(course, profile, seen=stamp(profile_of(course)))

    assert profile_of(Course.objects.get(pk=course.pk)) == profile


def test_change_is_refused_over_what_somebody_saved_meanwhile(course: Course) -> None:
    before = profile_of(course)
    change_profile(Course.objects.get(pk=course.pk), replace(before, title="Theirs"), seen=stamp(before))

    with pytest.raises(CourseError, match="changed_meanwhile"):
        change_profile(course, replace(before, term="mine"), seen=stamp(before))

    course.refresh_from_db()
    assert (course.title, course.term) == ("Theirs", "")


def test_change_is_refused_once_the_class_is_over(course: Course, now: object) -> None:
    before = profile_of(course)
    Course.objects.filter(pk=course.pk).update(archived_at=now)

    with pytest.raises(CourseError, match="course_over"):
        change_profile(course, replace(before, title="Later"), seen=stamp(before))
