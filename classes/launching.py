"""From a member of a class, and a lesson, to the server they have there.

One for each person and class, in the environment of the class; teachers have another in theirs, where the class has
one for them. A server gets the version that the class uses, its limits and its shared files when it is made, and
again each time it is woken. One that runs is not disturbed: it is brought up to date by its owner's own click, or at
its next start.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction
from django.utils.formats import date_format
from django.utils.timezone import localtime

from accounts.models import User
from classes.class_servers import server_of
from classes.errors import CourseError
from classes.files import wishes_of
from classes.material import bring_material
from classes.models import Lesson, LessonVisit, Membership
from classes.naming import server_name
from classes.policies import Standing
from environments.launching import launch
from environments.models import Environment, EnvironmentVersion, NotebookServer, Outcome
from environments.pinning import left_by, version_in_use
from environments.rebuilding import rebuild
from environments.references import urlpath_to
from environments.servers import note_arrival
from environments.updating import update_server, wake_as
from environments.values import LaunchSpec, MountWish, Reference, ResolvedRepository, Target


@dataclass(frozen=True, slots=True)
class Place:
    """The server a member has in a class, as far as there is one, and what it could be.

    `has_newer` says whether the class uses another version by now than the server is made from, or on its way to.
    """

    name: str
    environment: Environment | None
    server: NotebookServer | None
    has_newer: bool = False

    @property
    def is_kept_waiting(self) -> bool:
        """Whether it goes on with an earlier version only because it is not disturbed while it runs."""
        return self.has_newer and self.server is not None and self.server.state == NotebookServer.State.RUNNING


# --- Looking -----------------------------------------------------------------------------------------------


def place_of(standing: Standing) -> Place:
    """Where this person works in the class."""
    course, environment = standing.course, environment_of(standing)
    of_teachers = environment is not None and environment == course.teacher_environment
    name = server_name(course.slug, of_teachers=of_teachers)
    if standing.membership is None:
        return Place(name, environment, None)
    server = server_of(standing.membership, of_teachers=of_teachers)
    version = version_in_use(environment) if environment is not None else None
    return Place(name, environment, server, has_newer(server, version))


def environment_of(standing: Standing) -> Environment | None:
    """What this person works in: teachers in theirs, if they have one, unless they look at the class as a student."""
    course = standing.course
    return (standing.is_teacher and course.teacher_environment) or course.environment


def lesson_urlpath(lesson: Lesson | None) -> str:
    """Where a server shows the notebook of the lesson; empty for where it opens anyway."""
    return urlpath_to(lesson.path) if lesson is not None and lesson.path else ""


def check_may_open(standing: Standing, lesson: Lesson | None = None, *, now: datetime) -> Membership:
    """The membership by which this person may open their server of the class, at this lesson.

    Raises CourseError `course_over`, `membership_missing`, `membership_ended`, `lesson_of_another_class`,
    `lesson_not_published` or `lesson_not_yet`.
    """
    course, membership = standing.course, standing.membership
    if membership is None:
        raise CourseError("membership_missing", course=course.title)
    if not membership.is_present:
        raise CourseError("membership_ended", course=course.title)
    if course.is_over:
        raise CourseError("course_over", course=course.title)
    if lesson is not None:
        _check_lesson(standing, lesson, now=now)
    return membership


# --- Opening -----------------------------------------------------------------------------------------------


def open_server(standing: Standing, *, lesson: Lesson | None = None, now: datetime) -> NotebookServer:
    """Give this person their server of the class: a new one, or theirs, woken if it sleeps and brought up to date.

    Its files are brought to the material in use, even while it runs. One that was started ahead of a time has its
    person now.

    Raises what `check_may_open` raises, CourseError `environment_missing` or `environment_unprepared`, and what
    launching and updating a server raise.
    """
    membership = check_may_open(standing, lesson, now=now)
    place = place_of(standing)
    server = place.server
    if server is None:
        environment = _environment(place)
        spec, resolved = launch_of(membership, environment, name=place.name, now=now)
        with transaction.atomic():  # No worker starts it before it is known what is to be brought.
            server = launch(
                membership.person,
                spec,
                now=now,
                resolved=resolved,
                group=membership.course.everybody,
                image_owner=environment.owner,
            )
            bring_material(membership.course, server, now=now)
    else:
        bring_material(membership.course, server, now=now)
        note_arrival(server, now=now)
        if server.can_start:
            target, is_return = _target(server, membership, place)
            wake_as(server, target, now=now, is_return=is_return)
    _note_visit(membership, lesson, now=now)
    return server


def update_now(standing: Standing, *, now: datetime) -> NotebookServer:
    """Bring this person's server of the class up to date although it runs; it is started anew.

    Raises as `open_server` does.
    """
    membership = check_may_open(standing, now=now)
    place = place_of(standing)
    server = place.server
    if server is None or server.can_start:
        return open_server(standing, now=now)
    bring_material(membership.course, server, now=now)
    target, is_return = _target(server, membership, place)
    update_server(server, target, now=now, is_return=is_return)
    return server


def launch_of(
    membership: Membership, environment: Environment, *, name: str, now: datetime
) -> tuple[LaunchSpec, ResolvedRepository]:
    """What a new server of this member's is like, and which version it is made from.

    Has the environment prepared, if nobody has yet: then the server waits for it. Raises CourseError
    `environment_unprepared`, and what finding the repository raises.
    """
    course = membership.course
    reference, resolved = _version_for_new(environment, now=now)
    spec = LaunchSpec(
        reference,
        name=name,
        limits=course.limits,
        idle_minutes=course.idle_minutes,
        mounts=wishes_of(membership),
    )
    return spec, resolved


def has_newer(server: NotebookServer | None, version: EnvironmentVersion | None) -> bool:
    """Whether the class uses another version than the server is made from, or on its way to."""
    if server is None or version is None:
        return False
    update = server.pending_update
    becoming = update if update is not None and not update.failure_code else server
    return (becoming.repository_url, becoming.commit) != (version.repository_url, version.commit)


# --- Steps -------------------------------------------------------------------------------------------------


def _check_lesson(standing: Standing, lesson: Lesson, *, now: datetime) -> None:
    if lesson.course_id != standing.course.pk:
        raise CourseError("lesson_of_another_class", course=standing.course.title)
    if standing.is_staff or lesson.is_published(now):
        return
    if lesson.published_at is None:
        raise CourseError("lesson_not_published")
    raise CourseError("lesson_not_yet", when=date_format(localtime(lesson.published_at), "DATETIME_FORMAT"))


def _environment(place: Place) -> Environment:
    if place.environment is None:
        raise CourseError("environment_missing")
    return place.environment


def _version_for_new(environment: Environment, *, now: datetime) -> tuple[Reference, ResolvedRepository]:
    """What a new server is made from. Whoever comes before anybody has had it prepared has it prepared."""
    if environment.outcome == Outcome.NONE and not environment.commit:
        rebuild(environment, now=now)
    version = version_in_use(environment)
    if version is not None:
        return version.reference, version.resolved
    if environment.commit:
        return environment.reference, environment.resolved
    if environment.outcome == Outcome.PREPARING and environment.build is not None:
        return environment.reference, environment.build.resolved
    raise CourseError("environment_unprepared")


def _target(server: NotebookServer, membership: Membership, place: Place) -> tuple[Target, bool]:
    """What the class would have its member's server be, and whether it goes back to that from a later version."""
    course, environment = membership.course, _environment(place)
    target = replace(
        server.target,
        limits=course.limits,
        idle_minutes=course.idle_minutes,
        mounts=_with_own(server, wishes_of(membership)),
    )
    version = version_in_use(environment)
    if version is None:
        return target, False
    target = replace(target, reference=version.reference)
    owner: User | None = environment.owner
    whose = owner.pk if owner is not None and owner != membership.person else None
    return target.made_from(version.resolved, image_owner_id=whose), left_by(version) == server.image_key


def _with_own(server: NotebookServer, wishes: tuple[MountWish, ...]) -> tuple[MountWish, ...]:
    """The shared files of the class, and beside them those their owner has placed in the server elsewhere."""
    folders = [f"{wish.path}/" for wish in wishes]
    volumes = {wish.volume for wish in wishes}
    own = (
        wish
        for wish in server.wishes
        if wish.volume not in volumes
        and not any(folder.startswith(f"{wish.path}/") or f"{wish.path}/".startswith(folder) for folder in folders)
    )
    return tuple(sorted((*wishes, *own), key=lambda wish: wish.path))


def _note_visit(membership: Membership, lesson: Lesson | None, *, now: datetime) -> None:
    Membership.objects.filter(pk=membership.pk).update(last_seen_at=now)
    if lesson is not None:
        LessonVisit.objects.update_or_create(
            membership=membership,
            lesson=lesson,
            defaults={"last_opened_at": now},
            create_defaults={"opened_at": now, "last_opened_at": now},
        )
