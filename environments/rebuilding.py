"""Keeping the images of the catalog fresh: newer versions looked for and prepared, now or every so often.

People who launch an environment get the last version that could be prepared. Looking for a newer one changes that
only once its image is there; when it cannot be made, the row says why, for its owner to read, and nobody else is
disturbed. A worker's death loses nothing: what is due is asked for again every minute.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Coalesce

from environments import builds, references
from environments.backends import builder
from environments.errors import EnvironmentsError
from environments.git_credentials import resolve_for
from environments.models import Build, Environment, NotebookServer, Outcome, Rebuild
from environments.pinning import take_first
from environments.querysets import EnvironmentQuerySet
from environments.queueing import enqueue
from environments.servers import abandon_build
from environments.values import ResolvedRepository

logger = logging.getLogger(__name__)

INTERVALS = {Rebuild.DAILY: timedelta(days=1), Rebuild.WEEKLY: timedelta(weeks=1)}
MAX_LOOKS = 20
"""How many environments one round looks after: git hosts answer only so many questions an hour."""


class Freshness(StrEnum):
    """How soon somebody who launches an environment can work in it, as far as the rows know."""

    READY = "ready"
    PREPARING = "preparing"
    UNPREPARED = "unprepared"
    """Its image is made for whoever launches it first."""


def freshness_of(environment: Environment) -> Freshness:
    """How soon; a version that is being prepared beside one that is ready does not count."""
    if environment.has_image:
        return Freshness.READY
    return Freshness.PREPARING if environment.outcome == Outcome.PREPARING else Freshness.UNPREPARED


# --- Asking ------------------------------------------------------------------------------------------------


def rebuild(environment: Environment, *, now: datetime) -> None:
    """Look for the newest version and have its image made; nothing if that is under way already.

    Asks the repository's host, which may take some seconds. Raises whatever finding the repository raises.
    """
    prepare(environment, newest_version(environment, now=now), now=now)


def newest_version(environment: Environment, *, now: datetime) -> ResolvedRepository:
    """What the reference means now, to its owner; to anybody if it has none. Raises as `rebuild` does."""
    if environment.owner is None:
        return references.resolve(environment.reference)
    return resolve_for(environment.owner, environment.reference, now=now)


def prepare(environment: Environment, resolved: ResolvedRepository, *, now: datetime) -> None:
    """Have this version's image made and follow it, unless the environment was edited or deleted since it was read."""
    before = environment.build
    with transaction.atomic():
        key = builds.image_key_for(resolved, private_to=environment.owner_id)
        build = builds.request_build(key, resolved, requested_by=environment.owner, now=now)
        if not _of_reference(environment).update(**_asked_for(build, resolved.commit, now=now)):
            abandon_build(build, now=now)
            return
        if before is not None and before != build and before.is_active:
            abandon_build(before, now=now)
    environment.refresh_from_db()


def adopt(environment: Environment, server: NotebookServer, *, now: datetime) -> None:
    """Let the version this server is made from be the one people get, if there is none yet and once it is prepared.

    Somebody else's private version is not taken: its image is theirs alone.
    """
    if environment.commit or (server.is_private and server.image_for.pk != environment.owner_id):
        return
    made = Build.objects.filter(image_key=server.image_key, state=Build.State.SUCCEEDED)
    build = server.build or made.order_by("-finished_at").first()
    if build is None:
        return
    unmade = _of_reference(environment).filter(commit="").exclude(outcome=Outcome.PREPARING)
    if unmade.update(**_asked_for(build, server.commit, now=now)):
        environment.refresh_from_db()
        settle(environment, now=now)


def enqueue_due_work(*, now: datetime) -> None:
    """Ask workers to look after the environments whose turn it is, and after those whose build has ended."""
    ended = Environment.objects.filter(outcome=Outcome.PREPARING).exclude(build__state__in=Build.ACTIVE)
    for key in ended.values_list("pk", flat=True):
        enqueue("settle_environment", key)
    for key in _due(now).order_by("looked_at").values_list("pk", flat=True)[:MAX_LOOKS]:
        enqueue("rebuild_environment", key)


# --- Carrying out ------------------------------------------------------------------------------------------


def rebuild_if_due(environment: Environment, *, now: datetime) -> None:
    """Do what `rebuild` does if it is time for it, unless the same version is there already. Raises nothing.

    What goes wrong is written down for the owner; it is tried again when it is due again.
    """
    if not _due(now).filter(pk=environment.pk).update(looked_at=now):
        return  # Another worker was quicker, or somebody changed when it is due.
    try:
        resolved = newest_version(environment, now=now)
        key = builds.image_key_for(resolved, private_to=environment.owner_id)
        if key == environment.image_key and builder().find(key):
            unchanged = {"outcome": Outcome.UNCHANGED, "outcome_at": now, "has_image": True}
            _of_reference(environment).update(newest_commit=resolved.commit, **unchanged, **_NO_FAILURE)
        else:
            prepare(environment, resolved, now=now)
    except EnvironmentsError as error:
        logger.info("environment %s could not be looked after: %s", environment.pk, error)
        failed = {"outcome": Outcome.FAILED, "outcome_at": now}
        _of_reference(environment).update(failure_code=error.code, failure_facts=error.facts, **failed)


def settle(environment: Environment, *, now: datetime) -> None:
    """Take over what came of its build, once that has ended. Safe to repeat."""
    build = environment.build
    if environment.outcome != Outcome.PREPARING or (build is not None and build.is_active):
        return
    ours = Environment.objects.filter(pk=environment.pk, build=build, outcome=Outcome.PREPARING)
    if build is None:
        changes: dict[str, Any] = {"outcome": Outcome.NONE}
    elif build.state == Build.State.SUCCEEDED:
        is_same = environment.has_image and build.image_key == environment.image_key
        changes = {"outcome": Outcome.UNCHANGED} if is_same else {"outcome": Outcome.MADE, **_made_by(build)}
    else:
        failure = {"failure_code": build.failure_code or "build_cancelled", "failure_facts": build.failure_facts}
        changes = {"outcome": Outcome.FAILED, **failure}
    if ours.update(outcome_at=now, **changes):
        environment.refresh_from_db()
        if environment.is_held:
            take_first(environment, now=now)


# --- Steps -------------------------------------------------------------------------------------------------

_NO_FAILURE: dict[str, Any] = {"failure_code": "", "failure_facts": {}}


def _asked_for(build: Build, commit: str, *, now: datetime) -> dict[str, Any]:
    return {
        "build": build,
        "newest_commit": commit,
        "looked_at": now,
        "outcome": Outcome.PREPARING,
        "outcome_at": now,
        **_NO_FAILURE,
    }


def _made_by(build: Build) -> dict[str, Any]:
    return {
        "repository_url": build.repository_url,
        "commit": build.commit,
        "is_private": build.is_private,
        "image_key": build.image_key,
        "has_image": True,
        "made_at": build.finished_at,
        "made_by": build.requested_by,
        "builder": build.builder,
        "builder_version": builder().version,
    }


def _of_reference(environment: Environment) -> EnvironmentQuerySet:
    """This environment, unless it was deleted or made one of something else since it was read."""
    return Environment.objects.filter(
        pk=environment.pk,
        provider=environment.provider,
        repository=environment.repository,
        ref=environment.ref,
    )


def _due(now: datetime) -> EnvironmentQuerySet:
    turns = Q()
    for rebuild_every, interval in INTERVALS.items():
        turns |= Q(rebuild=rebuild_every, last_look__lte=now - interval)
    idle = Environment.objects.used_lately(now=now).exclude(outcome=Outcome.PREPARING)
    return idle.alias(last_look=Coalesce("looked_at", "created_at")).filter(turns)
