"""Learning platforms as whoever runs this Carrel knows them: added, approved, switched off, removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Case, Exists, Max, OuterRef, Subquery, When

from accounts.models import User
from lti import audit
from lti.audit import What
from lti.course_states import troubled
from lti.errors import LtiError
from lti.keys import make_first_key, rotate
from lti.models import AuditEntry, Context, Deployment, KeyPair, LtiPerson, Platform, UnknownDeployment
from lti.querysets import PlatformQuerySet, counted

MAX_UNKNOWN = 20
"""How many places nobody has approved are remembered of a platform."""


def with_figures(*, now: datetime) -> PlatformQuerySet:
    """All of them, those that wait first; each with who came from it, which of its courses are classes here, and what
    somebody has to look at: `outlet` with what keeps grades from leaving, and courses in trouble.
    """
    of_it = OuterRef("pk")
    people = LtiPerson.objects.filter(platform=of_it).order_by().values("platform")
    courses = Context.objects.filter(deployment__platform=of_it).exclude(course=None).order_by()
    unknown = UnknownDeployment.objects.filter(platform=of_it).order_by().values("platform")
    refused = AuditEntry.objects.filter(platform=of_it, what=What.LAUNCH_REFUSED).order_by("-at", "-id")
    keys = KeyPair.objects.signing(now).filter(platform=of_it).order_by()
    is_waiting = Case(When(state=Platform.State.PENDING, then=0), default=1)
    figures = Platform.objects.annotate(
        people_count=counted(people),
        last_seen_at=Subquery(people.annotate(last=Max("last_seen_at")).values("last")),
        course_count=counted(courses.values("deployment__platform")),
        troubled_count=counted(troubled().filter(deployment__platform=of_it).order_by().values("deployment__platform")),
        can_sign=Exists(keys),
        unknown_count=counted(unknown),
        last_refused_at=Subquery(refused.values("at")[:1]),
        last_refusal=Subquery(refused.values("facts__code")[:1]),
    )
    return figures.select_related("outlet").order_by(is_waiting, "name", "created_at")


@transaction.atomic
def add_platform(platform: Platform, *, by: User | None = None, now: datetime, deployment_id: str = "") -> Platform:
    """Keep a platform that was described by hand, with a key of ours towards it. Raises LtiError `platform_known`."""
    platform.created_at = now
    _save(platform)
    make_first_key(platform, now=now)
    if deployment_id:
        platform.deployments.create(deployment_id=deployment_id, created_at=now)
    audit.note("platform_added", platform=platform, actor=by, now=now)
    return platform


@transaction.atomic
def change(platform: Platform, facts: Mapping[str, object], *, by: User, now: datetime) -> None:
    """Describe it otherwise. Raises LtiError `platform_known`.

    Nothing but what is described is kept: somebody else may switch it off in the same moment.
    """
    changed = [name for name, value in facts.items() if getattr(platform, name) != value]
    if not changed:
        return
    for name in changed:
        setattr(platform, name, facts[name])
    _save(platform, changed)
    audit.note("platform_changed", platform=platform, actor=by, now=now, fields=", ".join(changed))


@transaction.atomic
def move(platform: Platform, to: Platform.State, *, by: User, now: datetime) -> None:
    """Approve it, switch it off, or on again. Raises LtiError `platform_moved` where it is not that way any more."""
    before = [state for state, following in Platform.MOVES.items() if to in following]
    if Platform.objects.filter(pk=platform.pk, state__in=before).update(state=to) != 1:
        raise LtiError("platform_moved", platform=platform.name)
    platform.state = to
    make_first_key(platform, now=now)
    what = "platform_approved" if platform.is_active else "platform_disabled"
    audit.note(what, platform=platform, actor=by, now=now)


@transaction.atomic
def renew_key(platform: Platform, *, by: User, now: datetime) -> KeyPair:
    """Publish a new key of ours towards it. Raises LtiError `key_waits` while the last one does not sign yet."""
    Platform.objects.select_for_update().get(pk=platform.pk)  # Of two at once, one waits and is refused.
    if platform.key_pairs.filter(signs_from__gt=now).exists():
        raise LtiError("key_waits")
    return rotate(platform, by=by, now=now)


@transaction.atomic
def remove(platform: Platform, *, by: User, now: datetime) -> None:
    """Forget it, if nothing has come from it. Raises LtiError `platform_used`."""
    Platform.objects.select_for_update().get(pk=platform.pk)
    if has_been_used(platform):
        raise LtiError("platform_used", platform=platform.name)
    audit.note("platform_removed", platform=platform, actor=by, now=now)
    platform.delete()


def has_been_used(platform: Platform) -> bool:
    """Whether anybody, or any course, has come from it."""
    return platform.people.exists() or Context.objects.filter(deployment__platform=platform).exists()


@transaction.atomic
def approve_deployment(platform: Platform, deployment_id: str, *, by: User, now: datetime) -> Deployment:
    """Let launches come from this place of it."""
    deployment, is_new = platform.deployments.get_or_create(deployment_id=deployment_id, defaults={"created_at": now})
    platform.unknown_deployments.filter(deployment_id=deployment_id).delete()
    if is_new:
        audit.note("deployment_approved", platform=platform, actor=by, now=now, deployment=deployment_id)
    return deployment


@transaction.atomic
def withdraw_deployment(deployment: Deployment, *, by: User, now: datetime) -> None:
    """Let none come from there any more. Raises LtiError `deployment_used` where courses have come from it."""
    Deployment.objects.select_for_update().get(pk=deployment.pk)
    if deployment.contexts.exists():
        raise LtiError("deployment_used", deployment=deployment.deployment_id)
    platform, deployment_id = deployment.platform, deployment.deployment_id
    deployment.delete()
    audit.note("deployment_removed", platform=platform, actor=by, now=now, deployment=deployment_id)


def note_unknown_deployment(platform: Platform, deployment_id: str, *, now: datetime) -> None:
    """Remember where a launch that was signed came from, for whoever may approve it. The latest ones are kept."""
    platform.unknown_deployments.update_or_create(deployment_id=deployment_id, defaults={"last_tried_at": now})
    latest = platform.unknown_deployments.values_list("pk", flat=True)[:MAX_UNKNOWN]
    platform.unknown_deployments.exclude(pk__in=list(latest)).delete()


def _save(platform: Platform, changed: Sequence[str] | None = None) -> None:
    """All of it, or what has changed of it."""
    try:
        with transaction.atomic():
            platform.save(update_fields=changed)
    except IntegrityError as error:
        raise LtiError("platform_known") from error
