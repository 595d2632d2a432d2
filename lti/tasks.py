"""Celery's entrances to the verbs of this app: each calls one. Safe to run twice."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from lti import audit, keys, logins, registration


@shared_task
def renew_keys() -> None:
    """Replace keys that have signed long enough."""
    keys.renew_keys(now=timezone.now())


@shared_task
def forget_logins() -> None:
    """Remove logins that led to nothing, and those that are done."""
    logins.forget_expired(now=timezone.now())


@shared_task
def forget_audit() -> None:
    """Remove what was noted too long ago to matter."""
    audit.forget_old(now=timezone.now())


@shared_task
def forget_registrations() -> None:
    """Remove platforms that nobody has approved in time."""
    registration.forget_waiting(now=timezone.now())
