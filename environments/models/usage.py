"""What is used: each running server's latest measure, the runtime's, the site's history, and everybody's accounts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models

from environments.models.server import NotebookServer
from environments.querysets import MonthlyUseQuerySet
from environments.values import EngineProblem, Firewall


class ServerUsage(models.Model):
    """The latest measure of one running server. `cores` is its average since the measure before."""

    server = models.OneToOneField(NotebookServer, on_delete=models.CASCADE, related_name="usage")
    start_id = models.CharField(max_length=32)
    measured_at = models.DateTimeField()
    cpu_seconds = models.FloatField()
    cores = models.FloatField(default=0)
    memory_bytes = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.server}: {self.cores:.2f} cores"


class SiteSample(models.Model):
    """The whole site at one moment, taken every minute and kept for two weeks."""

    taken_at = models.DateTimeField(unique=True)
    running = models.PositiveIntegerField()
    waiting = models.PositiveIntegerField()
    building = models.PositiveIntegerField()
    cores = models.FloatField()
    memory_bytes = models.BigIntegerField()
    disk_used_bytes = models.BigIntegerField()

    class Meta:
        ordering = ["taken_at"]

    def __str__(self) -> str:
        return self.taken_at.isoformat()


class SiteReport(models.Model):
    """What servers run with and how much room there is, as a worker last found it. There is one row at most."""

    THE_ONE = 1
    STALE_AFTER = timedelta(minutes=3)
    """Workers report every minute."""

    taken_at = models.DateTimeField()
    runtime = models.CharField(max_length=32)
    choice = models.CharField(max_length=16, blank=True)
    """A `backends.Choice`; empty when none could be made."""
    version = models.CharField(max_length=100, blank=True)
    problem = models.CharField(max_length=16, blank=True)
    detail = models.TextField(blank=True)
    firewall = models.CharField(max_length=16)
    engine_disk_total_bytes = models.BigIntegerField(null=True, blank=True)
    engine_disk_free_bytes = models.BigIntegerField(null=True, blank=True)
    data_disk_total_bytes = models.BigIntegerField()
    data_disk_free_bytes = models.BigIntegerField()

    images_due_at = models.DateTimeField(null=True, blank=True)
    """When images are to be measured next; None for at once."""
    images_measured_at = models.DateTimeField(null=True, blank=True)
    cache_bytes = models.BigIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(pk=1), name="one_site_report"),
            models.CheckConstraint(
                condition=models.Q(
                    problem__in=["", *(problem.value for problem in EngineProblem)],
                    firewall__in=[state.value for state in Firewall],
                ),
                name="site_report_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.runtime} {self.version}"

    def is_stale(self, *, now: datetime) -> bool:
        """Whether it is so old that something must be wrong with the workers."""
        return now - self.taken_at > self.STALE_AFTER


class Run(models.Model):
    """One start of one server, from when a worker took it up until its place was free again.

    It remembers up to where its use is in the accounts, so that nothing gets there twice, and how long things take.
    """

    start_id = models.CharField(max_length=32, unique=True)
    server = models.ForeignKey(NotebookServer, null=True, on_delete=models.SET_NULL, related_name="runs")
    began_at = models.DateTimeField()
    running_at = models.DateTimeField(null=True, blank=True, db_index=True)
    ended_at = models.DateTimeField(null=True, blank=True, db_index=True)
    counted_at = models.DateTimeField(null=True, blank=True)
    """Up to when its use is in the accounts."""
    cpu_seconds = models.FloatField(default=0)
    memory_bytes = models.BigIntegerField(default=0)
    """As last measured."""

    def __str__(self) -> str:
        return self.start_id


class MonthlyUse(models.Model):
    """What one server of one person used in one month. It outlives the server, whose key and name are only words here.

    What belongs to no server, as building and the personal files, has a row without one; what belongs to no repository,
    as the personal files, one without that. Months are the site's own. The class or group that the server was run for
    is words too, and outlived.
    """

    month = models.DateField()
    """Its first day."""
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="uses")
    """None for somebody who is no longer here."""
    repository_url = models.CharField(max_length=1000, blank=True)
    server_key = models.CharField(max_length=36, blank=True)
    server_name = models.CharField(max_length=40, blank=True)
    group_key = models.CharField(max_length=20, blank=True, db_index=True)
    """Empty for what was run for no class or group."""
    group_name = models.CharField(max_length=150, blank=True)
    """As it was called when the server was first counted in that month."""

    starts = models.PositiveIntegerField(default=0)
    running_seconds = models.FloatField(default=0)
    cpu_seconds = models.FloatField(default=0)
    memory_gib_hours = models.FloatField(default=0)
    storage_gib_days = models.FloatField(default=0)
    build_seconds = models.FloatField(default=0)

    objects: ClassVar[MonthlyUseQuerySet] = MonthlyUseQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-month", "repository_url", "server_name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["month", "person", "group_key", "server_key", "repository_url"],
                name="one_use_a_month_group_and_server",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.server_name or self.repository_url}"


class StorageClock(models.Model):
    """Up to when stored files are in the accounts. There is one row at most."""

    THE_ONE = 1

    counted_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="one_storage_clock")]

    def __str__(self) -> str:
        return self.counted_at.isoformat()
