"""Lessons: made, changed, put in order, shown to students and taken back.

Whatever changes them holds the row of their class, so that what two teachers do at once happens one after the other.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Max

from classes.errors import CourseError
from classes.members import check_going_on
from classes.models import Course, Lesson
from classes.stamps import check_unchanged, stamp_of_order

MAX_LESSONS = 200
MAX_PATH = 500
MAX_FORMER = 20
"""How many terms back a copy knows what it is a copy of."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What a teacher says of a lesson. Students see it from `published_at` on; without one it is a draft.

    Everybody's server is running `ready_minutes` before it begins; without them each starts when its student comes.
    """

    title: str
    summary: str = ""
    path: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    published_at: datetime | None = None
    ready_minutes: int | None = None


def outline_of(lesson: Lesson) -> Outline:
    """What is said of it now."""
    return Outline(**{field.name: getattr(lesson, field.name) for field in fields(Outline)})


@transaction.atomic
def add_lesson(course: Course, outline: Outline) -> Lesson:
    """Put a new lesson behind the others.

    Raises CourseError `course_over`, `lessons_too_many` or `lesson_path_invalid`.
    """
    facts = asdict(replace(outline, path=check_lesson_path(outline.path)))
    lessons = _hold(course).lessons
    if lessons.count() >= MAX_LESSONS:
        raise CourseError("lessons_too_many", most=MAX_LESSONS)
    last = lessons.aggregate(last=Max("position"))["last"]
    return lessons.create(position=0 if last is None else last + 1, **facts)


@transaction.atomic
def copy_lessons(former: Course, course: Course) -> dict[UUID, Lesson]:
    """Put the lessons of another class behind those of this one, in their order: drafts, for other dates.

    Returns which has become which. As many questions for many as for one. Raises CourseError `course_over` and
    `lessons_too_many`.
    """
    lessons, copied = _hold(course).lessons, list(former.lessons.all())
    there = lessons.aggregate(count=Count("pk"), last=Max("position"))
    if there["count"] + len(copied) > MAX_LESSONS:
        raise CourseError("lessons_too_many", most=MAX_LESSONS)
    first = 0 if there["last"] is None else there["last"] + 1
    made = {each.pk: _draft_of(each, course, position) for position, each in enumerate(copied, first)}
    Lesson.objects.bulk_create(made.values())
    return made


@transaction.atomic
def edit_lesson(lesson: Lesson, outline: Outline, *, seen: str) -> None:
    """Say something else of it. `seen` is the stamp of what the person saw when they began.

    Raises CourseError `course_over`, `lesson_gone`, `lesson_path_invalid` or `changed_meanwhile`.
    """
    facts = asdict(replace(outline, path=check_lesson_path(outline.path)))
    check_unchanged(outline_of(_held(lesson)), seen=seen)
    _save(lesson, **facts)


@transaction.atomic
def publish_lesson(lesson: Lesson, *, at: datetime | None) -> None:
    """Show it to students from this moment on, or with None to nobody.

    Raises CourseError `course_over` or `lesson_gone`.
    """
    _held(lesson)
    _save(lesson, published_at=at)


@transaction.atomic
def delete_lesson(lesson: Lesson) -> None:
    """Have it be gone, with what is known of who has been in it. Nobody's files change.

    Raises CourseError `course_over`.
    """
    _hold(lesson.course)
    Lesson.objects.filter(pk=lesson.pk).delete()


@transaction.atomic
def move_lesson(lesson: Lesson, *, before: UUID | None, seen: str) -> bool:
    """Put it in front of that lesson, or behind all. Whether the order was the one stamped `seen`, that the person saw.

    The move is made in the order as it is by now: what two people move at once, both find moved. Raises CourseError
    `course_over`, or `lesson_gone` where one of the two lessons is.
    """
    lessons = list(_hold(lesson.course).lessons.all())
    was_seen = stamp_of_order(each.pk for each in lessons) == seen
    order = {each.pk: each for each in lessons}
    moved = order.pop(lesson.pk, None)
    if moved is None or (before is not None and before != lesson.pk and before not in order):
        raise CourseError("lesson_gone")
    if before != lesson.pk:
        others = list(order.values())
        place = len(others) if before is None else list(order).index(before)
        _number([*others[:place], moved, *others[place:]])
    return was_seen


def check_lesson_path(path: str) -> str:
    """The path as it stands in the repository, written in the one way. Raises CourseError `lesson_path_invalid`."""
    clean = path.strip().removeprefix("./")
    parts = clean.removesuffix("/").split("/") if clean else []
    is_odd = "\\" in clean or ":" in clean or clean.startswith("~") or not clean.isprintable()
    if is_odd or len(clean) > MAX_PATH or not {"", ".", ".."}.isdisjoint(parts):
        raise CourseError("lesson_path_invalid", path=path.strip()[:100])
    return "/".join(parts)


def _draft_of(lesson: Lesson, course: Course, position: int) -> Lesson:
    """A copy of it that is not saved yet."""
    outline = replace(outline_of(lesson), starts_at=None, ends_at=None, published_at=None)
    former = [str(lesson.pk), *lesson.former_ids][:MAX_FORMER]
    return Lesson(course=course, position=position, former_ids=former, **asdict(outline))


def _hold(course: Course) -> Course:
    """The class, going on, with nobody else changing its lessons until the end of the transaction."""
    held = Course.objects.select_for_update().get(pk=course.pk)
    check_going_on(held)
    return held


def _held(lesson: Lesson) -> Lesson:
    """The lesson as it is by now, its class held."""
    known = _hold(lesson.course).lessons.filter(pk=lesson.pk).first()
    if known is None:
        raise CourseError("lesson_gone")
    return known


def _save(lesson: Lesson, **facts: object) -> None:
    for name, value in facts.items():
        setattr(lesson, name, value)
    lesson.save(update_fields=[*facts])


def _number(lessons: list[Lesson]) -> None:
    changed = []
    for position, lesson in enumerate(lessons):
        if lesson.position != position:
            lesson.position = position
            changed.append(lesson)
    Lesson.objects.bulk_update(changed, ["position"])
