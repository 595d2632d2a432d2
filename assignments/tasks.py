"""Celery's entrances to the verbs of assignments: each calls one. Safe to run twice."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from assignments import autograding, fetching, submissions
from assignments.models import Collection, Fetch


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


@shared_task
def tend_autogradings() -> None:
    """Take back what dead workers had, and ask for what waits."""
    autograding.tend_autogradings(now=timezone.now())


@shared_task
def tend_copies() -> None:
    """Ask for copies and submissions that were left undone."""
    now = timezone.now()
    fetching.enqueue_overdue_fetches(now=now)
    submissions.enqueue_overdue_collections(now=now)
