"""Celery's entrances to the verbs of classes: each calls one. Safe to run twice."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from classes import keeping


@shared_task
def purge_deleted_courses() -> None:
    """Remove classes that can no longer be brought back."""
    keeping.purge_deleted(now=timezone.now())
