"""Celery's entrances to the verbs of assignments: each calls one. Safe to run twice."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from assignments import arranging, sweeping
from assignments.course_directories import exporting, importing, taking
from assignments.grading import autograding
from assignments.models import Assignment, Collection, CourseDirectory, CourseDirectoryExport, Fetch, GateRun
from assignments.releasing import gate
from assignments.submitting import at_the_deadline, fetching, submissions


@shared_task
def put_in_place(fetch_id: str) -> None:
    """Put somebody's copy among their files."""
    waiting = Fetch.objects.filter(pk=fetch_id).select_related("assignment__course", "membership__person", "release")
    for fetch in waiting:
        fetching.carry_out_fetch(fetch, now=timezone.now())


@shared_task
def collect(collection_id: str) -> None:
    """Take somebody's copy as their submission."""
    waiting = Collection.objects.filter(pk=collection_id)
    for collection in waiting.select_related("assignment__course", "assignment__release", "membership__person"):
        submissions.carry_out_collection(collection, now=timezone.now())
    autograding.ask_where_due(now=timezone.now())


@shared_task(soft_time_limit=3600, time_limit=3660)
def grade_next(_asked_for: str = "") -> None:
    """Grade the submission whose turn it is, which need not be the one that was asked for."""
    autograding.carry_out_next()


@shared_task(soft_time_limit=3600, time_limit=3660)
def check_source(gate_run_id: str) -> None:
    """Check what a teacher wants to release."""
    for run in GateRun.objects.filter(pk=gate_run_id):
        gate.carry_out_gate_run(run)


@shared_task(soft_time_limit=3600, time_limit=3660)
def carry_out_course_directory(directory_id: str) -> None:
    """Look at a course of nbgrader's that somebody has brought, or import it."""
    for directory in CourseDirectory.objects.filter(pk=directory_id).select_related("course", "asked_by"):
        importing.carry_out(directory, taking.take)


@shared_task(soft_time_limit=3600, time_limit=3660)
def make_course_directory(export_id: str) -> None:
    """Make a course directory of nbgrader's of a class."""
    for export in CourseDirectoryExport.objects.filter(pk=export_id).select_related("course"):
        exporting.carry_out_export(export)


@shared_task
def refold_grades(assignment_id: str) -> None:
    """Have grades follow from dates and rules that were moved."""
    for assignment in Assignment.objects.filter(pk=assignment_id).select_related("course"):
        arranging.refold_grades(assignment, now=timezone.now())


@shared_task
def tend_autogradings() -> None:
    """Take back what dead workers had, of gradings and of checks, and ask for what waits."""
    autograding.tend_autogradings(now=timezone.now())
    gate.tend_gate_runs(now=timezone.now())


@shared_task
def tend_copies() -> None:
    """Ask for copies and submissions that were left undone."""
    now = timezone.now()
    fetching.enqueue_overdue_fetches(now=now)
    submissions.enqueue_overdue_collections(now=now)
    importing.tend(now=now)
    exporting.tend_exports(now=now)


@shared_task
def hand_in_for_those_who_forgot() -> None:
    """Have the copies of those taken who have not submitted when it was due."""
    at_the_deadline.hand_in_for_those_who_forgot(now=timezone.now())


@shared_task
def sweep_artefacts() -> None:
    """Remove what was kept for rows that are gone."""
    sweeping.sweep_artefacts(now=timezone.now())
