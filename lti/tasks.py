"""Celery's entrances to the verbs of this app: each calls one. Safe to run twice."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from lti import audit, keys, logins, registration, sending
from lti.models import Platform


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


@shared_task
def send_grades(platform_id: str) -> None:
    """Send what is due to this platform."""
    for platform in Platform.objects.filter(pk=platform_id):
        sending.send_grades(platform)


@shared_task
def tend_grades() -> None:
    """Have sent whatever is due, whoever was to send it."""
    sending.tend_grades(now=timezone.now())
