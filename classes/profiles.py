"""What a class says of itself: its title, term and colour, and changing them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import date

from django.db import transaction

from classes.members import check_going_on
from classes.models import Colour, Course
from classes.stamps import check_unchanged


@dataclass(frozen=True, slots=True)
class Profile:
    """What its members read of a class."""

    title: str
    code: str = ""
    term: str = ""
    starts_on: date | None = None
    ends_on: date | None = None
    colour: str = Colour.BLUE
    description: str = ""


def profile_of(course: Course) -> Profile:
    """What it says now."""
    return Profile(**{field.name: getattr(course, field.name) for field in fields(Profile)})


@transaction.atomic
def change_profile(course: Course, profile: Profile, *, seen: str) -> None:
    """Have it say something else. `seen` is the stamp of what the person saw when they began.

    Raises CourseError `course_over` or `changed_meanwhile`.
    """
    held = Course.objects.select_for_update().get(pk=course.pk)
    check_going_on(held)
    check_unchanged(profile_of(held), seen=seen)
    facts = asdict(profile)
    for name, value in facts.items():
        setattr(course, name, value)
    course.save(update_fields=[*facts])
