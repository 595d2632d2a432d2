"""What was done about learning platforms, noted as it happens and kept for a while.

An entry is a word of a closed list and the facts of that word's sentence, nothing else: no token, no address with a
secret in it, and nothing a platform said of a person. It is for whoever runs this Carrel.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from string import Formatter
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from environments.errors import EnvironmentsError
from lti.limits import RefusalsNoted
from lti.models import AuditEntry, Platform

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

Fact = str | int

MAX_FACT = 200


class What(models.TextChoices):
    """What there is to note. Each has a sentence, whose facts are all that is kept beside it."""

    PLATFORM_REGISTERED = "platform_registered", _("Platform registered itself")
    PLATFORM_ADDED = "platform_added", _("Platform added by hand")
    PLATFORM_APPROVED = "platform_approved", _("Platform approved")
    PLATFORM_CHANGED = "platform_changed", _("Platform changed")
    PLATFORM_DISABLED = "platform_disabled", _("Platform switched off")
    PLATFORM_REMOVED = "platform_removed", _("Platform removed")
    PLATFORM_TESTED = "platform_tested", _("Connection tested")
    KEY_ROTATED = "key_rotated", _("Key replaced")
    KEYS_WITHDRAWN = "keys_withdrawn", _("Keys withdrawn")
    DEPLOYMENT_APPROVED = "deployment_approved", _("Deployment approved")
    DEPLOYMENT_REMOVED = "deployment_removed", _("Deployment removed")
    COURSE_CONNECTED = "course_connected", _("Course connected")
    COURSE_DISCONNECTED = "course_disconnected", _("Course disconnected")
    LINKS_PLACED = "links_placed", _("Links placed in a course")
    LINK_LED = "link_led", _("Link led elsewhere")
    ACCOUNT_JOINED = "account_joined", _("Account connected")
    ACCOUNT_UNLINKED = "account_unlinked", _("Account disconnected")
    ACCOUNT_MERGED = "account_merged", _("Accounts put together")
    LAUNCH_REFUSED = "launch_refused", _("Launch refused")
    ROSTER_APPLIED = "roster_applied", _("List of members taken over")
    ROSTER_STOPPED = "roster_stopped", _("List of members not taken over")
    GRADES_SENT = "grades_sent", _("Grades sent")
    GRADES_FAILED = "grades_failed", _("Grades not taken")


SENTENCES: Mapping[str, str | _StrPromise] = {
    What.PLATFORM_REGISTERED: _("It registered itself, and waits for approval."),
    What.PLATFORM_ADDED: _("It was described by hand."),
    What.PLATFORM_APPROVED: _("It was approved: what it says is believed from now on."),
    What.PLATFORM_CHANGED: _("It was changed: {fields}."),
    What.PLATFORM_DISABLED: _("It was switched off: nothing it says is believed."),
    What.PLATFORM_REMOVED: _("It was removed, with all that was known of it."),
    What.PLATFORM_TESTED: _("The connection was tested: {outcome}."),
    What.KEY_ROTATED: _("A new key was made. It signs from {signs_from}; its name is {key}."),
    What.KEYS_WITHDRAWN: _("All keys were withdrawn at once. The new one is {key}."),
    What.DEPLOYMENT_APPROVED: _("The deployment “{deployment}” was approved."),
    What.DEPLOYMENT_REMOVED: _("The deployment “{deployment}” was removed."),
    What.COURSE_CONNECTED: _("The course “{context}” became the class “{course}”."),
    What.COURSE_DISCONNECTED: _("The course “{context}” is the class “{course}” no more."),
    What.LINKS_PLACED: _("Links were placed in the course “{context}”: {count}."),
    What.LINK_LED: _("The link “{link}” in the course “{context}” was made to lead to “{target}”."),
    What.ACCOUNT_JOINED: _(
        "Somebody connected their account “{account}”. The one made for them, “{former}”, is closed."
    ),
    What.ACCOUNT_UNLINKED: _("The account “{account}” is opened from the platform no more."),
    What.ACCOUNT_MERGED: _("The account “{former}” was put together with “{kept}”, and is closed."),
    What.LAUNCH_REFUSED: _("A launch was refused: {code}. {detail}"),
    What.ROSTER_APPLIED: _("The members of “{context}” were taken over: {came} came, {changed} changed, {went} went."),
    What.ROSTER_STOPPED: _("The members of “{context}” were not taken over: {code}."),
    What.GRADES_SENT: _("Grades of “{assignment}” were sent: {count}."),
    What.GRADES_FAILED: _("Grades of “{assignment}” were not taken: {count}, because of {code}."),
}


def note(
    what: str,
    *,
    platform: Platform | None = None,
    actor: User | None = None,
    reference: str = "",
    now: datetime,
    **facts: Fact,
) -> AuditEntry:
    """Write down what happens, with the facts of its sentence. Raises ValueError for other words and other facts."""
    word = What(what)
    if set(facts) != facts_of(word):
        raise ValueError(f"{word.value} is told with {sorted(facts_of(word))}, not with {sorted(facts)}")
    kept = {name: value if isinstance(value, int) else str(value)[:MAX_FACT] for name, value in facts.items()}
    return AuditEntry.objects.create(
        at=now,
        what=word,
        platform=platform,
        platform_name=platform.name if platform else "",
        actor=actor,
        reference=reference,
        facts=kept,
    )


def note_refusal(error: EnvironmentsError, *, platform: Platform | None, reference: str, now: datetime) -> None:
    """Write down that somebody was not let in, and which check it was. Of a flood the log alone tells the rest."""
    if RefusalsNoted(str(platform.pk) if platform else "", now=now).seconds_to_wait():
        return
    note(
        What.LAUNCH_REFUSED,
        platform=platform,
        reference=reference,
        now=now,
        code=error.code,
        detail=error.detail or "",
    )


def facts_of(what: str) -> set[str]:
    """What a sentence has to be told with."""
    return {name for _text, name, _spec, _conversion in Formatter().parse(str(SENTENCES[what])) if name}


def kind_of(entry: AuditEntry) -> str:
    """Its word, in the reader's language."""
    return str(What(entry.what).label)


def sentence_of(entry: AuditEntry) -> str:
    """What happened, in the reader's language."""
    return str(SENTENCES[entry.what]).format_map(_Told(entry.facts)).strip()


def forget_old(*, now: datetime) -> None:
    """Delete what was noted more than `LTI_AUDIT_DAYS` ago."""
    if settings.LTI_AUDIT_DAYS:
        AuditEntry.objects.noted_before(now - timedelta(days=settings.LTI_AUDIT_DAYS)).delete()


class _Told(dict[str, Fact]):
    """The facts of an entry; a later sentence may ask for one that was not kept then."""

    def __missing__(self, name: str) -> str:
        return "–"
