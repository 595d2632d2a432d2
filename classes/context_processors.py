"""What pages know of classes: the reader's own, and the teachers who ask to come into the reader's servers."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from accounts.models import User
from classes.knocking import knocks_at
from classes.models import Course
from classes.overview import CourseCard, cards_of

SHOWN = 6
"""How many classes the first page shows: the newest. The others are in the list."""


def own_courses(request: HttpRequest) -> dict[str, Any]:
    """`own_courses`: the classes this person is in and that go on. They are asked for where a page shows them."""
    return {"own_courses": SimpleLazyObject(lambda: _cards(request))}


def _cards(request: HttpRequest) -> list[CourseCard]:
    person = request.user
    if not isinstance(person, User):
        return []
    mine = person.memberships.present().order_by().values("course")
    courses = Course.objects.present().filter(pk__in=mine, archived_at=None)
    return cards_of(person, list(courses[:SHOWN]), now=timezone.now())


def knocks(request: HttpRequest) -> dict[str, Any]:
    """The requests a page shows; asked for by whole pages only."""
    person = getattr(request, "user", None)
    if not isinstance(person, User) or not person.is_authenticated:
        return {}
    return {"knocks": SimpleLazyObject(lambda: knocks_at(person, now=timezone.now()))}
