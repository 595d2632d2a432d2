"""Shared files that a server is to have at a place in its home."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from environments.models.server import NotebookServer
from environments.models.shared_volume import Access, SharedVolume
from environments.querysets import ServerMountQuerySet
from environments.values import MountWish


class ServerMount(models.Model):
    """What was asked for, and what came of it in the last start, when its owner's right to it was looked at again."""

    server = models.ForeignKey(NotebookServer, on_delete=models.CASCADE, related_name="mounts")
    volume = models.ForeignKey(SharedVolume, on_delete=models.CASCADE, related_name="mounts")
    path = models.CharField(max_length=500)
    """Relative to the server's home."""
    read_only = models.BooleanField(default=False)
    placed_in = models.CharField(max_length=32, blank=True)
    """The `start_id` of the start that it was last placed in, or left out of; empty before the first."""
    placed_to = models.CharField(max_length=8, choices=Access, blank=True)
    """What can be done with the files in that start; empty if it was left out."""

    objects: ClassVar[ServerMountQuerySet] = ServerMountQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["path"]
        constraints = [
            models.UniqueConstraint(fields=["server", "path"], name="one_mount_per_path_of_a_server"),
        ]

    def __str__(self) -> str:
        return f"{self.volume} at {self.path}"

    @property
    def wish(self) -> MountWish:
        """What was asked for."""
        return MountWish(self.volume.name, self.path, self.read_only)
