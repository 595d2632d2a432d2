"""How much the servers of a class may use, each and all together, within what its teacher may ask for."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from accounts.models import User
from classes.class_servers import servers_of
from classes.errors import CourseError
from classes.members import check_going_on
from classes.models import Course
from environments.models import NotebookServer, Quota
from environments.quotas import allowances_of, ask_for_group, check_size, check_wishes
from environments.values import Limits


@dataclass(frozen=True, slots=True)
class CourseLimits:
    """What a teacher fills in; None leaves it as the site has it."""

    server: Limits
    idle_minutes: int | None = None
    running_servers: int | None = None


def limits_of(course: Course) -> CourseLimits:
    """What there is now."""
    return CourseLimits(course.limits, course.idle_minutes, course.running_servers)


def set_limits(course: Course, wanted: CourseLimits, *, by: User) -> None:
    """Have servers of the class be like this from their next start on, and no more of them run at once.

    Raises CourseError `course_over` or `class_servers_too_many`, and UserError `…_quota_exceeded` for what the teacher
    may not ask for, or a student of the class could not start.
    """
    check_going_on(course)
    check_wishes(by, limits=wanted.server, idle_minutes=wanted.idle_minutes, group=course.everybody_id)
    _check_students(course, wanted.server)
    most = most_running(course)
    asked = wanted.running_servers or 0
    if most and asked > most:
        raise CourseError("class_servers_too_many", asked=asked, limit=most)
    columns = {
        "memory_mb": wanted.server.memory_mb,
        "cpus": wanted.server.cpus,
        "idle_minutes": wanted.idle_minutes,
        "running_servers": wanted.running_servers,
    }
    for name, value in columns.items():
        setattr(course, name, value)
    with transaction.atomic():
        course.save(update_fields=list(columns))
        ask_for_group(course.everybody, running_servers=wanted.running_servers)


def most_running(course: Course) -> int:
    """How many servers of the class may run at once in any case; 0 for any number."""
    quota = Quota.objects.filter(group=course.everybody).values_list("group_running_servers", flat=True).first()
    return min(filter(None, [quota, int(settings.SITE_RUNNING_SERVERS)]), default=0)


def running_now(course: Course) -> int:
    """How many run, or are being started."""
    taking = (NotebookServer.State.STARTING, NotebookServer.State.RUNNING, NotebookServer.State.STOPPING)
    return servers_of(course).filter(state__in=taking).count()


def _check_students(course: Course, limits: Limits) -> None:
    """Whoever may have the least is the measure: a lesson opens for everybody or is of no use."""
    students = course.memberships.present().students().order_by().values_list("person", flat=True)
    for allowance in set(allowances_of(list(students)).values()):
        check_size(limits, allowance)
