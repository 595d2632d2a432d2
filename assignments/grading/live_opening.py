"""A submission opened live: in a server of the grader's that has its files, and nothing of theirs.

What somebody else wrote runs there, so it is a copy to try: no personal or shared files, no key, an origin of its own,
one person in it, gone with its files when it stops and after `COPY_LIFETIME_MINUTES` in any case. It is made from what
the release is graded in, and has what its tests had beside them; the tests themselves are not in it.

Graders go from one to the next and close none. So where there is no room for another, those go that they opened longest
ago, and nothing else of theirs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import uuid4

from django.db import transaction

from accounts.models import User
from assignments.errors import AssignmentError
from assignments.files import Bundle, File
from assignments.models import OpenedLive, Release, Submission
from assignments.running.grading_runs import data_of, notebooks_of, read_bundle
from classes.members import check_going_on
from classes.models import Course
from classes.naming import name_after
from environments.backends import volume_store
from environments.giving import give
from environments.launching import launch, server_of
from environments.models import EnvironmentVersion, NotebookServer
from environments.pinning import version_in_use
from environments.quotas import copies_in_the_way
from environments.servers import delete_server
from environments.values import LaunchSpec

_DIGITS = 10
_MARGIN = 1_000_000
"""What the names of files take, beside their content."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The server that has the submission, and those that were closed to make room for it."""

    server: NotebookServer
    closed: tuple[NotebookServer, ...] = ()


def open_live(submission: Submission, *, by: User, now: datetime) -> Opened:
    """Have this person find the submission in the server that they have of it, or in a new one on its way.

    That they may grade is for the caller to know. Raises CourseError `course_over`, AssignmentError
    `grading_image_missing`, what reading artefacts and writing volumes raises, and what launching a copy raises;
    nothing is closed then.
    """
    course = submission.assignment.course
    check_going_on(course)
    release = _graded_by(submission)
    version = _version(release, course)
    spec = LaunchSpec(
        version.reference,
        name=_name(submission),
        limits=course.limits,
        idle_minutes=course.idle_minutes,
        is_public=True,
    )
    launching = partial(
        launch,
        by,
        spec,
        now=now,
        resolved=version.resolved,
        group=course.everybody,
        image_owner=version.environment.owner,
    )
    if _is_open(by, spec):
        return Opened(_come_back(launching(), now=now))
    shown = _shown(submission, release, below=spec.name)
    room = len(shown.tar) + _MARGIN
    files = _filled(f"live-{uuid4().hex}", shown, max_bytes=room)
    is_given = False
    try:
        with transaction.atomic():  # No worker starts it before it is known what it is given.
            User.objects.select_for_update(no_key=True).get(pk=by.pk)
            _be_rid_of_ending(by, spec, now=now)
            going = copies_in_the_way(by, _open_ones(by), limits=course.limits)
            server = launching(instead_of=going)
            if server.created_at != now:  # A second click: the first has files of its own.
                return Opened(_come_back(server, now=now))
            OpenedLive.objects.create(server=server, opened_at=now)
            give(
                by,
                group=course.everybody,
                name=spec.name,
                volume_key=files,
                folder=spec.name,
                max_bytes=room,
                now=now,
            )
            closed = _close(going, now=now)  # Now that what both wait for is not given up.
            is_given = True
    finally:
        if not is_given:
            volume_store().delete(files)
    return Opened(server, closed)


def path_in_server(submission: Submission, notebook: str) -> str:
    """Where it has this notebook, or all of its files if none is named."""
    return f"{_name(submission)}/{notebook}.ipynb" if notebook else _name(submission)


# --- Steps -------------------------------------------------------------------------------------------------


def _name(submission: Submission) -> str:
    """After the assignment, and nobody: whose it is may be hidden from whoever opens it."""
    return name_after(submission.assignment.name, f"-{submission.pk.hex[:_DIGITS]}")


def _is_open(person: User, spec: LaunchSpec) -> bool:
    """Whether they have a server of it that does not end already."""
    server = server_of(person, spec)
    return server is not None and server.state != NotebookServer.State.STOPPING


def _come_back(server: NotebookServer, *, now: datetime) -> NotebookServer:
    OpenedLive.objects.filter(server=server).update(opened_at=now)
    return server


def _open_ones(person: User) -> list[NotebookServer]:
    """What this person has opened live, in the order in which it is to go: what has ended first, then by when."""
    theirs = NotebookServer.objects.copies().filter(owner=person, opened_live__isnull=False)
    return sorted(theirs.order_by("opened_live__opened_at", "created_at"), key=lambda server: server.can_stop)


def _be_rid_of_ending(person: User, spec: LaunchSpec, *, now: datetime) -> None:
    """Have the name free that one holds which is being stopped: it comes to its end without it."""
    for server in _open_ones(person):
        if server.name == spec.name and server.state == NotebookServer.State.STOPPING:
            delete_server(server, now=now)


def _close(servers: Iterable[NotebookServer], *, now: datetime) -> tuple[NotebookServer, ...]:
    """Have these ended, and return those of them that had not ended by themselves."""
    were_open = []
    for server in servers:
        were_open += [server] if server.can_stop else []
        delete_server(server, now=now)
    return tuple(were_open)


def _graded_by(submission: Submission) -> Release:
    return submission.autograding.release if submission.autograding is not None else submission.release


def _version(release: Release, course: Course) -> EnvironmentVersion:
    """What the release is graded in, or what the class uses where nobody knows that any more."""
    in_use = version_in_use(course.environment) if course.environment is not None else None
    version = release.version or in_use
    if version is None:
        raise AssignmentError("grading_image_missing")
    return version


def _shown(submission: Submission, release: Release, *, below: str) -> Bundle:
    """The notebooks as they are graded, and what lies beside them then, in a folder of their own."""
    given = read_bundle(submission.repaired or submission.bundle)
    both = (*notebooks_of(given), *data_of(given, read_bundle(release.bundle)))
    return Bundle(tuple(File(f"{below}/{file.path}", file.content) for file in sorted(both, key=lambda it: it.path)))


def _filled(volume: str, files: Bundle, *, max_bytes: int) -> str:
    store = volume_store()
    store.create(volume)
    try:
        store.write(volume, "", [files.tar], max_bytes=max_bytes)
    except BaseException:
        store.delete(volume)
        raise
    return volume
