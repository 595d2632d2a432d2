"""The operator's page: what runs, what waits, what it uses, how much room there is, and whether the engine answers.

Everything comes from rows that workers write, so that the page opens however the engine is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.models import Role
from environments.models import Build, NotebookServer, SiteReport, SiteSample, Volume
from environments.plots import Plot, plot_of
from environments.views.people import heaviest_people
from environments.views.requests import PageRequest
from environments.views.runtime_words import choice_sentence, firewall_of, problem_of, runtime_sentence
from environments.views.stored_images import Summary, images_summary
from environments.waiting import Wait, waits_of

ROWS_SHOWN = 100
HISTORY_SHOWN = timedelta(hours=24)
GIGABYTE = 1024**3
NEARLY_FULL_PERCENT = 90


@dataclass(frozen=True, slots=True)
class DiskUse:
    """How full a file system is."""

    title: str
    total_bytes: int
    free_bytes: int

    @property
    def percent(self) -> int:
        """How much is in use."""
        return round(100 * (1 - self.free_bytes / self.total_bytes)) if self.total_bytes else 100

    @property
    def is_nearly_full(self) -> bool:
        """Whether it is time to do something."""
        return self.percent >= NEARLY_FULL_PERCENT


@login_required
@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """Administrators only; refreshed by htmx every so often."""
    if cast("PageRequest", request).user.role != Role.ADMINISTRATOR:
        raise PermissionDenied
    now, images = timezone.now(), images_summary()
    context = {
        **_runtime(images, now),
        "servers": _running(),
        "people": heaviest_people(),
        "rows_shown": ROWS_SHOWN,
        "waiting": _waiting(now),
        "builds": Build.objects.filter(state__in=Build.ACTIVE).select_related("requested_by")[:ROWS_SHOWN],
        "images": images,
        "plots": _plots(now),
    }
    template = "environments/status.html#live" if cast("PageRequest", request).htmx else "environments/status.html"
    return render(request, template, context)


def _runtime(images: Summary, now: datetime) -> dict[str, Any]:
    """What is known of the runtime; nothing before the first worker has reported."""
    report = SiteReport.objects.first()
    if report is None:
        return {"report": None}
    return {
        "report": report,
        "is_stale": report.is_stale(now=now),
        "runtime_sentence": runtime_sentence(report),
        "choice_sentence": choice_sentence(report),
        "problem": problem_of(report),
        "firewall": firewall_of(report),
        "disks": _disks(report),
        "sizes": [
            (_("People's files"), Volume.objects.aggregate(bytes=Sum("bytes"))["bytes"]),
            (_("Prepared environments"), images.bytes if report.images_measured_at else None),
            (_("Kept to prepare the next ones faster"), report.cache_bytes),
        ],
    }


def _disks(report: SiteReport) -> list[DiskUse]:
    """The file systems that must not fill up, as far as they can be seen."""
    disks = [DiskUse(_("Carrel's data"), report.data_disk_total_bytes, report.data_disk_free_bytes)]
    if report.engine_disk_total_bytes is not None and report.engine_disk_free_bytes is not None:
        title = _("The engine's disk")
        disks.append(DiskUse(title, report.engine_disk_total_bytes, report.engine_disk_free_bytes))
    return disks


def _running() -> list[NotebookServer]:
    running = NotebookServer.objects.filter(state=NotebookServer.State.RUNNING)
    return list(running.select_related("owner", "usage").order_by("-usage__memory_bytes", "name")[:ROWS_SHOWN])


def _waiting(now: datetime) -> list[tuple[NotebookServer, Wait | None]]:
    """Those on their way, with what they wait for."""
    waiting = NotebookServer.objects.present().filter(state__in=NotebookServer.ON_THE_WAY)
    servers = list(waiting.select_related("owner", "build").order_by("state_changed_at")[:ROWS_SHOWN])
    waits = waits_of(servers, now=now)
    return [(server, waits.get(server.pk)) for server in servers]


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
