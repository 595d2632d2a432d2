"""A class given again, for other students: a class of its own, like the former one, in which nothing has happened yet.

What a teacher drew up comes along; what people did, and who they are, stays where it is. Dates are of another term, so
there are none in the copy, and students see nothing of it before a teacher says so.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from classes.courses import Plan, environment_of_class, make_course
from classes.errors import CourseError
from classes.extensions import Luggage, copy_extensions
from classes.lessons import copy_lessons
from classes.models import Course, CourseMaterial
from classes.querysets import CourseQuerySet
from environments.values import ResolvedRepository

SETTINGS = ("description", "memory_mb", "cpus", "idle_minutes", "running_servers")
"""What a class says of itself and how much it may use, beside what a `Plan` has."""


def luggage_of(former: Course) -> Luggage:
    """What would come along now, and what would not, in sentences. Its questions do not grow with the class."""
    parts = [_own_luggage(former), *(extension.luggage(former) for extension in copy_extensions())]
    return Luggage(
        comes=[line for part in parts for line in part.comes], stays=[line for part in parts for line in part.stays]
    )


@transaction.atomic
def copy_course(
    former: Course,
    teacher: User,
    plan: Plan,
    *,
    resolved: ResolvedRepository | None,
    key: UUID | None = None,
    now: datetime,
) -> Course:
    """Make a class of this teacher's that is like the former one, also where that is over: all of it, or nothing.

    Asked again with the same `key`, it is the one that was made. Raises CourseError `course_deleted`, and what
    `make_course` raises.
    """
    held = Course.objects.select_for_update().get(pk=former.pk)  # Nor is it purged meanwhile, with its files.
    if held.deleted_at is not None:
        raise CourseError("course_deleted", course=held.title)
    made = held.copies.filter(copy_key=key).first() if key is not None else None
    if made is not None:
        return made
    course = make_course(teacher, plan, resolved=resolved, now=now)
    _set_facts(course, held, key)
    lessons = copy_lessons(held, course)
    for extension in copy_extensions():
        extension.copy(held, course, lessons=lessons)
    return course


def copies_for(former: Course, user: User) -> CourseQuerySet:
    """The classes in which it was given again, as far as this person teaches them; the latest first."""
    return Course.objects.taught_by(user).filter(copied_from=former).order_by("-created_at")


def _own_luggage(former: Course) -> Luggage:
    lessons = former.lessons.count()
    comes = [
        _("The description, colour and limits of the class, and the repositories of its environment and material"),
        ngettext("%(count)s lesson, as a draft without dates", "%(count)s lessons, as drafts without dates", lessons)
        % {"count": lessons},
    ]
    stays = [
        _("People, sections and invitations: you are its only teacher until you let others in"),
        _("Announcements, shared files, and what members have in their servers"),
    ]
    return Luggage(comes if lessons else comes[:1], stays)


def _set_facts(course: Course, former: Course, key: UUID | None) -> None:
    for name in SETTINGS:
        setattr(course, name, getattr(former, name))
    course.copied_from, course.copy_key = former, key
    if former.teacher_environment is not None:
        reference = former.teacher_environment.reference
        course.teacher_environment = environment_of_class(course.owner, course.title, reference)
    course.save()
    material = CourseMaterial.objects.filter(course=former).exclude(provider="").first()
    if material is not None:  # Which version students get is for a teacher to say: the last had solutions in it.
        source = {name: getattr(material, name) for name in ("provider", "repository", "ref", "looks")}
        CourseMaterial.objects.create(course=course, **source)
