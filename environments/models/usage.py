"""What is used: each running server's latest measure, the runtime's, and the site's history, for the operator."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models

from environments.models.server import NotebookServer
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
