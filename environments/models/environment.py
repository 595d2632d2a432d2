"""A named recipe in the catalog."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from environments.querysets import EnvironmentQuerySet
from environments.values import Reference


class Visibility(models.TextChoices):
    """Who finds an environment in the catalog."""

    PRIVATE = "private", _("Only me")
    EVERYONE = "everyone", _("Everyone")


class Environment(models.Model):
    """A named, described repository reference that people can launch with one click."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="environments"
    )
    title = models.CharField(max_length=120)
    description = models.CharField(max_length=400, blank=True)
    provider = models.CharField(max_length=32)
    repository = models.CharField(max_length=500)
    ref = models.CharField(max_length=250, blank=True)
    urlpath = models.CharField(max_length=500, blank=True)
    visibility = models.CharField(max_length=16, choices=Visibility, default=Visibility.PRIVATE)
    launch_count = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[EnvironmentQuerySet] = EnvironmentQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-launch_count", "created_at"]
        constraints = [
            models.CheckConstraint(condition=models.Q(visibility__in=Visibility.values), name="visibility_known"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def reference(self) -> Reference:
        """What it launches."""
        return Reference(self.provider, self.repository, self.ref)
