"""Giving out what was checked. A release never changes; a correction is the next one."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Max

from accounts.models import User
from assignments.errors import AssignmentError
from assignments.models import Assignment, Cell, GateRun, Release
from classes.members import check_going_on
from environments.pinning import version_in_use

MOST_POINTS, MOST_POINTS_IN_ALL = 100_000, 900_000
"""Of a cell, and of an assignment: there is no room for more, and none for less than nothing."""


@transaction.atomic
def release(
    assignment: Assignment, gate_run: GateRun, *, by: User, now: datetime, is_knowing: bool = False, note: str = ""
) -> Release:
    """Give out what this check has made, from now on; whoever has an earlier release gets it merged into theirs.

    Giving out again what is given out changes nothing. Raises CourseError `course_over`, and AssignmentError
    `gate_not_done`, `gate_makes_nothing` where no release could be made of the source, `gate_not_passed` unless the
    teacher knows (`is_knowing`), `gate_points_impossible` even then, and `source_of_another`.
    """
    check_going_on(assignment.course)
    locked = Assignment.objects.select_for_update().get(pk=assignment.pk)
    if gate_run.source.assignment_id != assignment.pk:
        raise AssignmentError("source_of_another")
    _check(gate_run, is_knowing=is_knowing)
    if locked.release is not None and locked.release.gate_run_id == gate_run.pk:
        return locked.release
    made = _made(locked, gate_run, by=by, now=now, is_knowing=is_knowing, note=note)
    Assignment.objects.filter(pk=assignment.pk).update(release=made)
    assignment.release = made
    return made


def was_checked_elsewhere(assignment: Assignment, gate_run: GateRun) -> bool:
    """Whether it was checked in what this class has never worked in: it came along from the class this is a copy of."""
    environment = assignment.course.environment
    if not gate_run.image_key or environment is None or gate_run.image_key == environment.image_key:
        return False
    return not environment.versions.filter(image_key=gate_run.image_key).exists()


def _check(gate_run: GateRun, *, is_knowing: bool) -> None:
    if gate_run.state != GateRun.State.DONE:
        raise AssignmentError("gate_not_done")
    if not gate_run.gradebook:
        raise AssignmentError("gate_makes_nothing")
    if not (gate_run.has_passed or is_knowing):
        raise AssignmentError("gate_not_passed")
    points = [float(cell["points"]) for cell in gate_run.cells]
    if not (all(0 <= each <= MOST_POINTS for each in points) and sum(points) <= MOST_POINTS_IN_ALL):
        raise AssignmentError("gate_points_impossible")


def _made(
    assignment: Assignment, gate_run: GateRun, *, by: User, now: datetime, is_knowing: bool, note: str
) -> Release:
    last = assignment.releases.aggregate(last=Max("number"))["last"] or 0
    environment = assignment.course.environment
    version = version_in_use(environment) if environment is not None else None
    checked_in = "" if was_checked_elsewhere(assignment, gate_run) else gate_run.image_key
    made = Release.objects.create(
        assignment=assignment,
        number=last + 1,
        source=gate_run.source,
        bundle=gate_run.bundle,
        gradebook=gate_run.gradebook,
        version=version,
        image_key=checked_in or (version.image_key if version is not None else ""),
        engine_version=gate_run.engine_version,
        gate_run=gate_run,
        is_knowing=is_knowing and not gate_run.has_passed,
        note=note,
        released_by=by,
        released_at=now,
    )
    Cell.objects.bulk_create(
        Cell(
            release=made,
            notebook=cell["notebook"],
            grade_id=cell["grade_id"],
            kind=cell["kind"],
            points=Decimal(str(cell["points"])),
            position=position,
        )
        for position, cell in enumerate(gate_run.cells)
    )
    return made
