"""Measures what servers use, for the operator's page and for everybody's accounts."""

from __future__ import annotations

import logging
import shutil
from datetime import datetime, timedelta

from django.conf import settings

from environments import backends, ledger
from environments.errors import SystemFailure
from environments.models import Build, NotebookServer, ServerUsage, SiteReport, SiteSample
from environments.values import EngineProblem, RuntimeReport, Usage

logger = logging.getLogger(__name__)

HISTORY = timedelta(days=14)
MAX_VERSION = 100

State = NotebookServer.State


def measure_usage(*, now: datetime) -> SiteSample:
    """Measure what servers run with, every running server, and the site; keep all three, and what it adds up to.

    A server that cannot be measured keeps its last measure; an engine that does not answer fails nothing, and is
    not asked a second time.
    """
    if _report_runtime(now).problem is None:
        _measure_servers()
    ServerUsage.objects.exclude(server__state=State.RUNNING).delete()
    ledger.end_lost_runs()
    ledger.charge_storage(now=now)
    return _sample(now)


def forget_old_samples(*, now: datetime) -> None:
    """Drop samples older than the history kept."""
    SiteSample.objects.filter(taken_at__lt=now - HISTORY).delete()


def _report_runtime(now: datetime) -> RuntimeReport:
    try:
        chosen, found = str(backends.choice()), backends.spawner().report()
    except SystemFailure as error:
        chosen, found = "", RuntimeReport(settings.RUNTIME, problem=EngineProblem.OTHER, detail=error.detail)
    data = shutil.disk_usage(settings.CARREL_DATA)
    SiteReport.objects.update_or_create(
        pk=SiteReport.THE_ONE,
        defaults={
            "taken_at": now,
            "runtime": found.name,
            "choice": chosen,
            "version": found.version[:MAX_VERSION],
            "problem": found.problem or "",
            "detail": found.detail,
            "firewall": found.firewall,
            "engine_disk_total_bytes": found.disk.total_bytes if found.disk else None,
            "engine_disk_free_bytes": found.disk.free_bytes if found.disk else None,
            "data_disk_total_bytes": data.total,
            "data_disk_free_bytes": data.free,
        },
    )
    return found


def _measure_servers() -> None:
    running = NotebookServer.objects.filter(state=State.RUNNING).select_related("usage", "group")
    try:
        for server in running:
            _measure(server)
    except SystemFailure as error:
        logger.warning("servers could not be measured: %s", error)


def _measure(server: NotebookServer) -> None:
    used = backends.spawner().usage(server.handle)
    if used is None:
        return
    ledger.count_use(server, used)
    ServerUsage.objects.update_or_create(
        server=server,
        defaults={
            "start_id": server.start_id,
            "measured_at": used.measured_at,
            "cpu_seconds": used.cpu_seconds,
            "cores": _cores(server, used),
            "memory_bytes": used.memory_bytes,
        },
    )


def _cores(server: NotebookServer, used: Usage) -> float:
    before: ServerUsage | None = getattr(server, "usage", None)
    if before is None or before.start_id != server.start_id:
        return 0.0
    seconds = (used.measured_at - before.measured_at).total_seconds()
    return max(0.0, used.cpu_seconds - before.cpu_seconds) / seconds if seconds > 0 else before.cores


def _sample(now: datetime) -> SiteSample:
    servers = NotebookServer.objects.present()
    used = list(ServerUsage.objects.values_list("cores", "memory_bytes"))
    sample, _ = SiteSample.objects.update_or_create(
        taken_at=now.replace(second=0, microsecond=0),
        defaults={
            "running": servers.filter(state=State.RUNNING).count(),
            "waiting": servers.filter(state=State.QUEUED).count(),
            "building": Build.objects.filter(state__in=Build.UNDER_WAY).count(),
            "cores": sum(cores for cores, _ in used),
            "memory_bytes": sum(memory for _, memory in used),
            "disk_used_bytes": shutil.disk_usage(settings.CARREL_DATA).used,
        },
    )
    return sample
