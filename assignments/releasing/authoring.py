"""Drawing up assignments: making one, and bringing the notebooks that its next release is to be made from."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.text import slugify

from accounts.models import User
from assignments import artefacts, files
from assignments.errors import AssignmentError
from assignments.files import SUFFIX, Bundle, Limits
from assignments.models import Assignment, Origin, Source
from assignments.models.assignment import MAX_NAME
from assignments.releasing.modernising import modernised
from classes.material import material_of
from classes.members import check_going_on
from classes.models import Course
from environments.backends import volume_store
from environments.models import SourceTree
from environments.source_trees import find_tree, request_tree
from environments.values import Material, ResolvedRepository, short_commit

LIMITS = Limits()
RESERVED = frozenset({"new"})
"""Names that are places of their own among the pages of a class's assignments."""


def name_from(title: str, course: Course) -> str:
    """A short name for an assignment of this title that no other in the class has."""
    plain = slugify(unicodedata.normalize("NFKD", title))[: MAX_NAME - 3].strip("-") or "assignment"
    taken = RESERVED | set(
        Assignment.objects.filter(course=course, name__startswith=plain).values_list("name", flat=True)
    )
    numbered = (f"{plain}-{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (plain, *numbered) if name not in taken)


def add_assignment(course: Course, *, title: str, name: str = "", **details: Any) -> Assignment:
    """Make an assignment, the last of its class. Students see nothing of it before it is released.

    Raises CourseError `course_over`, and AssignmentError `assignment_name_taken`.
    """
    check_going_on(course)
    last = Assignment.objects.filter(course=course).aggregate(last=Max("position"))["last"]
    name = name or name_from(title, course)
    if name in RESERVED:
        raise AssignmentError("assignment_name_taken", name=name)
    try:
        with transaction.atomic():
            return Assignment.objects.create(
                course=course, title=title, name=name, position=0 if last is None else last + 1, **details
            )
    except IntegrityError as error:
        raise AssignmentError("assignment_name_taken", name=name) from error


def bring_source(
    assignment: Assignment, bundle: Bundle, *, origin: Origin, detail: str = "", by: User, now: datetime
) -> Source:
    """Keep these files as what the next release is to be made from. The same files again are the same source.

    Notebooks of another time are brought to today's format. Raises CourseError `course_over`, and AssignmentError
    `source_without_notebooks` and what `modernised` raises.
    """
    check_going_on(assignment.course)
    if not bundle.notebooks:
        raise AssignmentError("source_without_notebooks")
    bundle, upgraded = modernised(bundle)
    kept = artefacts.keep(bundle.tar)
    newest = assignment.sources.first()
    if newest is not None and newest.bundle == kept:
        return newest
    return Source.objects.create(
        assignment=assignment,
        origin=origin,
        origin_detail=detail[:500],
        bundle=kept,
        bytes=len(bundle.tar),
        notebooks=list(bundle.notebooks),
        upgraded=list(upgraded),
        brought_by=by,
        brought_at=now,
    )


def bring_uploaded(assignment: Assignment, uploads: Sequence[tuple[str, bytes]], *, by: User, now: datetime) -> Source:
    """Keep what somebody has sent: notebooks and data beside them, or one archive of all.

    Raises what `bring_source` raises, and AssignmentError as `files.from_archive` does.
    """
    names = [PurePosixPath(name).name for name, _content in uploads]
    if len(uploads) == 1 and names[0].lower().endswith((".zip", ".tar")):
        bundle = files.from_archive(uploads[0][1], limits=LIMITS).bundle
    else:
        sent = [(name, content) for name, (_path, content) in zip(names, uploads, strict=True)]
        bundle = files.from_files(sent, limits=LIMITS).bundle
    return bring_source(assignment, bundle, origin=Origin.UPLOAD, detail=", ".join(names), by=by, now=now)


def newest_source(assignment: Assignment) -> Source:
    """What the next release is to be made from. Raises AssignmentError `source_without_notebooks` if there is none."""
    source = assignment.sources.first()
    if source is None:
        raise AssignmentError("source_without_notebooks")
    return source


def tree_of(course: Course, *, now: datetime) -> SourceTree | None:
    """The files of the class that are in use: its material, or what its environment came with. None if there are none.

    Has them fetched if they are not there.
    """
    in_use = _in_use(course)
    return request_tree(in_use[0], owner=in_use[1], now=now) if in_use is not None else None


def known_tree_of(course: Course) -> SourceTree | None:
    """The same, as far as they were ever asked for; nothing is fetched."""
    in_use = _in_use(course)
    return find_tree(in_use[0], owner=in_use[1]) if in_use is not None else None


def has_files(course: Course) -> bool:
    """Whether there are files of the class that could be fetched."""
    return _in_use(course) is not None


def _in_use(course: Course) -> tuple[ResolvedRepository, User] | None:
    """What is fetched of which repository, and with whose credential."""
    in_use = material_of(course).in_use
    if in_use is not None:
        return in_use.resolved, in_use.owner or course.owner
    environment = course.environment
    if environment is None or not environment.commit:
        return None
    return environment.resolved, course.owner


def folders_of(tree: SourceTree) -> list[str]:
    """The folders of these files that have notebooks in them, the top as a dot."""
    paths = (PurePosixPath(path) for path in tree.files if path.endswith(SUFFIX))
    return sorted({str(path.parent) for path in paths if files.JUNK.isdisjoint(path.parts)})


def bring_from_class(assignment: Assignment, folder: str, *, by: User, now: datetime) -> Source:
    """Keep a folder of the class's files, as they are in use now.

    Raises what `bring_source` raises, and AssignmentError `class_files_not_ready` and `folder_unknown`.
    """
    tree = tree_of(assignment.course, now=now)
    if tree is None or not tree.is_ready:
        raise AssignmentError("class_files_not_ready")
    if folder not in folders_of(tree):
        raise AssignmentError("folder_unknown", folder=folder[:200])
    place = Material.FOLDER if folder == "." else f"{Material.FOLDER}/{folder}"
    packed = files.from_tar(volume_store().read(tree.volume_key, place), limits=LIMITS).bundle
    top = f"{PurePosixPath(place).name}/"
    bundle = Bundle(tuple(files.File(file.path.removeprefix(top), file.content) for file in packed))
    detail = f"{folder} · {short_commit(tree.commit)}"
    return bring_source(assignment, bundle, origin=Origin.REPOSITORY, detail=detail, by=by, now=now)


def delete_assignment(assignment: Assignment, *, now: datetime) -> None:
    """Take an assignment away. What was submitted and graded stays in the tables."""
    check_going_on(assignment.course)
    Assignment.objects.filter(pk=assignment.pk, deleted_at=None).update(deleted_at=now)
