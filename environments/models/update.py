"""A server on its way to become something else."""

from __future__ import annotations

import uuid

from django.db import models

from environments.errors import Explanation, explain
from environments.models.build import Build
from environments.models.target import TargetFields
from environments.values import MountWish, short_commit


class Update(TargetFields):
    """What a server is to become, from when that is asked for until the server is it, or the person gives it up."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    build = models.ForeignKey(Build, null=True, blank=True, on_delete=models.SET_NULL, related_name="updates")
    is_rollback = models.BooleanField(default=False)
    """Whether it goes back to an earlier image, and so leaves the files as they are."""
    was_running = models.BooleanField(default=False)
    """Whether the server was stopped for this, and so is to run again."""
    failure_code = models.CharField(max_length=64, blank=True)
    failure_facts = models.JSONField(default=dict, blank=True)
    requested_at = models.DateTimeField()
    mounts = models.JSONField(default=list, blank=True)
    """The shared files it is to have, each as name, path, and whether it is read only."""

    def __str__(self) -> str:
        return f"{self.repository_url}@{short_commit(self.commit)}"

    @property
    def wishes(self) -> tuple[MountWish, ...]:
        """The shared files it is to have, by path."""
        return tuple(MountWish(*mount) for mount in self.mounts)

    @property
    def failure(self) -> Explanation | None:
        """Why its environment could not be made, in words, or None."""
        return explain(self.failure_code, self.failure_facts) if self.failure_code else None
