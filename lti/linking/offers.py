"""What of a class can be added to a course, and what each becomes over there: a content item of deep linking."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q, Sum

from accounts.models import User
from assignments.models import Assignment
from classes.models import Course, Lesson
from environments.models import Environment
from lti.claims import LINK
from lti.targets import MAX_NAME, Kind, Target

MAX_TITLE, MAX_TEXT = 255, 1000
MAX_ENVIRONMENTS = 100
SEARCHED_FROM = 13
"""From so many offers on they can be searched by words, of so much in all:"""
MAX_WORDS = 200
USUAL_POINTS = Decimal(100)
"""What a column begins with that nobody knows the points of yet: platforms give grades in proportion."""
TAG = "assignment"


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing that can be added, as it will read over there."""

    target: Target
    title: str
    text: str = ""
    points: Decimal | None = None
    """Of its column in the gradebook; None is no column."""
    opens_at: datetime | None = None
    due_at: datetime | None = None
    closes_at: datetime | None = None
    is_hidden: bool = False
    """Whether students do not see it yet."""
    are_points_known: bool = True
    is_there: bool = False
    """Whether the course has a link to it already, as far as that is known."""
    is_chosen: bool = False

    @property
    def key(self) -> str:
        """What a form calls it."""
        return self.target.key

    def item(self, *, url: str, with_column: bool) -> dict[str, Any]:
        """As a platform takes it. Where we are shown is said as well: in a window of its own.

        The address says of what kind it is, so that its login is told from one that comes without any link.
        """
        item: dict[str, Any] = {
            "type": LINK,
            "url": f"{url}?to={self.target.kind.value}",
            "title": self.title[:MAX_TITLE],
            "text": self.text[:MAX_TEXT],
            "custom": self.target.custom,
            "window": {"targetName": "_blank"},
            "available": _span(self.opens_at, None),
            "submission": _span(None, self.closes_at or self.due_at),
        }
        if self.points is not None and with_column:
            item["lineItem"] = {
                "label": self.title[:MAX_TITLE],
                "scoreMaximum": _number(self.points),
                "resourceId": str(self.target.id),
                "tag": TAG,
            }
        return {name: value for name, value in item.items() if value}


@dataclass(frozen=True, slots=True)
class Shelf:
    """The offers of one kind."""

    kind: Kind
    offers: Sequence[Offer]


def offers_of(course: Course, user: User, *, linked: Iterable[str] = (), now: datetime) -> list[Offer]:
    """All that a teacher can add. `linked` are the keys of what the course has already. Four questions."""
    there = set(linked)
    first = Offer(Target(Kind.COURSE), course.title, course.description)
    found = [first, *_assignments(course, now=now), *_lessons(course, now=now), *_environments(course, user)]
    return [replace(one, is_there=one.key in there) for one in found]


def on_shelves(offers: Iterable[Offer], *, words: str = "", chosen: Iterable[str] = ()) -> list[Shelf]:
    """Kind by kind: what has all these words in its title or text, and whatever is chosen already."""
    ticked, wanted = set(chosen), words.casefold().split()
    shelves: dict[Kind, list[Offer]] = {kind: [] for kind in Kind}
    for offer in offers:
        read = f"{offer.title} {offer.text}".casefold()
        if offer.key in ticked or all(word in read for word in wanted):
            shelves[offer.target.kind].append(replace(offer, is_chosen=offer.key in ticked))
    return [Shelf(kind, shelves[kind]) for kind in SHELF_ORDER if shelves[kind]]


SHELF_ORDER = (Kind.COURSE, Kind.ASSIGNMENT, Kind.LESSON, Kind.ENVIRONMENT)


def _assignments(course: Course, *, now: datetime) -> list[Offer]:
    rows = Assignment.objects.filter(course=course).present()
    worth = dict(rows.order_by().values_list("pk").annotate(Sum("release__cells__points")))
    return [_assignment(one, worth.get(one.pk), now=now) for one in rows.select_related("release")]


def _assignment(one: Assignment, worth: Decimal | None, *, now: datetime) -> Offer:
    is_open = one.release_id is not None and (one.opens_at is None or one.opens_at <= now)
    return Offer(
        Target(Kind.ASSIGNMENT, one.pk, one.name),
        one.title,
        one.summary,
        points=worth or USUAL_POINTS,
        opens_at=one.opens_at,
        due_at=one.due_at,
        closes_at=one.closes_at,
        is_hidden=not is_open,
        are_points_known=bool(worth),
    )


def _lessons(course: Course, *, now: datetime) -> list[Offer]:
    return [
        Offer(
            Target(Kind.LESSON, one.pk, one.title[:MAX_NAME]),
            one.title,
            one.summary,
            is_hidden=not one.is_published(now),
        )
        for one in Lesson.objects.filter(course=course)
    ]


def _environments(course: Course, user: User) -> list[Offer]:
    """Those of the catalog that everybody in the class may open too."""
    for_class = Q(visibility="everyone") | Q(visibility="group", group=course.everybody_id)
    rows = Environment.objects.visible_to(user).filter(for_class, is_held=False)[:MAX_ENVIRONMENTS]
    return [Offer(Target(Kind.ENVIRONMENT, one.pk), one.title, one.description) for one in rows]


def _span(start: datetime | None, end: datetime | None) -> dict[str, str]:
    times = {"startDateTime": start, "endDateTime": end}
    return {name: at.isoformat() for name, at in times.items() if at is not None}


def _number(points: Decimal) -> int | float:
    return int(points) if points == points.to_integral_value() else float(points)
