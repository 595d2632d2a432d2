"""Brings rows and reality together again, whatever died in between. Runs every few seconds; safe to repeat.

The engine is the truth about what runs; the rows are the truth about what is wanted.
"""

from __future__ import annotations

import logging
from datetime import datetime

from environments import builds, credentials, ledger, measuring
from environments.backends import sandbox, spawner
from environments.bringing import enqueue_waiting_material
from environments.errors import SystemFailure, UserError
from environments.giving import enqueue_waiting_gifts
from environments.live import announce_server
from environments.models import Build, NotebookServer, SharedVolume
from environments.mounts import grace_period, withdrawn_mounts
from environments.places import enqueue_waiting_starts
from environments.queueing import enqueue
from environments.servers import follow_build, stop_server
from environments.shared_volumes import purge_shared_volume
from environments.source_trees import enqueue_waiting_trees
from environments.starting import MAX_FAILURE_LOG
from environments.stopping import purge_server, throw_away_copies
from environments.updating import enqueue_waiting_updates
from environments.values import Handle, Liveness

logger = logging.getLogger(__name__)

MAX_REMOVED = 20
"""Of how many servers one round removes what is left: an engine may take a fifth of a second for each."""

State = NotebookServer.State


def reconcile(*, now: datetime) -> None:
    """One round: dead workers' builds and starts, dead servers, orphans, whatever waits, updates among it."""
    _end_interrupted_builds(now)
    _follow_ended_builds(now)
    _resume_abandoned_work(now)
    _end_withdrawn_access(now)
    builds.enqueue_waiting_builds()
    enqueue_waiting_starts()
    enqueue_waiting_updates()
    enqueue_waiting_trees(now=now)
    enqueue_waiting_material(now=now)
    enqueue_waiting_gifts(now=now)
    credentials.withdraw_leftovers()
    throw_away_copies(now=now)
    try:
        _compare_with_engine(now)
        _purge_deleted(now)
        _purge_shared_volumes(now)
        sandbox().discard_leftovers()
    except SystemFailure as error:
        logger.error("the engine could not be asked what runs: %s", error)


def _end_interrupted_builds(now: datetime) -> None:
    for build in Build.objects.filter(state__in=Build.UNDER_WAY, lease_expires_at__lt=now):
        logger.warning("build %s lost its worker", build.pk)
        builds.fail_interrupted_build(build, now=now)


def _follow_ended_builds(now: datetime) -> None:
    waiting = (State.QUEUED, State.BUILDING)
    for build in Build.objects.filter(servers__state__in=waiting).exclude(state=Build.State.QUEUED).distinct():
        follow_build(build, now=now)


def _resume_abandoned_work(now: datetime) -> None:
    for server in NotebookServer.objects.filter(state=State.STARTING, lease_expires_at__lt=now):
        logger.warning("the start of server %s lost its worker", server.pk)
        enqueue("start_server", server.pk)
    stopping = NotebookServer.objects.filter(state=State.STOPPING)
    for server in stopping.exclude(lease_expires_at__gte=now):
        enqueue("stop_server", server.pk)


def _end_withdrawn_access(now: datetime) -> None:
    """Stop servers that have shared files their owners may no longer have: no engine can take those out."""
    for mount in withdrawn_mounts(now=now):
        code = "mount_became_read_only" if mount.may_read else "mount_withdrawn"  # type: ignore[attr-defined]
        try:
            stop_server(mount.server, now=now, reason=UserError(code, name=mount.volume.name))
        except UserError:  # Somebody else changed it in this moment.
            continue


def _compare_with_engine(now: datetime) -> None:
    # The engine first: a server that is in the engine by now has been in its row for longer.
    found = spawner().list()
    running = list(NotebookServer.objects.filter(state=State.RUNNING))
    for server in running:
        if found.get(server.handle) is not Liveness.ALIVE:
            _end_lost_server(server, now)
    orphans = found.keys() - _wanted_handles()
    for handle in sorted(orphans, key=lambda orphan: found[orphan] is Liveness.ABSENT)[:MAX_REMOVED]:
        _remove_orphan(handle, found[handle])


def _remove_orphan(handle: Handle, liveness: Liveness) -> None:
    if liveness is not Liveness.ABSENT:  # Else it was stopped, and this is all that is left.
        logger.warning("removing what there is of server %s, which nobody asked for", handle.server_id)
    try:
        spawner().stop(handle)
    except SystemFailure as error:  # The next round tries again; the others should not wait for it.
        logger.error("server %s could not be removed: %s", handle.server_id, error)


def _wanted_handles() -> set[Handle]:
    states = (State.STARTING, State.RUNNING, State.STOPPING)
    return {server.handle for server in NotebookServer.objects.filter(state__in=states)}


def _end_lost_server(server: NotebookServer, now: datetime) -> None:
    status = spawner().poll(server.handle)
    if status.liveness is Liveness.ALIVE:  # Found only now, or it was asked about too early.
        return
    if status.liveness is Liveness.ABSENT:  # The machine was restarted: nothing went wrong with the server.
        stop_server(server, now=now)
        return
    died = {
        "failure_code": status.reason or "server_died",
        "failure_log": status.log_tail[-MAX_FAILURE_LOG:],
        "endpoint": "",
        "lease_expires_at": None,
    }
    if NotebookServer.objects.move(server, State.FAILED, now=now, **died):
        ledger.end_run(server, now=now)
        measuring.measure_again(server)
        announce_server(server)
        enqueue_waiting_starts()  # There is a place now.
        spawner().stop(server.handle)


def _purge_deleted(now: datetime) -> None:
    for server in NotebookServer.objects.filter(deleted_at__isnull=False, state__in=(State.STOPPED, State.FAILED)):
        try:
            purge_server(server, now=now)
        except SystemFailure as error:
            logger.error("what is left of deleted server %s could not be removed: %s", server.pk, error)


def _purge_shared_volumes(now: datetime) -> None:
    for shared in SharedVolume.objects.gone_for_good(deleted_before=now - grace_period()).select_related("volume"):
        try:
            purge_shared_volume(shared, now=now)
        except SystemFailure as error:
            logger.error("the deleted shared files %s could not be removed: %s", shared.name, error)
