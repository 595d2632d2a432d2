"""What is used: each running server's latest measure, and the site's history for the operator's plots."""

from __future__ import annotations

from django.db import models

from environments.models.server import NotebookServer


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
