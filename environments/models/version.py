"""The versions of an environment that somebody has put in use."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from environments.models.environment import Environment
from environments.querysets import EnvironmentVersionQuerySet
from environments.values import Reference, ResolvedRepository


class EnvironmentVersion(models.Model):
    """What people got of an environment that `is_held` from a moment on, until the next one. Rows are only added."""

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="versions")
    provider = models.CharField(max_length=32)
    repository = models.CharField(max_length=500)
    ref = models.CharField(max_length=250, blank=True)
    repository_url = models.CharField(max_length=1000)
    commit = models.CharField(max_length=64)
    is_private = models.BooleanField(default=False)
    image_key = models.CharField(max_length=64)
    in_use_since = models.DateTimeField()
    put_in_use_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    """None for the first one, which nobody had to choose."""
    is_return = models.BooleanField(default=False)
    """Whether somebody went back to it from a later one, so that files keep what that one brought."""

    objects: ClassVar[EnvironmentVersionQuerySet] = EnvironmentVersionQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.environment} at {self.commit}"

    @property
    def reference(self) -> Reference:
        """What it is launched from."""
        return Reference(self.provider, self.repository, self.ref)

    @property
    def resolved(self) -> ResolvedRepository:
        """Where its commit is fetched from."""
        return ResolvedRepository(self.repository_url, self.commit, self.ref, self.is_private)
