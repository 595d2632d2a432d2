"""What a member handed in, and the receipt for it."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from classes.errors import CourseError
from classes.models.membership import Membership
from environments.errors import Explanation
from environments.models import NotebookServer


class HandIn(models.Model):
    """Files a member gave to their teachers: asked for by a person, copied by a worker, and unchanged after that."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Being handed in")
        RECEIVED = "received", _("Received")
        FAILED = "failed", _("Not handed in")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="hand_ins")
    server = models.ForeignKey(NotebookServer, null=True, on_delete=models.SET_NULL, related_name="+")
    path = models.CharField(max_length=500)
    """The file or folder, as it is in the member's server."""
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    asked_at = models.DateTimeField()
    received_at = models.DateTimeField(null=True, blank=True)
    folder = models.CharField(max_length=300)
    """Where it is among what was handed in."""
    contents = models.JSONField(default=list, blank=True)
    """Each file that was received: its name, its bytes, and its SHA-256."""
    failure_code = models.CharField(max_length=64, blank=True)
    failure_facts = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-asked_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["membership"], condition=models.Q(state="waiting"), name="one_hand_in_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.path} of {self.membership}"

    @property
    def bytes(self) -> int:
        """How much it is."""
        return sum(size for _name, size, _digest in self.contents)

    @property
    def files(self) -> list[dict[str, Any]]:
        """What was received, by name."""
        return [{"name": name, "bytes": size, "digest": digest} for name, size, digest in self.contents]

    @property
    def failure(self) -> Explanation | None:
        """Why it was not handed in, in words, or None."""
        return CourseError(self.failure_code, **self.failure_facts).explain() if self.failure_code else None
