"""A teacher's request to come into a student's server."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models

from classes.models.membership import Membership
from classes.querysets import KnockQuerySet


class Knock(models.Model):
    """A teacher or grader asks to come into a student's server of the class; the student says yes or no.

    It is open until it is answered or too old, and with a yes until `ends_at` or until somebody ends it. The leave to
    enter itself is a row of `environments`, asked for at every request.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="knocks")
    """Of the student."""
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="knocks")
    asked_at = models.DateTimeField()
    agreed_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField()
    """Until when it waits for an answer; from the yes on, until when they may stay."""
    ended_at = models.DateTimeField(null=True, blank=True)
    """When it was declined, withdrawn, or over."""

    objects: ClassVar[KnockQuerySet] = KnockQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-asked_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["membership", "by"], condition=models.Q(ended_at=None), name="knock_once_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.by} at the server of {self.membership}"

    @property
    def is_agreed(self) -> bool:
        """Whether the student has said yes."""
        return self.agreed_at is not None
