"""What apps above this one add to the pages of a class, without this one knowing of them.

`COURSE_EXTENSIONS` names them by dotted path. Their places stand among those of the class, and their sections on its
first page and on the pages of its lessons; the live page of the class leads to what they show live. What
`PEOPLE_EXTENSIONS` names stands above the list of its people. What `COPY_EXTENSIONS` names is copied with a class,
and what `REMOVAL_EXTENSIONS` names goes before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from classes.models import Course, Lesson
from classes.policies import Standing


@dataclass(frozen=True, slots=True)
class NavPlace:
    """Somewhere one can go in a class. `here` is what its pages call themselves."""

    label: str
    url: str
    here: str


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page of a class: a template, and the facts it finds as `section`."""

    template: str
    facts: Mapping[str, Any] = field(default_factory=dict)


class CourseExtension(Protocol):
    """What an app adds to a class. What it answers may not grow in queries with the class."""

    def places(self, standing: Standing) -> Sequence[NavPlace]:
        """Where this person can go. Asks the database nothing."""

    def settings(self, standing: Standing) -> Sequence[NavPlace]:
        """What a teacher can set of theirs, on pages of their own. Asks the database nothing."""

    def live(self, standing: Standing) -> Sequence[NavPlace]:
        """What of theirs the class is seen at work on live, for those who may look. One question."""

    def sections(self, standing: Standing, *, now: datetime) -> Sequence[Section]:
        """What this person sees first."""

    def lesson_sections(self, standing: Standing, lesson: Lesson, *, now: datetime) -> Sequence[Section]:
        """What this person finds at a lesson beside its notebook."""


@cache
def extensions() -> Sequence[CourseExtension]:
    """Those the settings name."""
    return [import_string(path)() for path in settings.COURSE_EXTENSIONS]


class PeopleExtension(Protocol):
    """What an app adds to the list of the people of a class, for those who teach or grade it."""

    def sections(self, standing: Standing, *, now: datetime) -> Sequence[Section]:
        """What stands above the list. What it asks the database may not grow with the class."""


@cache
def people_extensions() -> Sequence[PeopleExtension]:
    """Those the settings name."""
    return [import_string(path)() for path in settings.PEOPLE_EXTENSIONS]


@dataclass(frozen=True, slots=True)
class Luggage:
    """What comes along when a class is given again, and what stays behind: sentences for its teacher."""

    comes: Sequence[str] = ()
    stays: Sequence[str] = ()


class CopyExtension(Protocol):
    """What an app copies with a class. What it asks the database may not grow with the class."""

    def luggage(self, former: Course) -> Luggage:
        """What of theirs would come along now, and what would not."""

    def copy(self, former: Course, course: Course, *, lessons: Mapping[UUID, Lesson]) -> None:
        """Give the new class what is theirs in the former one, inside the transaction that makes it.

        Nobody is in the new class but its teacher, and no student may see any of it before a teacher says so.
        `lessons` are those of the new class, by the IDs of the former ones that they are copies of.
        """


@cache
def copy_extensions() -> Sequence[CopyExtension]:
    """Those the settings name."""
    return [import_string(path)() for path in settings.COPY_EXTENSIONS]


class RemovalExtension(Protocol):
    """What an app has of a class that nothing else may take away."""

    def remove(self, course: Course) -> None:
        """Remove it for good, inside the transaction that removes the class after it."""


@cache
def removal_extensions() -> Sequence[RemovalExtension]:
    """Those the settings name."""
    return [import_string(path)() for path in settings.REMOVAL_EXTENSIONS]
