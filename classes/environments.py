"""What a class works in: which repositories, and which of their versions the class uses.

A newer version is prepared beside the one in use. Nobody in the class gets it before a teacher has seen it succeed and
put it in use, and one click takes it back. Servers follow when they are opened next (launching.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from django.db import transaction

from accounts.models import User
from classes.class_servers import servers_in
from classes.errors import CourseError
from classes.members import check_going_on
from classes.models import Course
from environments import catalog, pinning, rebuilding
from environments.catalog import Recipe
from environments.git_credentials import resolve_for
from environments.models import BuildLogLine, Environment, EnvironmentVersion, Outcome, Rebuild, Visibility
from environments.pinning import hold, version_before, version_in_use
from environments.policies import can_read_log
from environments.values import LaunchSpec, Reference

LOG_LINES_SHOWN = 200


class Audience(StrEnum):
    """For whom an environment of a class is."""

    STUDENTS = "students"
    TEACHERS = "teachers"

    @property
    def column(self) -> str:
        """The course's."""
        return "environment" if self is Audience.STUDENTS else "teacher_environment"


@dataclass(frozen=True, slots=True)
class EnvironmentView:
    """How it stands with an environment of a class, as its page shows it."""

    audience: Audience
    environment: Environment
    in_use: EnvironmentVersion | None
    before: EnvironmentVersion | None
    log: list[BuildLogLine]
    servers: int
    """How many there are in it."""
    behind: int
    """Of them, how many have another version than the one in use, until they are opened next."""

    @property
    def is_preparing(self) -> bool:
        """Whether a version is being prepared."""
        return self.environment.outcome == Outcome.PREPARING

    @property
    def is_ready(self) -> bool:
        """Whether what was prepared last waits to be put in use."""
        in_use = self.in_use.image_key if self.in_use is not None else ""
        return bool(self.environment.commit) and self.environment.image_key != in_use

    @property
    def went_back(self) -> bool:
        """Whether what is in use is there because somebody went back to it."""
        return self.in_use is not None and self.in_use.is_return


def view_of(course: Course, audience: Audience, *, reader: User) -> EnvironmentView | None:
    """How it stands; None where the class has no such environment. The log is there for whoever may read it."""
    environment: Environment | None = getattr(course, audience.column)
    if environment is None:
        return None
    in_use = version_in_use(environment)
    servers = servers_in(course, of_teachers=audience is Audience.TEACHERS)
    behind = servers.exclude(commit=in_use.commit).count() if in_use is not None else 0
    return EnvironmentView(
        audience,
        environment,
        in_use,
        version_before(environment),
        _log_of(environment, reader),
        servers=servers.count(),
        behind=behind,
    )


def environment_for(course: Course, audience: Audience) -> Environment:
    """The environment of these people. Raises CourseError `environment_missing`."""
    environment: Environment | None = getattr(course, audience.column)
    if environment is None:
        raise CourseError("environment_missing")
    return environment


def look_for_newer(course: Course, audience: Audience, *, now: datetime) -> None:
    """Have the newest version prepared beside the one in use; nothing if that is under way.

    Raises CourseError `course_over`, and whatever finding the repository raises.
    """
    check_going_on(course)
    environment = environment_for(course, audience)
    hold(environment, now=now)
    rebuilding.rebuild(environment, now=now)


def put_in_use(course: Course, audience: Audience, *, image_key: str, by: User, now: datetime) -> EnvironmentVersion:
    """Have the class use what was prepared last. Raises CourseError `course_over` and UserError `version_changed`."""
    check_going_on(course)
    return pinning.put_in_use(environment_for(course, audience), image_key=image_key, by=by, now=now)


def go_back(course: Course, audience: Audience, *, image_key: str, by: User, now: datetime) -> EnvironmentVersion:
    """Have the class use the version before again. Raises as `put_in_use` does."""
    check_going_on(course)
    return pinning.go_back(environment_for(course, audience), image_key=image_key, by=by, now=now)


def choose_repository(course: Course, audience: Audience, reference: Reference, *, by: User, now: datetime) -> None:
    """Have these people work in this repository, once it is prepared; in use until then is what was.

    What is private has to be chosen by the owner of the class: their credential finds it, and everybody in the class
    gets what is in it. Raises CourseError `course_over` or `repository_private`, and what finding it raises.
    """
    check_going_on(course)
    environment: Environment | None = getattr(course, audience.column)
    if environment is not None and environment.reference == reference:
        return
    if by != course.owner and resolve_for(by, reference, now=now).is_private:
        raise CourseError("repository_private", who=course.owner.get_full_name())
    if environment is not None:
        hold(environment, now=now)
        recipe = catalog.recipe_of(environment)
        catalog.edit(environment, replace(recipe, spec=replace(recipe.spec, reference=reference)), now=now)
        return
    with transaction.atomic():
        recipe = Recipe(course.title, LaunchSpec(reference), visibility=Visibility.PRIVATE, rebuild=Rebuild.NEVER)
        environment = catalog.publish(course.owner, recipe, now=now)
        hold(environment, now=now)
        setattr(course, audience.column, environment)
        course.save(update_fields=[audience.column])


def do_without(course: Course, *, now: datetime) -> None:
    """Have teachers work in what students work in. Their servers of before stay, with all files.

    Raises CourseError `course_over`.
    """
    check_going_on(course)
    environment, course.teacher_environment = course.teacher_environment, None
    if environment is None:
        return
    with transaction.atomic():
        course.save(update_fields=["teacher_environment"])
        catalog.remove(environment, now=now)


def _log_of(environment: Environment, reader: User) -> list[BuildLogLine]:
    """The end of the log of a build that is under way or failed, if this person may read it."""
    build = environment.build
    is_of_interest = environment.outcome in (Outcome.PREPARING, Outcome.FAILED)
    if build is None or not is_of_interest or not can_read_log(reader, build):
        return []
    return list(build.log_lines.order_by("-sequence")[:LOG_LINES_SHOWN])[::-1]
