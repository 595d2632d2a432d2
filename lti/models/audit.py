"""What was done about learning platforms, by whom and when: for whoever runs this Carrel."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from lti.models.platform import Platform
from lti.querysets import AuditEntryQuerySet


class AuditEntry(models.Model):
    """One thing that happened. It is written once, and goes when it is too long ago to matter."""

    at = models.DateTimeField()
    what = models.CharField(max_length=32)
    """A word of `audit.What`."""
    platform = models.ForeignKey(
        Platform, null=True, blank=True, on_delete=models.SET_NULL, related_name="audit_entries"
    )
    platform_name = models.CharField(max_length=120, blank=True)
    """As it was called then: it may be gone."""
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    """Who did it; None where Carrel or a platform did."""
    reference = models.CharField(max_length=16, blank=True, db_index=True)
    """What the person was told to name, where something was refused."""
    facts = models.JSONField(default=dict)

    objects: ClassVar[AuditEntryQuerySet] = AuditEntryQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["-at", "-id"], name="audit_time"),
            models.Index(fields=["platform", "-at"], name="audit_platform_and_time"),
            models.Index(fields=["what", "-at"], name="audit_what_and_time"),
        ]

    def __str__(self) -> str:
        return f"{self.what} at {self.at}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Once. Raises TypeError for what was written already."""
        if not self._state.adding:
            raise TypeError("what was noted stays as it is")
        super().save(*args, **kwargs)
