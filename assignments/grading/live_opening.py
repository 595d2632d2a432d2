"""A submission opened live: in a server of the grader's that has its files, and nothing of theirs.

What somebody else wrote runs there, so it is a copy to try: no personal or shared files, no key, an origin of its own,
one person in it, gone with its files when it stops and after `COPY_LIFETIME_MINUTES` in any case. It is made from what
the release is graded in, and has what its tests had beside them; the tests themselves are not in it.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from uuid import uuid4

from django.db import transaction

from accounts.models import User
from assignments.errors import AssignmentError
from assignments.files import Bundle, File
from assignments.models import Release, Submission
from assignments.running.grading_runs import data_of, notebooks_of, read_bundle
from classes.members import check_going_on
from classes.models import Course
from classes.naming import name_after
from environments.backends import volume_store
from environments.giving import give
from environments.launching import launch, server_of
from environments.models import EnvironmentVersion, NotebookServer
from environments.pinning import version_in_use
from environments.values import LaunchSpec

_DIGITS = 10
_MARGIN = 1_000_000
"""What the names of files take, beside their content."""


def open_live(submission: Submission, *, by: User, now: datetime) -> NotebookServer:
    """The server in which this person finds the submission: the one they have of it, or a new one on its way.

    That they may grade is for the caller to know. Raises CourseError `course_over`, AssignmentError
    `grading_image_missing`, what reading artefacts and writing volumes raises, and what launching a copy raises.
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
    if server_of(by, spec) is not None:
        return launching()
    shown = _shown(submission, release, below=spec.name)
    room = len(shown.tar) + _MARGIN
    files = _filled(f"live-{uuid4().hex}", shown, max_bytes=room)
    server = None
    try:
        with transaction.atomic():  # No worker starts it before it is known what it is given.
            server = launching()
            if server.created_at == now:
                give(
                    by,
                    group=course.everybody,
                    name=spec.name,
                    volume_key=files,
                    folder=spec.name,
                    max_bytes=room,
                    now=now,
                )
    finally:
        if server is None or server.created_at != now:  # Refused, or a second click: the first has files of its own.
            volume_store().delete(files)
    return server


def path_in_server(submission: Submission, notebook: str) -> str:
    """Where it has this notebook, or all of its files if none is named."""
    return f"{_name(submission)}/{notebook}.ipynb" if notebook else _name(submission)


# --- Steps -------------------------------------------------------------------------------------------------


def _name(submission: Submission) -> str:
    """After the assignment, and nobody: whose it is may be hidden from whoever opens it."""
    return name_after(submission.assignment.name, f"-{submission.pk.hex[:_DIGITS]}")


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
