"""Announcements: written, changed and taken back."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime

from django.db import transaction

from accounts.models import User
from classes.errors import CourseError
from classes.members import check_going_on
from classes.models import Announcement, Course
from classes.stamps import check_unchanged


@dataclass(frozen=True, slots=True)
class Notice:
    """What a teacher tells the class. Students read it from `published_at` on."""

    title: str
    published_at: datetime
    text: str = ""


def notice_of(announcement: Announcement) -> Notice:
    """What it says now."""
    return Notice(**{field.name: getattr(announcement, field.name) for field in fields(Notice)})


def announce(course: Course, notice: Notice, *, author: User, now: datetime) -> Announcement:
    """Tell the class. Raises CourseError `course_over`."""
    check_going_on(course)
    return course.announcements.create(author=author, created_at=now, **asdict(notice))


@transaction.atomic
def edit_announcement(announcement: Announcement, notice: Notice, *, seen: str) -> None:
    """Have it say something else. `seen` is the stamp of what the person saw when they began.

    Raises CourseError `course_over`, `announcement_gone` or `changed_meanwhile`.
    """
    check_going_on(announcement.course)
    known = Announcement.objects.select_for_update().filter(pk=announcement.pk).first()
    if known is None:
        raise CourseError("announcement_gone")
    check_unchanged(notice_of(known), seen=seen)
    facts = asdict(notice)
    for name, value in facts.items():
        setattr(announcement, name, value)
    announcement.save(update_fields=[*facts])


def delete_announcement(announcement: Announcement) -> None:
    """Have it be gone. Raises CourseError `course_over`."""
    check_going_on(announcement.course)
    Announcement.objects.filter(pk=announcement.pk).delete()
