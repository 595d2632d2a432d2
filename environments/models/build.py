"""One attempt to turn a commit into an image, and its log."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from environments.errors import Explanation, explain
from environments.querysets import BuildQuerySet
from environments.values import ResolvedRepository, short_commit


class Build(models.Model):
    """One attempt. At most one of a key is under way; everybody who wants that image waits for it."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        FETCHING = "fetching", _("Fetching the files")
        BUILDING = "building", _("Installing")
        PUSHING = "pushing", _("Storing")
        SUCCEEDED = "succeeded", _("Ready")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    UNDER_WAY = (State.FETCHING, State.BUILDING, State.PUSHING)
    ACTIVE = (State.QUEUED, *UNDER_WAY)
    MOVES = {
        State.QUEUED: {State.FETCHING, State.FAILED, State.CANCELLED},
        State.FETCHING: {State.BUILDING, State.SUCCEEDED, State.FAILED, State.CANCELLED},
        State.BUILDING: {State.PUSHING, State.SUCCEEDED, State.FAILED, State.CANCELLED},
        State.PUSHING: {State.SUCCEEDED, State.FAILED, State.CANCELLED},
        State.SUCCEEDED: set[State](),
        State.FAILED: set[State](),
        State.CANCELLED: set[State](),
    }

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    image_key = models.CharField(max_length=64, db_index=True)
    builder = models.CharField(max_length=64)
    repository_url = models.CharField(max_length=1000)
    commit = models.CharField(max_length=64)
    ref = models.CharField(max_length=250, blank=True)
    is_private = models.BooleanField(default=False)
    """Whether its repository is fetched with a credential of whoever asked for it; then it is theirs alone."""
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="builds"
    )
    state = models.CharField(max_length=16, choices=State, default=State.QUEUED)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    failure_code = models.CharField(max_length=64, blank=True)
    failure_facts = models.JSONField(default=dict, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    """Until when the worker that runs it has promised to be alive."""
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True, db_index=True)

    objects: ClassVar[BuildQuerySet] = BuildQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["image_key"],
                condition=models.Q(state__in=["queued", "fetching", "building", "pushing"]),
                name="one_active_build_per_image_key",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.repository_url}@{short_commit(self.commit)} ({self.state})"

    @property
    def resolved(self) -> ResolvedRepository:
        """What it is made from."""
        return ResolvedRepository(self.repository_url, self.commit, self.ref, self.is_private)

    @property
    def is_active(self) -> bool:
        """Whether it waits or is under way."""
        return self.state in self.ACTIVE

    @property
    def failure(self) -> Explanation | None:
        """Why it failed, in words, or None."""
        return explain(self.failure_code, self.failure_facts) if self.failure_code else None


class BuildLogLine(models.Model):
    """One line of a build's log. Sequence numbers begin at 1 and have no gaps."""

    build = models.ForeignKey(Build, on_delete=models.CASCADE, related_name="log_lines")
    sequence = models.PositiveIntegerField()
    phase = models.CharField(max_length=16)
    text = models.CharField(max_length=2000)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["sequence"]
        constraints = [models.UniqueConstraint(fields=["build", "sequence"], name="log_sequence_unique")]

    def __str__(self) -> str:
        return self.text
