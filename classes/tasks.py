"""Celery's entrances to the verbs of classes: each calls one. Safe to run twice."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from classes import (
    exporting,
    handing_in,
    importing,
    keeping,
    kept_work,
    looking,
    material,
    progress,
    readying,
    rosters,
    unpacking,
    visiting,
)
from classes.models import CourseExport, CourseImport, HandIn

_EXPORT_LIMIT = int(exporting.TIME_LIMIT.total_seconds()) - 60
"""Less than what it takes until an archive is given up."""
_IMPORT_LIMIT = int(unpacking.TIME_LIMIT.total_seconds())


@shared_task
def purge_deleted_courses() -> None:
    """Remove classes that can no longer be brought back."""
    keeping.purge_deleted(now=timezone.now())


@shared_task
def copy_hand_in(hand_in_id: str) -> None:
    """Copy what somebody hands in."""
    waiting = HandIn.objects.filter(pk=hand_in_id).select_related("membership__course", "membership__person")
    for hand_in in waiting.select_related("server__volume"):
        handing_in.carry_out_hand_in(hand_in)


@shared_task
def tend_hand_ins() -> None:
    """Ask for hand-ins that were left undone."""
    handing_in.enqueue_overdue_hand_ins(now=timezone.now())


@shared_task(soft_time_limit=_EXPORT_LIMIT - 30, time_limit=_EXPORT_LIMIT)
def make_export(export_id: str) -> None:
    """Make an archive of a class that waits to be made."""
    for export in CourseExport.objects.filter(pk=export_id).select_related("course"):
        exporting.carry_out_export(export)


@shared_task(soft_time_limit=_IMPORT_LIMIT, time_limit=_IMPORT_LIMIT + 30)
def unpack_files(import_id: str) -> None:
    """Bring the files of an archive into the class that was made from it."""
    for brought in CourseImport.objects.filter(pk=import_id).select_related("course__owner"):
        unpacking.carry_out_import(brought)


@shared_task
def tend_exports() -> None:
    """Look after archives that wait, were left behind, or are too old, and after what came with some."""
    exporting.tend_exports(now=timezone.now())
    unpacking.tend_imports(now=timezone.now())
    kept_work.tend_kept_work(now=timezone.now())
    importing.forget_brought(now=timezone.now())


@shared_task(soft_time_limit=60, time_limit=90)
def measure_progress() -> None:
    """Count how far students are in the notebooks they have saved."""
    progress.measure_progress(now=timezone.now())


@shared_task
def end_knocks() -> None:
    """Put teachers out of servers in which their time is over."""
    visiting.end_due(now=timezone.now())


@shared_task
def forget_looks() -> None:
    """Remove what nobody needs to know any more."""
    looking.forget_old_looks(timezone.now())


@shared_task
def forget_roster_drafts() -> None:
    """Remove lists that nobody imported in time."""
    rosters.forget_drafts(now=timezone.now())


@shared_task
def look_for_material() -> None:
    """Look for newer material where it is time to."""
    material.look_where_due(now=timezone.now())


@shared_task
def ready_for_lessons() -> None:
    """Have servers reserved for the lessons that begin soon."""
    readying.ready_for_lessons(now=timezone.now())
