"""Updating a server in place: another image and other limits, the same files, and a way back.

Asked for by a person, carried out by a worker. The new image is made while the server goes on as it is; only once it
is there is a server that runs stopped, then switched in one conditional update, and started again. Whoever dies in
between leaves rows that say what is still to be done, and the reconciler has another go on with it. What is new in
the image comes into the files at the next start (refreshing.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.utils import timezone

from environments import builds
from environments.backends import builder
from environments.credentials import check_alone
from environments.errors import UserError
from environments.git_credentials import resolve_for
from environments.live import announce_server
from environments.models import Build, NotebookServer, Update
from environments.models.target import columns_of
from environments.mounts import with_mounts, with_these_mounts, write_wishes
from environments.queueing import enqueue
from environments.quotas import check_wishes
from environments.servers import abandon_build, prepare_server, start_server, state_conflict
from environments.values import LaunchSpec, Limits, MountWish, ResolvedRepository, Target

logger = logging.getLogger(__name__)

VERSION = ("provider", "repository", "ref", "repository_url", "commit", "is_private", "image_owner_id", "image_key")
"""The columns that say which version a server is made from; each has a twin for the version before."""

Clock = Callable[[], datetime]
State = NotebookServer.State


class Stage(StrEnum):
    """Where a server stands between its version and a newer one."""

    UNKNOWN = "unknown"
    """Nobody has looked for a newer version yet."""
    UP_TO_DATE = "up_to_date"
    AVAILABLE = "available"
    PREPARING = "preparing"
    """The image of the new version is being made; the server goes on as it is."""
    SWITCHING = "switching"
    FAILED = "failed"
    """The image could not be made; the server is as it was."""


def stage_of(server: NotebookServer) -> Stage:
    """Where it stands."""
    update = server.pending_update
    if update is not None:
        return Stage.FAILED if update.failure_code else Stage.SWITCHING if update.was_running else Stage.PREPARING
    if not server.newest_commit:
        return Stage.UNKNOWN
    return Stage.AVAILABLE if server.has_newer else Stage.UP_TO_DATE


# --- Asking ------------------------------------------------------------------------------------------------


def check_for_update(server: NotebookServer, *, now: datetime) -> Target:
    """What the server would be if it were launched now; remembers the commit, so that its page can offer it.

    Asks the repository's host, which may take some seconds, and fetches nothing. Raises whatever finding the
    repository raises, and UserError `version_of_group` where only somebody else's credential finds it: which version
    their group gets is theirs to say.
    """
    if server.follows_group:
        raise UserError("version_of_group")
    resolved = resolve_for(server.owner, server.reference, now=now)
    NotebookServer.objects.filter(pk=server.pk).update(newest_commit=resolved.commit, looked_at=now)
    server.newest_commit, server.looked_at = resolved.commit, now
    announce_server(server)
    return server.target.made_from(resolved)


def becoming(server: NotebookServer) -> Target:
    """What the server is, or is about to be."""
    update = server.pending_update
    return update.target if update is not None and not update.failure_code else server.target


def would_change(server: NotebookServer, spec: LaunchSpec) -> bool:
    """Whether this launch asks for something that the server is not, nor is about to become. Asks nobody.

    A copy to try is taken as it is: it will not last.
    """
    if server.is_throwaway:
        return False
    target = becoming(server)
    return _with_wishes(target, spec) != target or not set(spec.mounts) <= set(target.mounts)


def target_of_launch(
    server: NotebookServer,
    spec: LaunchSpec,
    resolved: ResolvedRepository | None = None,
    *,
    without: Collection[str] = (),
) -> Target:
    """What the server would be by this launch: what the launch leaves open stays as it is.

    `resolved` is what the launch's reference means now; it is needed where that is another reference than the
    server's, which otherwise keeps its commit. The mounts at the paths `without` are taken out first; where there is
    none, nothing is. Raises what `mounts.check_mounts` raises of mounts it does not have.
    """
    target = _with_wishes(becoming(server), spec)
    left = [wish for wish in target.mounts if wish.path not in without]
    target = replace(target, mounts=tuple(with_mounts(server, left, spec.mounts)))
    return target if resolved is None else target.made_from(resolved)


def target_with_mounts(server: NotebookServer, wishes: Sequence[MountWish]) -> Target:
    """What the server would be with these shared files and no others.

    Raises what `mounts.check_mounts` raises of mounts it does not have.
    """
    target = becoming(server)
    return replace(target, mounts=tuple(with_these_mounts(server, target.mounts, wishes)))


def needs_start(server: NotebookServer, target: Target) -> bool:
    """Whether only another start can make the server this; other minutes hold at once."""
    is_same = _is_same_version(server, target) and _started_with(target) == _started_with(server.target)
    return not is_same


def update_server(
    server: NotebookServer, target: Target, *, now: datetime, wakes: bool = False, is_return: bool = False
) -> None:
    """Have the server become this, keeping its files; nothing if it is that already or on its way to it.

    Another path to open or other minutes hold at once. For another commit, other limits, other mounts or a key, a
    server that runs is started anew, as soon as there is an image; one that does not run stays asleep, unless this
    `wakes` it. Where it `is_return` to an earlier version, the files stay as they are. Asking for what it is takes back
    what was asked before. Raises UserError `state_conflict` for a server on its way up or down,
    `credentials_shared` for a key in one that others may enter, and `…_quota_exceeded` for what its owner may never
    have.
    """

    def is_done() -> bool:
        update = server.pending_update
        return not (update and update.failure_code) and (update or server).target == target

    if is_done():
        return
    check_alone(with_credentials=target.with_credentials, has_company=server.collaborators.exists())
    if not server.can_update:
        raise state_conflict(server)
    check_wishes(
        server.owner,
        limits=target.limits,
        idle_minutes=target.idle_minutes,
        lifetime_minutes=target.lifetime_minutes,
        group=server.group_id,
    )
    is_same_version = _is_same_version(server, target)
    whose = target.image_owner_id or server.owner_id
    image_key = server.image_key if is_same_version else builds.image_key_for(target.resolved, private_to=whose)
    try:
        if needs_start(server, target):
            is_rollback = is_return and not is_same_version
            update = _update_to(target, image_key=image_key, was_running=wakes, is_rollback=is_rollback)
            _set_off(server, update, now=now)
        else:
            _put_in_place(server, None, columns_of(target), now=now)
    except _ChangedMeanwhile as error:
        if not is_done():
            raise state_conflict(server) from error


def wake_as(server: NotebookServer, target: Target, *, now: datetime, is_return: bool = False) -> None:
    """Have a server that sleeps become this and then start; just start, if it is this already.

    If its new image cannot be made, it starts as it is. Raises what `update_server` raises.
    """
    if not server.can_start:
        raise state_conflict(server)
    update_server(server, target, now=now, wakes=True, is_return=is_return)
    if server.pending_update is None:
        start_server(server, now=now)
    elif Update.objects.filter(pk=server.pending_update.pk, was_running=False).update(was_running=True):
        enqueue("update_server", server.pk)  # It was to become this in its sleep.


def roll_back(server: NotebookServer, *, now: datetime) -> None:
    """Have the server made from the version before again. Its files stay as they are; nothing is merged backwards.

    Raises UserError `no_version_before`, or `state_conflict` for a server that is on its way up or down.
    """

    def is_done() -> bool:
        update = server.pending_update
        return update is not None and update.is_rollback and not update.failure_code

    if is_done():
        return
    if not server.previous_image_key:
        raise UserError("no_version_before")
    if not server.can_update:
        raise state_conflict(server)
    before = {name: getattr(server, f"previous_{name}") for name in VERSION}
    try:
        _set_off(server, _update_to(server.target, **before, is_rollback=True), now=now)
    except _ChangedMeanwhile as error:
        if not is_done():
            raise state_conflict(server) from error


def cancel_update(server: NotebookServer, *, now: datetime) -> None:
    """Let the server stay what it is; nothing if it was to become nothing else.

    Raises UserError `state_conflict` for a server that is on its way up or down, be it for this update.
    """
    if server.pending_update is None:
        return
    if not server.can_update:
        raise state_conflict(server)
    try:
        _put_in_place(server, None, {}, now=now)
    except _ChangedMeanwhile as error:
        if server.pending_update is not None:
            raise state_conflict(server) from error


def enqueue_waiting_updates() -> None:
    """Ask workers to go on with every update that waits for nothing any more."""
    due = NotebookServer.objects.present().filter(pending_update__failure_code="", state__in=NotebookServer.UPDATABLE)
    for server in due.exclude(pending_update__build__state__in=Build.ACTIVE):
        enqueue("update_server", server.pk)


# --- Carrying out ------------------------------------------------------------------------------------------


def carry_out_update(server: NotebookServer, *, clock: Clock = timezone.now) -> None:
    """Go one step on with what the server is to become, if one can be taken now. Safe to repeat at any moment."""
    update = server.pending_update
    if update is None or update.failure_code or server.state not in server.UPDATABLE:
        return
    if not _has_image(server, update, now=clock()):
        return
    if server.state == State.RUNNING:
        _stop(server, update, now=clock())
    else:
        _switch(server, update, now=clock())


# --- Steps -------------------------------------------------------------------------------------------------


def _with_wishes(target: Target, spec: LaunchSpec) -> Target:
    """What to open is no wish about the server: each link opens its own file. Another repository has others."""
    limits = Limits(
        memory_mb=spec.limits.memory_mb or target.limits.memory_mb, cpus=spec.limits.cpus or target.limits.cpus
    )
    is_elsewhere = spec.reference.repository != target.reference.repository
    return replace(
        target,
        reference=spec.reference,
        urlpath=spec.urlpath if is_elsewhere else target.urlpath,
        limits=limits,
        idle_minutes=spec.idle_minutes or target.idle_minutes,
        lifetime_minutes=spec.lifetime_minutes or target.lifetime_minutes,
        with_credentials=spec.with_credentials or target.with_credentials,
    )


def _started_with(target: Target) -> tuple[Limits, bool, tuple[MountWish, ...]]:
    """What only another start can change."""
    return target.limits, target.with_credentials, target.mounts


def _update_to(target: Target, **columns: Any) -> Update:
    """An update that is not stored yet, to this but for these columns."""
    mounts = [[wish.volume, wish.path, wish.read_only] for wish in target.mounts]
    return Update(**{**columns_of(target), "mounts": mounts, **columns})


class _ChangedMeanwhile(Exception):
    """Somebody else was quicker; the server has been read again."""


def _is_same_version(server: NotebookServer, target: Target) -> bool:
    """Whether the server's image is the target's too; a repository that was only renamed needs no other."""
    is_same_place = target.url == server.repository_url or target.reference == server.reference
    return target.commit == server.commit and is_same_place


def _set_off(server: NotebookServer, update: Update, *, now: datetime) -> None:
    """Write down what the server is to become, and have its image made if no row knows of it."""
    update.requested_at = now
    with transaction.atomic():
        if update.image_key != server.image_key and not builds.was_built(update.image_key):
            update.build = _request_build(server, update, now=now)
        update.save()
        _put_in_place(server, update, {}, now=now)
        enqueue("update_server", server.pk)


def _put_in_place(server: NotebookServer, update: Update | None, changes: dict[str, Any], *, now: datetime) -> None:
    """Put another update, or none, in the place of the one the server has. Raises _ChangedMeanwhile."""
    before = server.pending_update
    unchanged = NotebookServer.objects.present().filter(pending_update=before)
    try:
        with transaction.atomic():
            if not unchanged.change(server, pending_update=update, **changes):
                raise _ChangedMeanwhile
            if before is not None:
                Update.objects.filter(pk=before.pk).delete()
            if before is not None and before.build is not None:
                abandon_build(before.build, now=now)
            announce_server(server)
    except _ChangedMeanwhile:
        server.refresh_from_db()
        raise


def _has_image(server: NotebookServer, update: Update, *, now: datetime) -> bool:
    """Whether its image is there. If not, and it is not being made, it is asked for, or the update has failed."""
    build = update.build
    if build is not None and build.is_active:
        return False
    if builder().find(update.image_key):
        return True
    if build is None or build.state == Build.State.SUCCEEDED:  # It was there, and has been removed since.
        with transaction.atomic():
            again = _request_build(server, update, now=now)
            Update.objects.filter(pk=update.pk, build=build).update(build=again)
    else:
        _fail(server, update, build, now=now)
    return False


def _request_build(server: NotebookServer, update: Update, *, now: datetime) -> Build:
    whose = update.image_owner or server.owner
    return builds.request_build(update.image_key, update.resolved, requested_by=whose, now=now)


def _fail(server: NotebookServer, update: Update, build: Build, *, now: datetime) -> None:
    """Leave the server what it is, and say why."""
    code = build.failure_code or "build_cancelled"
    logger.info("server %s stays as it is: build %s ended with %s", server.pk, build.pk, code)
    with transaction.atomic():
        failure = {"failure_code": code, "failure_facts": build.failure_facts, "was_running": False}
        if not Update.objects.filter(pk=update.pk, failure_code="").update(**failure):
            return
        if update.was_running:  # Its image was there when the server was stopped, and was removed since.
            start_server(server, now=now)
        announce_server(server)


def _stop(server: NotebookServer, update: Update, *, now: datetime) -> None:
    """Have a running server stopped, and remember that it ran."""
    ours = NotebookServer.objects.present().filter(pending_update=update)
    with transaction.atomic():
        if not ours.move(server, State.STOPPING, now=now, lease_expires_at=None):
            return
        Update.objects.filter(pk=update.pk).update(was_running=True)
        enqueue("stop_server", server.pk)
        announce_server(server)


def _switch(server: NotebookServer, update: Update, *, now: datetime) -> None:
    """Make the server, which does not run, what it is to become; start it if it was stopped for that."""
    changes = {
        **columns_of(update.target),
        **(_version_changes(server, update, now=now) if update.image_key != server.image_key else {}),
        "pending_update": None,
        "failure_code": "",
        "failure_facts": {},
        "failure_log": "",
        "start_attempts": 0,
    }
    ours = NotebookServer.objects.present().filter(pending_update=update)
    with transaction.atomic():
        if update.was_running:
            is_switched = ours.move(server, State.QUEUED, now=now, **changes)
        elif server.state == State.FAILED:
            is_switched = ours.move(server, State.STOPPED, now=now, **changes)
        else:
            is_switched = ours.change(server, **changes)
        if not is_switched:
            return
        if update.wishes != server.wishes:
            write_wishes(server, update.wishes)
        Update.objects.filter(pk=update.pk).delete()
        if update.was_running:
            prepare_server(server, now=now)
        announce_server(server)


def _version_changes(server: NotebookServer, update: Update, *, now: datetime) -> dict[str, Any]:
    return {
        **_version_before(server, update),
        **_newest_known(server, update),
        "image_key": update.image_key,
        "build": update.build,
        "version_since": now,
        "is_rolled_back": update.is_rollback,
        "merge_report": {},
    }


_NOTHING: dict[str, bool | None] = {"is_private": False, "image_owner_id": None}
"""How these columns say that there is no version before; the others are empty."""


def _version_before(server: NotebookServer, update: Update) -> dict[str, Any]:
    """What the server can go back to afterwards: what it ran last, as far as it ever ran what it is now."""
    if update.is_rollback:
        return {f"previous_{name}": _NOTHING.get(name, "") for name in VERSION}
    has_run = server.started_at is not None and server.started_at >= server.version_since
    return {f"previous_{name}": getattr(server, name) for name in VERSION if has_run}


def _newest_known(server: NotebookServer, update: Update) -> dict[str, Any]:
    """What is known of newer versions afterwards: the update itself is the newest, unless somebody looked since."""
    is_same = update.reference == server.reference
    has_looked_since = server.looked_at is not None and server.looked_at > update.requested_at
    if is_same and (update.is_rollback or has_looked_since):
        return {}
    if update.is_rollback:
        return {"newest_commit": "", "looked_at": None}
    return {"newest_commit": update.commit, "looked_at": update.requested_at}
