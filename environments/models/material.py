"""Files that reach servers without an image: versions that were fetched, and what each server was last brought to."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models

from environments.errors import Explanation, explain
from environments.models.server import NotebookServer
from environments.querysets import ServerMaterialQuerySet, SourceTreeQuerySet
from environments.values import Manifest, ResolvedRepository, short_commit


class SourceTree(models.Model):
    """The files of one commit, fetched once for everybody who is to get them.

    Which files there are, the row remembers for good: so they can be told from newer ones whatever becomes of the
    repository, and of the volume.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        FETCHING = "fetching"
        READY = "ready"
        FAILED = "failed"
        REMOVED = "removed"
        """Nobody needed its files any more; they are fetched again for whoever does."""

    ACTIVE = (State.QUEUED, State.FETCHING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.CharField(max_length=64, unique=True)
    """Of what it is: the same for everybody, unless the repository is private."""
    repository_url = models.CharField(max_length=1000)
    commit = models.CharField(max_length=64)
    is_private = models.BooleanField(default=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    """Who first asked for it; a private repository is fetched with their credential."""
    state = models.CharField(max_length=16, choices=State, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    """Until when the worker that fetches it has promised to be alive."""
    failure_code = models.CharField(max_length=64, blank=True)
    failure_facts = models.JSONField(default=dict, blank=True)
    manifest = models.JSONField(default=dict, blank=True)
    """Which files there are, as `values.Manifest` says."""
    left_out = models.JSONField(default=list, blank=True)
    """The names of the first entries that are given to nobody: links, devices, other repositories."""
    bytes = models.BigIntegerField(default=0)
    requested_at = models.DateTimeField()
    used_at = models.DateTimeField()
    """When somebody last needed it."""

    objects: ClassVar[SourceTreeQuerySet] = SourceTreeQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes = [models.Index(fields=["state", "used_at"], name="tree_state_and_use")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["queued", "fetching", "ready", "failed", "removed"]),
                name="tree_state_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.repository_url}@{short_commit(self.commit)} ({self.state})"

    @property
    def volume_key(self) -> str:
        """Where its files are kept."""
        return f"material-{self.id.hex}"

    @property
    def resolved(self) -> ResolvedRepository:
        """What it is fetched from."""
        return ResolvedRepository(self.repository_url, self.commit, "", self.is_private)

    @property
    def files(self) -> Manifest:
        """Which files there are."""
        manifest: Manifest = self.manifest
        return manifest

    @property
    def is_ready(self) -> bool:
        """Whether its files can be brought to somebody now."""
        return self.state == self.State.READY

    @property
    def is_active(self) -> bool:
        """Whether it waits to be fetched or is being fetched."""
        return self.state in self.ACTIVE

    @property
    def failure(self) -> Explanation | None:
        """Why it could not be fetched, in words, or None."""
        return explain(self.failure_code, self.failure_facts) if self.failure_code else None


class ServerMaterial(models.Model):
    """What a server's files were last brought to, and are to be brought to; the same once that is done."""

    server = models.OneToOneField(NotebookServer, on_delete=models.CASCADE, related_name="material")
    base = models.ForeignKey(SourceTree, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    """None as long as the files are those of the image alone."""
    wanted = models.ForeignKey(SourceTree, on_delete=models.PROTECT, related_name="+")
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    """Until when the worker that brings it has promised to be alive."""
    failure_code = models.CharField(max_length=64, blank=True)
    failure_facts = models.JSONField(default=dict, blank=True)
    brought_at = models.DateTimeField(null=True, blank=True)
    reports = models.JSONField(default=list, blank=True)
    """What became of the files, the newest first: a commit, a time, and what `merging.Merged` says."""

    objects: ClassVar[ServerMaterialQuerySet] = ServerMaterialQuerySet.as_manager()  # type: ignore[assignment]

    def __str__(self) -> str:
        return f"{self.wanted} in {self.server}"

    @property
    def is_up_to_date(self) -> bool:
        """Whether the files are what they are to be."""
        return self.base_id == self.wanted_id

    @property
    def failure(self) -> Explanation | None:
        """Why the files are not what they are to be, in words, or None."""
        return explain(self.failure_code, self.failure_facts) if self.failure_code else None
