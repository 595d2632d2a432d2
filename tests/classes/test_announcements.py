"""Announcements: when they are read, and what two teachers do at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from accounts.models import User
from classes.announcements import Notice, announce, delete_announcement, edit_announcement, notice_of
from classes.errors import CourseError
from classes.models import Announcement, Course
from classes.stamps import stamp
from tests.factories import CourseFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def course() -> Course:
    return CourseFactory.create()


def test_announce_is_read_from_its_date_on(course: Course, teacher: User, now: datetime) -> None:
    later = now + timedelta(days=1)

    announcement = announce(course, Notice("Room 2", later), author=teacher, now=now)

    assert not course.announcements.published(now).exists()
    assert list(course.announcements.published(later)) == [announcement]


def test_announce_is_refused_once_the_class_is_over(course: Course, teacher: User, now: datetime) -> None:
    course.archived_at = now

    with pytest.raises(CourseError, match="course_over"):
        announce(course, Notice("Room 2", now), author=teacher, now=now)


def test_edit_is_refused_over_what_somebody_saved_meanwhile(course: Course, teacher: User, now: datetime) -> None:
    announcement = announce(course, Notice("Room 2", now), author=teacher, now=now)
    seen = stamp(notice_of(announcement))
    edit_announcement(announcement, Notice("Room 3", now), seen=seen)

    with pytest.raises(CourseError, match="changed_meanwhile"):
        edit_announcement(announcement, Notice("Room 4", now), seen=seen)

    announcement.refresh_from_db()
    assert announcement.title == "Room 3"


def test_edit_is_refused_where_it_is_gone(course: Course, teacher: User, now: datetime) -> None:
    announcement = announce(course, Notice("Room 2", now), author=teacher, now=now)
    notice = notice_of(announcement)
    delete_announcement(Announcement.objects.get(pk=announcement.pk))

    with pytest.raises(CourseError, match="announcement_gone"):
        edit_announcement(announcement, replace(notice, title="Room 3"), seen=stamp(notice))
