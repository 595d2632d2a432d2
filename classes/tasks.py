"""Celery's entrances to the verbs of classes: each calls one. Safe to run twice."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from classes import handing_in, keeping
from classes.models import HandIn


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
