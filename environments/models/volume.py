"""Stored files that outlive servers."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Volume(models.Model):
    """Files somebody owns, kept by the volume store under `key`."""

    class Purpose(models.TextChoices):
        SERVER = "server", _("Files of one server")
        HOME = "home", _("Personal files")
        SHARED = "shared", _("Shared files")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="volumes")
    purpose = models.CharField(max_length=16, choices=Purpose)
    created_at = models.DateTimeField(auto_now_add=True)
    kept_as = models.CharField(max_length=80, blank=True)
    """Its name in the volume store, where it has become something else since than it was made for."""
    bytes = models.BigIntegerField(null=True, blank=True)
    """What it holds, as last measured; at least so much, if it is too large to be measured in time."""
    measured_at = models.DateTimeField(null=True, blank=True)
    measure_began_at = models.DateTimeField(null=True, blank=True)
    """When somebody last began to measure it; None when it is to be measured as soon as can be."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner"], condition=models.Q(purpose="home"), name="one_home_volume_per_person"
            ),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        """Its name in the volume store."""
        return self.kept_as or f"{self.purpose}-{self.id.hex}"
