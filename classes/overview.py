"""What a class page says: which lesson is next, how far somebody is, who is here, and what wants doing.

However many members and lessons a class has, each question is one query.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Count, Q
from django.utils import timezone

from accounts.models import User
from classes.models import Course, Lesson, LessonVisit, Role
from classes.policies import Standing
from classes.presence import is_here
from classes.querysets import AnnouncementQuerySet
from environments.models import NotebookServer

USUAL_LENGTH = timedelta(hours=2)
"""How long a lesson goes on that says no end."""
SERVERS_NAMED = 5
"""How many servers in trouble are named; the others are counted."""


class When(StrEnum):
    """Why a lesson is the one to show first."""

    NOW = "now"
    TODAY = "today"
    COMING = "coming"
    RESUME = "resume"
    """Where somebody was last, and is not done."""
    BEGIN = "begin"
    """The first that somebody has not opened."""


@dataclass(frozen=True, slots=True)
class LessonRow:
    """A lesson in somebody's list, and how far they are with it."""

    lesson: Lesson
    visit: LessonVisit | None
    is_published: bool

    @property
    def is_done(self) -> bool:
        """Whether every cell with code in it was run."""
        return self.visit is not None and 0 < self.visit.cells <= self.visit.executed_cells

    @property
    def percent(self) -> int:
        """How much of it was run."""
        if self.visit is None or not self.visit.cells:
            return 0
        return min(100, 100 * self.visit.executed_cells // self.visit.cells)


@dataclass(frozen=True, slots=True)
class NextLesson:
    """The lesson to show first, and why."""

    row: LessonRow
    when: When


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many are in the class, in it just now, and waiting for help."""

    students: int
    here: int
    hands: int


@dataclass(frozen=True, slots=True)
class CourseCard:
    """A class in a person's list: what they are in it, and its next lesson."""

    course: Course
    role: Role | None
    next_lesson: Lesson | None


def lesson_rows(standing: Standing, *, now: datetime) -> list[LessonRow]:
    """The lessons this person sees, in their order: those published, to those who change the class all."""
    lessons = standing.course.lessons.all() if standing.is_staff else standing.course.lessons.published(now)
    visits: dict[object, LessonVisit] = {}
    if standing.membership is not None:
        visits = {visit.lesson_id: visit for visit in standing.membership.visits.all()}
    return [LessonRow(lesson, visits.get(lesson.pk), lesson.is_published(now)) for lesson in lessons]


def next_lesson(rows: Sequence[LessonRow], *, now: datetime, is_staff: bool = False) -> NextLesson | None:
    """What somebody should do next: the lesson that is on, else the next to come, else the one they are in.

    Those who give the lessons are told of the first two only.
    """
    if timed := scheduled([row.lesson for row in rows], now=now):
        lesson, when = timed
        return NextLesson(next(row for row in rows if row.lesson is lesson), when)
    if is_staff:
        return None
    begun = [(row.visit.last_opened_at, n) for n, row in enumerate(rows) if row.visit and not row.is_done]
    if begun:
        return NextLesson(rows[max(begun)[1]], When.RESUME)
    fresh = [row for row in rows if row.visit is None]
    return NextLesson(fresh[0], When.BEGIN) if fresh else None


def scheduled(lessons: Iterable[Lesson], *, now: datetime) -> tuple[Lesson, When] | None:
    """The lesson that is on, else the next to come."""
    dated = [(lesson.starts_at, n, lesson) for n, lesson in enumerate(lessons) if lesson.starts_at is not None]
    on = [each for each in dated if each[0] <= now < (each[2].ends_at or each[0] + USUAL_LENGTH)]
    if on:
        return max(on)[2], When.NOW
    coming = [each for each in dated if each[0] > now]
    if not coming:
        return None
    starts_at, _n, lesson = min(coming)
    is_today = timezone.localdate(starts_at) == timezone.localdate(now)
    return lesson, When.TODAY if is_today else When.COMING


def announcements_for(standing: Standing, *, now: datetime) -> AnnouncementQuerySet:
    """What this person reads, newest first; those who may write them see what is still to come, too."""
    announcements = standing.course.announcements.all()
    seen = announcements if standing.is_teacher else announcements.published(now)
    return seen.select_related("author")


def crowd_of(course: Course, *, now: datetime) -> Crowd:
    """Who is in the class, and what they are doing."""
    is_student = Q(role=Role.STUDENT)
    counts = course.memberships.present().aggregate(
        students=Count("pk", filter=is_student),
        here=Count("pk", filter=is_student & is_here(course, now=now)),
        hands=Count("pk", filter=is_student & Q(hand_raised_at__isnull=False)),
    )
    return Crowd(**counts)


def failed_servers(course: Course) -> list[NotebookServer]:
    """Servers of the class that could not start, the last first; at most one more than are named."""
    of_class = NotebookServer.objects.present().filter(group__in=(course.everybody_id, course.teachers_id))
    failed = of_class.filter(state=NotebookServer.State.FAILED).select_related("owner")
    return list(failed.order_by("-state_changed_at")[: SERVERS_NAMED + 1])


def cards_of(person: User, courses: Sequence[Course], *, now: datetime) -> list[CourseCard]:
    """These classes as this person's list shows them: two queries, however many they are."""
    roles = dict(person.memberships.present().filter(course__in=courses).order_by().values_list("course", "role"))
    is_near = Q(starts_at__gt=now - USUAL_LENGTH) | Q(ends_at__gt=now)
    soon = Lesson.objects.published(now).filter(is_near, course__in=courses)
    lessons: dict[object, list[Lesson]] = {}
    for lesson in soon.order_by("starts_at"):
        lessons.setdefault(lesson.course_id, []).append(lesson)
    return [_card(course, roles.get(course.pk), lessons.get(course.pk, []), now=now) for course in courses]


def _card(course: Course, role: str | None, lessons: list[Lesson], *, now: datetime) -> CourseCard:
    timed = None if course.is_over else scheduled(lessons, now=now)
    return CourseCard(course, Role(role) if role else None, timed[0] if timed else None)
