"""Brings rows and reality together again, whatever died in between. Runs every few seconds; safe to repeat.

The engine is the truth about what runs; the rows are the truth about what is wanted.
"""

from __future__ import annotations

import logging
from datetime import datetime

from environments import builds
from environments.backends import sandbox, spawner
from environments.errors import SystemFailure
from environments.live import announce_server
from environments.models import Build, NotebookServer
from environments.queueing import enqueue
from environments.servers import follow_build, stop_server
from environments.starting import MAX_FAILURE_LOG, enqueue_waiting_starts
from environments.stopping import purge_server
from environments.values import Handle, Liveness

logger = logging.getLogger(__name__)

MAX_CLEARED = 20
"""How many servers one round clears away: an engine may take a fifth of a second for each, and the next round comes."""

State = NotebookServer.State


def reconcile(*, now: datetime) -> None:
    """One round: dead workers' builds and starts, dead servers, orphans, whatever waits."""
    _end_interrupted_builds(now)
    _follow_ended_builds(now)
    _resume_abandoned_work(now)
    builds.enqueue_waiting_builds()
    enqueue_waiting_starts()
    try:
        _compare_with_engine(now)
        sandbox().discard_leftovers()
    except SystemFailure as error:
        logger.error("the engine could not be asked what runs: %s", error)
    _purge_deleted(now)


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


def _compare_with_engine(now: datetime) -> None:
    # The engine first: a server that is in the engine by now has been in its row for longer.
    listed = set(spawner().list())
    running = list(NotebookServer.objects.filter(state=State.RUNNING))
    for server in running:
        if server.handle not in listed:
            _end_lost_server(server, now)
    for handle in [*(listed - _wanted_handles())][:MAX_CLEARED]:
        if spawner().poll(handle).liveness is Liveness.ALIVE:
            logger.warning("stopping server %s, which nobody asked for", handle.server_id)
        spawner().stop(handle)


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
        spawner().stop(server.handle)
        announce_server(server)


def _purge_deleted(now: datetime) -> None:
    for server in NotebookServer.objects.filter(deleted_at__isnull=False, state__in=(State.STOPPED, State.FAILED)):
        purge_server(server, now=now)
