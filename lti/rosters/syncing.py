"""Bringing the people of a class together with the list that its platform keeps of them: whole, or not at all.

A teacher has it read, sees what it would do, and says that it is right; after a teacher has come from the course, and
every night, it is read and done without anybody looking, unless so many would go that somebody has to.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from accounts.models import User
from classes.members import check_going_on
from environments.errors import EnvironmentsError
from environments.queueing import enqueue
from lti import audit
from lti.errors import LtiError
from lti.models import Context, Platform, Roster
from lti.rosters import rows
from lti.rosters.pages import Listed
from lti.rosters.plan import Outcome, Plan
from lti.rosters.reading import read_list

logger = logging.getLogger(__name__)

TASK = "lti.tasks.sync_roster"
LEASE = timedelta(minutes=5)
"""Longer than a worker may take for it."""
SECONDS_BESIDE_A_PERSON = 20
SECONDS_ALONE = 120
KEPT = timedelta(hours=1)
"""For how long a list waits for a teacher."""
AFTER_A_LAUNCH = timedelta(minutes=15)
AT_NIGHT = timedelta(hours=18)
"""How long ago it must have been asked for to be asked for again, after a launch and at night."""
PASSING = ("roster_busy", "roster_moved", "roster_stale", "platform_inactive")
"""What is told to whoever asks, and not kept."""
MAX_AT_ONCE = 25
"""For how many courses one round of a night asks."""


# --- A teacher looks -----------------------------------------------------------------------------------------


def look(context: Context, *, now: datetime) -> Plan:
    """Read the list, and keep it for an hour for a teacher to look at; nothing else changes.

    Asks the platform, which may take some seconds. Raises what `check_may_sync` and `read_list` raise, which is
    written down, and LtiError `roster_busy` while somebody else reads it.
    """
    with _writing_down(context, now=now), _leased(context, now=now):
        listed = read_list(context, seconds=SECONDS_BESIDE_A_PERSON, now=now)
        kept = [asdict(one) for one in listed]
        Roster.objects.filter(context=context).update(listed=kept, listed_at=now)
    return rows.plan_of(context, listed, read_at=now)


def waiting_plan(context: Context, *, now: datetime) -> Plan:
    """What the list that waits would do to the class as it is now. Raises LtiError `roster_stale`."""
    roster = Roster.objects.filter(context=context).first()
    listed, read_at = _waiting(context, roster, now=now)
    return rows.plan_of(context, listed, read_at=read_at)


def take_over(context: Context, *, seen: str, is_confirmed: bool = False, by: User, now: datetime) -> Plan:
    """Do what the page with this fingerprint showed, and nothing else. Done once: whoever comes second is told.

    Raises LtiError `roster_stale`, `roster_moved` where it would not do the same any more, `roster_held` where so many
    would go that it has to be confirmed, and what `check_may_sync` raises; then nothing has changed.
    """
    with _all_or_nothing(context) as roster:
        current = roster.context
        check_may_sync(current)
        listed, read_at = _waiting(current, roster, now=now)
        plan = rows.plan_of(current, listed, read_at=read_at)
        if plan.fingerprint != seen:
            raise LtiError("roster_moved")
        if plan.is_held and not is_confirmed:
            raise _held(current, plan)
        _carry_out(roster, plan, listed, by=by, now=now)
    return plan


# --- Nobody looks --------------------------------------------------------------------------------------------


def sync(context: Context, *, now: datetime) -> None:
    """Read the list and do what it says, if nobody has to say first that it is right. How it went is written down.

    Safe to break off and to run twice.
    """
    try:
        with _writing_down(context, now=now), _leased(context, now=now):
            listed = read_list(context, seconds=SECONDS_ALONE, now=now)
            _do(context, listed, now=now)
    except EnvironmentsError as error:
        logger.info("no news of the people of %s: %s", context.pk, error)


def wish(context: Context, *, now: datetime) -> None:
    """Have the list read soon, since somebody who teaches has come from the course; not again and again."""
    if context.course is not None and context.memberships_url:
        _ask_for(context, before=now - AFTER_A_LAUNCH, now=now)


def sync_at_night(*, now: datetime) -> None:
    """Ask for the lists of some classes whose turn it is, the longest ago first; the rest come in later rounds."""
    going_on = Context.objects.filter(course__deleted_at=None, course__archived_at=None).exclude(course=None)
    asking = going_on.filter(deployment__platform__state=Platform.State.ACTIVE).exclude(memberships_url="")
    due = asking.filter(Q(roster=None) | Q(roster__tried_at=None) | Q(roster__tried_at__lte=now - AT_NIGHT))
    for context in due.order_by(F("roster__tried_at").asc(nulls_first=True), "pk")[:MAX_AT_ONCE]:
        _ask_for(context, before=now - AT_NIGHT, now=now)


def forget_lists(*, now: datetime) -> None:
    """Remove the lists that waited for a teacher for too long: there are names in them."""
    Roster.objects.filter(listed_at__lte=now - KEPT).update(listed=[], listed_at=None)


# --- Steps ---------------------------------------------------------------------------------------------------


def check_may_sync(context: Context) -> None:
    """Raise LtiError `platform_inactive` and `roster_nowhere`, CourseError `course_over` and `course_deleted`.

    For a course that is no class any more, LtiError `roster_stale`.
    """
    platform = context.deployment.platform
    if context.course is None:
        raise LtiError("roster_stale", platform=platform.name)
    check_going_on(context.course)
    if not platform.is_active:
        raise LtiError("platform_inactive", platform=platform.name)
    if not context.memberships_url:
        raise LtiError("roster_nowhere", platform=platform.name)


def is_kept(error: EnvironmentsError) -> bool:
    """Whether it is written down with the course until its list has been taken over."""
    return isinstance(error, LtiError) and error.code not in PASSING


def _ask_for(context: Context, *, before: datetime, now: datetime) -> None:
    roster, is_new = Roster.objects.get_or_create(context=context, defaults={"tried_at": now})
    as_long_ago = Roster.objects.filter(Q(tried_at=None) | Q(tried_at__lte=before), pk=roster.pk)
    if is_new or as_long_ago.update(tried_at=now):
        enqueue(TASK, context.pk)


def _do(context: Context, listed: Sequence[Listed], *, now: datetime) -> None:
    with _all_or_nothing(context) as roster:
        current = roster.context
        check_may_sync(current)
        plan = rows.plan_of(current, listed, read_at=now)
        if plan.is_held:
            raise _held(current, plan)
        _carry_out(roster, plan, listed, now=now)


def _waiting(context: Context, roster: Roster | None, *, now: datetime) -> tuple[list[Listed], datetime]:
    """The list that a teacher has had read, and when that was."""
    if roster is None or roster.listed_at is None or roster.listed_at <= now - KEPT:
        raise LtiError("roster_stale", platform=context.deployment.platform.name)
    return [Listed(**one | {"roles": tuple(one["roles"])}) for one in roster.listed], roster.listed_at


def _carry_out(roster: Roster, plan: Plan, listed: Sequence[Listed], *, by: User | None = None, now: datetime) -> None:
    rows.carry_out(roster.context, plan, listed, now=now)
    counts = {outcome.value: plan.counts[outcome] for outcome in Outcome} | {"listed": plan.listed}
    Roster.objects.filter(pk=roster.pk).update(
        completed_at=now,
        counts=counts,
        failed_at=None,
        failure_code="",
        failure_facts={},
        listed=[],
        listed_at=None,
    )
    _note_changes(roster.context, plan, by=by, now=now)


def _note_changes(context: Context, plan: Plan, *, by: User | None, now: datetime) -> None:
    if not plan.changes:
        return
    audit.note(
        audit.What.ROSTER_APPLIED,
        platform=context.deployment.platform,
        actor=by,
        now=now,
        context=str(context),
        came=plan.counts[Outcome.COMES] + plan.counts[Outcome.RETURNS],
        changed=plan.counts[Outcome.RISES],
        went=plan.goes,
    )


def _held(context: Context, plan: Plan) -> LtiError:
    name = context.deployment.platform.name
    return LtiError("roster_held", platform=name, missing=plan.goes, present=plan.present)


@contextmanager
def _all_or_nothing(context: Context) -> Iterator[Roster]:
    """The row of the course, as it is now and nobody else's until this is done.

    Raises LtiError `roster_moved` where somebody came from the platform in this very moment.
    """
    try:
        with transaction.atomic():
            locked = Roster.objects.select_for_update(of=("self",)).filter(context=context)
            roster = locked.select_related("context__course", "context__deployment__platform").first()
            if roster is None:
                raise LtiError("roster_stale", platform=context.deployment.platform.name)
            yield roster
    except IntegrityError as error:
        raise LtiError("roster_moved") from error


@contextmanager
def _writing_down(context: Context, *, now: datetime) -> Iterator[None]:
    """Keep what went wrong, to be shown until the list has been taken over. That it is being read is nothing wrong."""
    Roster.objects.get_or_create(context=context)
    try:
        check_may_sync(context)
        yield
    except LtiError as error:
        if is_kept(error):
            _note_failure(context, error, now=now)
        raise


def _note_failure(context: Context, error: LtiError, *, now: datetime) -> None:
    of_course = Roster.objects.filter(context=context)
    is_news = not of_course.filter(failure_code=error.code).exists()
    of_course.update(failed_at=now, failure_code=error.code, failure_facts=error.facts)
    if is_news:
        platform = context.deployment.platform
        audit.note(audit.What.ROSTER_STOPPED, platform=platform, now=now, context=str(context), code=error.code)


@contextmanager
def _leased(context: Context, *, now: datetime) -> Iterator[None]:
    """Be the only one who reads the list. A worker that was killed is waited for until its lease is over."""
    until = now + LEASE
    of_course = Roster.objects.filter(context=context)
    if not of_course.filter(Q(lease_expires_at=None) | Q(lease_expires_at__lte=now)).update(lease_expires_at=until):
        raise LtiError("roster_busy", platform=context.deployment.platform.name)
    of_course.update(tried_at=now)
    try:
        yield
    finally:
        of_course.filter(lease_expires_at=until).update(lease_expires_at=None)
