"""The material of a class: looked for, put in use, taken back, and brought to whoever opens the class.

Putting a version in use changes no file. Each member's files are brought to it when they next open the class, and
what they changed stays (`environments.bringing`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import User
from classes.errors import CourseError
from classes.members import check_going_on
from classes.models import Course, CourseMaterial, Looks
from environments import bringing
from environments.errors import EnvironmentsError
from environments.git_credentials import resolve_for
from environments.merging import MAX_NAMED, Files
from environments.models import NotebookServer, ServerMaterial, SourceTree
from environments.source_trees import find_tree, keep_trees, request_tree
from environments.values import Manifest, Reference

logger = logging.getLogger(__name__)

LOOK_EVERY = timedelta(days=1)
MAX_LOOKS = 10
"""For how many classes one round looks: git hosts answer only so many questions an hour."""


def bring_material(course: Course, server: NotebookServer, *, now: datetime) -> None:
    """Have a member's server of this class brought to the material that is in use.

    To be called whenever somebody opens the class or a lesson, with the server they will see, before it is started;
    at a server that runs it is done at once, beside the person. Cheap where there is nothing to do, which is nearly
    always, and it raises nothing: what goes wrong is on the member's page, and is tried again when this is called
    again. A server that was stopped and is started in another way has its material too, from its last call.
    """
    material = CourseMaterial.objects.filter(course=course).select_related("in_use__owner").first()
    tree = material.in_use if material else None
    if tree is not None:
        bringing.bring_material(server, tree.resolved, owner=tree.owner or course.owner, now=now)


def material_of(course: Course) -> CourseMaterial:
    """The material of this class; not stored yet where nobody has had to do with it."""
    rows = CourseMaterial.objects.select_related("in_use", "before", "newest", "put_by", "course__environment")
    return rows.filter(course=course).first() or CourseMaterial(course=course)


def look_for_newer(course: Course, *, now: datetime) -> CourseMaterial:
    """Ask which version is the newest, and have its files fetched. Nothing in the class changes by that.

    Asks the repository's host, which may take some seconds. Raises whatever finding the repository raises, and writes
    it down; CourseError `course_over`, and `material_nowhere` for a class without a repository.
    """
    check_going_on(course)
    material = material_of(course)
    if material.reference is None:
        raise CourseError("material_nowhere")
    try:
        resolved = resolve_for(course.owner, material.reference, now=now)
    except EnvironmentsError as error:
        _write(course, looked_at=now, failure_code=error.code, failure_facts=error.facts)
        raise
    tree = request_tree(resolved, owner=course.owner, now=now)
    if course.environment and course.environment.commit and course.environment.repository_url == resolved.url:
        request_tree(course.environment.resolved, owner=course.owner, now=now)  # What students begin with.
    _write(course, newest=tree, looked_at=now, failure_code="", failure_facts={})
    return material_of(course)


def put_in_use(course: Course, commit: str, *, by: User, now: datetime) -> CourseMaterial:
    """Have everybody get the newest version, which is `commit`, when they next open the class.

    Raises CourseError `course_over`, `material_changed` where another is the newest by now, and `material_not_ready`
    as long as its files are not fetched.
    """
    check_going_on(course)
    material = material_of(course)
    newest = material.newest
    if newest is None or newest.commit != commit:
        raise CourseError("material_changed")
    if newest == material.in_use:
        return material
    if not newest.is_ready:
        raise CourseError("material_not_ready")
    return _put(material, newest, by=by, now=now)


def go_back(course: Course, commit: str, *, by: User, now: datetime) -> CourseMaterial:
    """Have everybody get what was in use before, which is `commit`. What they changed stays, as ever.

    Raises CourseError `course_over` and `material_changed`.
    """
    check_going_on(course)
    material = material_of(course)
    if material.before is None or material.before.commit != commit:
        raise CourseError("material_changed")
    return _put(material, material.before, by=by, now=now)


def set_source(course: Course, reference: Reference | None, *, looks: Looks) -> None:
    """Have material come from there from now on; from the environment's repository if it is None.

    What is in use stays in use. Raises CourseError `course_over`.
    """
    check_going_on(course)
    chosen = reference or Reference("", "", "")
    source = {"provider": chosen.provider, "repository": chosen.repository, "ref": chosen.ref}
    is_same = all(getattr(material_of(course), name) == value for name, value in source.items())
    forgotten = {} if is_same else _NOBODY_HAS_LOOKED
    _write(course, looks=looks, **source, **forgotten)


def look_where_due(*, now: datetime) -> None:
    """Look for newer material for the classes whose turn it is, and keep what is in use in those that go on."""
    for course in Course.objects.present().filter(archived_at=None, environment__isnull=False, material=None):
        CourseMaterial.objects.get_or_create(course=course)
    going_on = CourseMaterial.objects.going_on()
    keep_trees(going_on.exclude(in_use=None).values("in_use"), now=now)
    for material in going_on.due(before=now - LOOK_EVERY).select_related("course__owner", "course__environment")[
        :MAX_LOOKS
    ]:
        as_read = CourseMaterial.objects.filter(pk=material.pk, looked_at=material.looked_at)
        if not as_read.update(looked_at=now):
            continue  # Another worker was quicker.
        try:
            look_for_newer(material.course, now=now)
        except EnvironmentsError as error:
            logger.info("no newer material for %s: %s", material.course, error)


# --- As its page tells it ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Changes:
    """In which files two versions differ."""

    added: Files
    changed: Files
    removed: Files

    @property
    def is_empty(self) -> bool:
        """Whether they do not differ at all."""
        return not (self.added.count or self.changed.count or self.removed.count)


@dataclass(frozen=True, slots=True)
class Spread:
    """How far what is in use has come: of so many servers of the class so many have it, or could not get it."""

    servers: int
    done: int
    failed: int


def changes_since(material: CourseMaterial) -> Changes | None:
    """What the newest version changes in what members have; None while that cannot be told."""
    newest, before = material.newest, material.in_use or _of_environment(material)
    if newest is None or not newest.is_ready:
        return None
    return changes_between(before.files if before else {}, newest.files)


def changes_between(before: Manifest, after: Manifest) -> Changes:
    """Which files were added, changed and removed."""
    old = {path: digest for path, digest in before.items() if digest is not None}
    new = {path: digest for path, digest in after.items() if digest is not None}
    return Changes(
        added=_files(new.keys() - old.keys()),
        changed=_files({path for path in new.keys() & old.keys() if new[path] != old[path]}),
        removed=_files(old.keys() - new.keys()),
    )


def spread_of(material: CourseMaterial) -> Spread:
    """How far what is in use has come among the servers of the class."""
    servers = NotebookServer.objects.present().filter(group=material.course.everybody_id)
    rows = ServerMaterial.objects.filter(server__in=servers)
    return Spread(
        servers=servers.count(),
        done=rows.filter(base=material.in_use_id).count() if material.in_use_id else 0,
        failed=rows.exclude(failure_code="").count(),
    )


def news_for(course: Course, person: User) -> ServerMaterial | None:
    """What was last brought to this person in the class, if anything ever was, or could not be brought."""
    rows = ServerMaterial.objects.filter(
        server__owner=person, server__group=course.everybody_id, server__deleted_at=None
    )
    return rows.exclude(reports=[], failure_code="").select_related("server").order_by("-brought_at").first()


# --- Steps -------------------------------------------------------------------------------------------------

_NOBODY_HAS_LOOKED: dict[str, object] = {"newest": None, "looked_at": None, "failure_code": "", "failure_facts": {}}


def _files(paths: set[str]) -> Files:
    return Files(len(paths), tuple(sorted(paths)[:MAX_NAMED]))


def _of_environment(material: CourseMaterial) -> SourceTree | None:
    """What members have of the environment, where that comes from the same repository and is known."""
    environment, newest = material.course.environment, material.newest
    if environment is None or newest is None or environment.repository_url != newest.repository_url:
        return None
    tree = find_tree(environment.resolved, owner=material.course.owner)
    return tree if tree is not None and tree.manifest else None


def _put(material: CourseMaterial, tree: SourceTree, *, by: User, now: datetime) -> CourseMaterial:
    """Raises CourseError `material_changed` where somebody else was quicker."""
    as_read = CourseMaterial.objects.filter(pk=material.pk, in_use=material.in_use, newest=material.newest)
    if not as_read.update(in_use=tree, before=material.in_use, in_use_since=now, put_by=by):
        raise CourseError("material_changed")
    return material_of(material.course)


@transaction.atomic
def _write(course: Course, **columns: object) -> None:
    CourseMaterial.objects.update_or_create(course=course, defaults=columns)
