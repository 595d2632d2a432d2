"""Celery's entrances to the verbs of this app: each calls one. Safe to run twice."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from lti import keys


@shared_task
def renew_keys() -> None:
    """Replace keys that have signed long enough."""
    keys.renew_keys(now=timezone.now())
