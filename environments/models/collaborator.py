"""Who may enter a server beside its owner, how they are asked in, and when somebody was there."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from environments.querysets import InvitationQuerySet


class Collaborator(models.Model):
    """One person's leave to work in somebody else's server. Asked for at every request; gone when this row is."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    server = models.ForeignKey("environments.NotebookServer", on_delete=models.CASCADE, related_name="collaborators")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="collaborations")
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    invited_at = models.DateTimeField(default=timezone.now)
    last_entered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["invited_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["server", "person"], name="collaborator_once_per_server"),
        ]

    def __str__(self) -> str:
        return f"{self.person} in {self.server}"


class Invitation(models.Model):
    """A link by which people let themselves in. Only the hash of what is secret in it is stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    server = models.ForeignKey("environments.NotebookServer", on_delete=models.CASCADE, related_name="invitations")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    uses_left = models.PositiveSmallIntegerField(default=1)
    """How many people may still come by it."""
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[InvitationQuerySet] = InvitationQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["created_at", "pk"]

    def __str__(self) -> str:
        return f"invitation to {self.server}"


class Visit(models.Model):
    """A stretch of time in which one person was in a server that is shared, to within a minute."""

    server = models.ForeignKey("environments.NotebookServer", on_delete=models.CASCADE, related_name="visits")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="visits")
    entered_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    class Meta:
        ordering = ["-last_seen_at", "-pk"]
        indexes = [models.Index(fields=["server", "-last_seen_at"], name="visit_latest")]

    def __str__(self) -> str:
        return f"{self.person} in {self.server}"
