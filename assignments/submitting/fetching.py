"""Putting assignments among a student's files: `~/home/<class>/<assignment>`, the same in all their servers.

Asked for by a student, done by a worker whether or not a server of theirs runs. What is there already is theirs: a
later release is merged into it, and nothing of it is lost.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.models import User
from assignments import artefacts, files
from assignments.errors import AssignmentError
from assignments.files import Bundle, File
from assignments.models import Assignment, Fetch, Release
from assignments.notebooks.cells import read, write
from assignments.notebooks.merging import merge
from assignments.submitting import copy_work
from classes.members import check_going_on
from classes.models import Membership
from environments.backends import volume_store
from environments.errors import EnvironmentsError, SystemFailure, UserError
from environments.models import Volume
from environments.mounts import HOME_MOUNT
from environments.queueing import enqueue
from environments.references import urlpath_to

logger = logging.getLogger(__name__)

TASK = "assignments.tasks.put_in_place"
OVERDUE = timedelta(minutes=1)
GIVEN_UP = timedelta(minutes=30)


def submission_limits() -> files.Limits:
    """How much somebody may submit at once."""
    return files.Limits(max_bytes=settings.SUBMISSION_MB * 1_000_000)


def folder_of(assignment: Assignment) -> str:
    """Where it is in the personal files of each student."""
    return f"{assignment.course.slug}/{assignment.name}"


def urlpath_of(assignment: Assignment, notebook: str = "") -> str:
    """The same, as a server opens it: its folder, or one of its notebooks."""
    place = f"{HOME_MOUNT}/{folder_of(assignment)}"
    return urlpath_to(f"{place}/{notebook}.ipynb" if notebook else place)


def home_of(person: User) -> Volume | None:
    """The personal files of somebody; None before they have had any."""
    return Volume.objects.filter(owner=person, purpose=Volume.Purpose.HOME).first()


@transaction.atomic
def ask_fetch(assignment: Assignment, membership: Membership, *, now: datetime) -> Fetch:
    """Have this member's copy put in place, or brought to the present release. Asking twice is asking once.

    Raises CourseError `course_over`, and AssignmentError `not_a_student_here` or `assignment_not_released`.
    """
    check_going_on(assignment.course)
    if not membership.is_present or membership.course_id != assignment.course_id:
        raise AssignmentError("not_a_student_here")
    if assignment.release is None:
        raise AssignmentError("assignment_not_released", assignment=assignment.title)
    fetch, is_new = Fetch.objects.select_for_update().get_or_create(
        assignment=assignment, membership=membership, defaults={"release": assignment.release, "asked_at": now}
    )
    if not is_new:
        if fetch.state == Fetch.State.WAITING:
            return fetch
        if fetch.state == Fetch.State.THERE and fetch.release_id != assignment.release.pk:
            fetch.before = fetch.release
        fetch.release, fetch.asked_at = assignment.release, now
        fetch.state, fetch.failure_code, fetch.failure_facts = Fetch.State.WAITING, "", {}
        fetch.lease_until, fetch.tries = None, 0
        fetch.save()
    enqueue(TASK, fetch.pk)
    return fetch


def carry_out_fetch(fetch: Fetch, *, now: datetime) -> None:
    """Put the files there. Safe to repeat: what is there is never written over."""
    if not copy_work.claim(fetch, now=now):
        return
    try:
        with copy_work.claimed(fetch):
            _place(fetch)
    except SystemFailure as trouble:
        logger.warning("%s could not be put in place yet: %s", fetch.pk, trouble)
        if fetch.tries > copy_work.MAX_TRIES or now - fetch.asked_at > GIVEN_UP:
            _end(fetch, Fetch.State.FAILED, error=trouble)
    except UserError as error:
        _end(fetch, Fetch.State.FAILED, error=error)
    else:
        _end(fetch, Fetch.State.THERE, now=now)


def enqueue_overdue_fetches(*, now: datetime) -> None:
    """Ask for what a worker has left undone."""
    copy_work.enqueue_overdue(Fetch, TASK, asked_before=now - OVERDUE, now=now)


def given_out(release: Release) -> Bundle:
    """The files of a release, as students get them."""
    return files.from_tar([artefacts.read(release.bundle)], limits=files.KEPT).bundle


def copy_of(assignment: Assignment, membership: Membership) -> Bundle:
    """What this member has of it now; no files where there is none. Raises what reading a volume raises."""
    release = assignment.release
    known = [f"{name}{files.SUFFIX}" for name in release.source.notebooks] if release is not None else []
    return _copy(assignment, membership, prefer=known).bundle


# --- Steps -------------------------------------------------------------------------------------------------


def _place(fetch: Fetch) -> None:
    home, store = _home(fetch.membership.person), volume_store()
    store.create(home.key)
    given = given_out(fetch.release)
    received = _copy(fetch.assignment, fetch.membership, prefer={file.path for file in given})
    present, taken = received.bundle, {one.path for one in received.left_out}
    missing = [file for file in given if present.read(file.path) is None and file.path not in taken]
    before = given_out(fetch.before) if fetch.before is not None else None
    merged = _merged(given, before, present) if before is not None else []
    brought = [*missing, *(File(one.path, one.content) for one in merged if one.content is not None)]
    written = Bundle(tuple(sorted(brought, key=lambda file: file.path)))
    store.write(home.key, folder_of(fetch.assignment), [written.tar], max_bytes=2 * len(written.tar))
    fetch.news = [one.news for one in merged if one.news]


def _copy(assignment: Assignment, membership: Membership, *, prefer: Collection[str]) -> files.Received:
    home, store, folder = home_of(membership.person), volume_store(), PurePosixPath(folder_of(assignment))
    if home is None or not store.exists(home.key):
        return files.Received(Bundle())
    top, limits = f"{folder.name}/", submission_limits()
    try:
        stream = store.read(home.key, str(folder))
        found = files.from_tar(stream, limits=limits, prefer={top + path for path in prefer})
    except UserError as error:
        if error.code == "volume_path_invalid":
            return files.Received(Bundle())
        raise
    bundle = Bundle(tuple(replace(file, path=file.path.removeprefix(top)) for file in found.bundle))
    return files.Received(bundle, tuple(replace(one, path=one.path.removeprefix(top)) for one in found.left_out))


@dataclass(frozen=True, slots=True)
class _Merged:
    """What becomes of a file that the release has changed."""

    path: str
    content: bytes | None = None
    """None where it stays as it is."""
    news: dict[str, Any] = field(default_factory=dict)


def _merged(given: Bundle, before: Bundle, present: Bundle) -> list[_Merged]:
    """What of a student's copy changes with the new release, and what becomes of its cells.

    Notebooks are merged by cells. A data file is brought up to date unless the student has changed it. A notebook of
    theirs that cannot be read is left alone.
    """
    merged = []
    for file in given:
        mine, old = present.read(file.path), before.read(file.path)
        if mine is None or old is None or old == file.content or mine == file.content:
            continue
        if mine == old:
            merged.append(_Merged(file.path, file.content))
        elif file.path.endswith(files.SUFFIX):
            merged.append(_merged_notebook(file.path, mine, old=old, new=file.content))
        else:
            merged.append(_Merged(file.path, news={"file": file.path}))
    return merged


def _merged_notebook(path: str, mine: bytes, *, old: bytes, new: bytes) -> _Merged:
    name = path.removesuffix(files.SUFFIX)
    try:
        edited = read(mine, name=path)
        merged = merge(edited, old=read(old, name=path), new=read(new, name=path))
    except AssignmentError:
        return _Merged(path, news={"notebook": name, "is_left_alone": True})
    if merged.notebook == edited:  # It was merged before.
        return _Merged(path)
    news = {
        "notebook": name,
        "added": list(merged.added),
        "updated": list(merged.updated),
        "removed": list(merged.removed),
        "set_aside": list(merged.set_aside),
    }
    return _Merged(path, write(merged.notebook), news)


def _home(person: User) -> Volume:
    home, _is_new = Volume.objects.get_or_create(owner=person, purpose=Volume.Purpose.HOME)
    return home


def _end(
    fetch: Fetch, state: Fetch.State, *, error: EnvironmentsError | None = None, now: datetime | None = None
) -> None:
    failure = {"failure_code": error.code, "failure_facts": error.facts} if error is not None else {}
    waiting = Fetch.objects.filter(pk=fetch.pk, state=Fetch.State.WAITING)
    waiting.update(state=state, done_at=now, lease_until=None, news=fetch.news, **failure)
    fetch.refresh_from_db()
