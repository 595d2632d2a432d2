"""Celery's entrances to the verbs of this app: each calls one. Safe to run twice."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from lti import audit, keys, logins, registration
from lti.models import Context, Platform
from lti.passback import sending
from lti.rosters import syncing


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


@shared_task(soft_time_limit=200, time_limit=230)
def sync_roster(context_id: str) -> None:
    """Bring the people of a class together with the platform's list of them."""
    for context in Context.objects.filter(pk=context_id).select_related("course", "deployment__platform"):
        syncing.sync(context, now=timezone.now())


@shared_task
def sync_rosters_at_night() -> None:
    """Ask for the lists of those classes whose turn it is."""
    syncing.sync_at_night(now=timezone.now())


@shared_task
def forget_rosters() -> None:
    """Remove lists that no teacher said anything about in time."""
    syncing.forget_lists(now=timezone.now())
