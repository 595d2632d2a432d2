"""The operator's page: what runs, what waits, what it uses, and whether the engine answers."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.models import Role
from environments.backends import runtime, spawner
from environments.errors import SystemFailure
from environments.models import Build, NotebookServer, SiteSample
from environments.plots import Plot, plot_of
from environments.views.requests import PageRequest

SERVERS_SHOWN = 100
HISTORY_SHOWN = timedelta(hours=24)
GIGABYTE = 1024**3


@dataclass(frozen=True, slots=True)
class Engine:
    """What servers run on, and whether it answers."""

    runtime: str
    is_reachable: bool


@login_required
@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """Administrators only; refreshed by htmx every so often."""
    if cast("PageRequest", request).user.role != Role.ADMINISTRATOR:
        raise PermissionDenied
    context = {
        "engine": _engine(),
        "disk": shutil.disk_usage(settings.CARREL_DATA),
        "servers": _running(),
        "servers_shown": SERVERS_SHOWN,
        "waiting": _waiting(),
        "builds": Build.objects.filter(state__in=Build.ACTIVE).select_related("requested_by")[:SERVERS_SHOWN],
        "plots": _plots(timezone.now()),
    }
    template = "environments/status.html#live" if cast("PageRequest", request).htmx else "environments/status.html"
    return render(request, template, context)


def _engine() -> Engine:
    try:
        name = runtime()
        spawner().list()
    except SystemFailure:
        return Engine(settings.RUNTIME, is_reachable=False)
    return Engine(name, is_reachable=True)


def _running() -> list[NotebookServer]:
    running = NotebookServer.objects.filter(state=NotebookServer.State.RUNNING)
    return list(running.select_related("owner", "usage").order_by("-usage__memory_bytes", "name")[:SERVERS_SHOWN])


def _waiting() -> list[NotebookServer]:
    waiting = NotebookServer.objects.present().filter(state__in=NotebookServer.ON_THE_WAY)
    return list(waiting.select_related("owner").order_by("state_changed_at")[:SERVERS_SHOWN])


def _plots(now: datetime) -> list[Plot]:
    samples = list(SiteSample.objects.filter(taken_at__gte=now - HISTORY_SHOWN))
    series = (
        (_("Running servers"), "", [float(sample.running) for sample in samples]),
        (_("Processors in use"), "", [sample.cores for sample in samples]),
        (_("Memory in use"), _("GB"), [sample.memory_bytes / GIGABYTE for sample in samples]),
        (_("Disk in use"), _("GB"), [sample.disk_used_bytes / GIGABYTE for sample in samples]),
    )
    times = [sample.taken_at for sample in samples]
    return [plot_of(title, unit, times, values, now=now, span=HISTORY_SHOWN) for title, unit, values in series]
