"""Repositories somebody launches from links without being asked each time."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from environments.values import Reference


class RepositoryTrust(models.Model):
    """One person's word that links to one repository need no confirmation, whatever their version."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="trusted_repositories")
    provider = models.CharField(max_length=32)
    repository = models.CharField(max_length=500)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "provider", "repository"], name="repository_trusted_once"),
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.repository}"

    @property
    def reference(self) -> Reference:
        """The repository, in its newest version."""
        return Reference(self.provider, self.repository)
