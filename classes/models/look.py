"""Who of the teachers has looked at whose files."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from classes.models.membership import Membership

MAX_PATH = 1000


class Look(models.Model):
    """One look of a teacher or grader at a student's files, which the student is told of."""

    class Kind(models.TextChoices):
        FOLDER = "folder", _("Listed a folder")
        FILE = "file", _("Looked at a file")
        DOWNLOAD = "download", _("Downloaded a file")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="looks")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    kind = models.CharField(max_length=16, choices=Kind)
    path = models.CharField(max_length=MAX_PATH, blank=True)
    """In the home of the student's server; empty for the home itself."""
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "pk"]
        indexes = [models.Index(fields=["membership", "-at"], name="look_membership_and_time")]
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=["folder", "file", "download"]), name="look_kind_known")
        ]

    def __str__(self) -> str:
        return f"{self.by} at {self.path or '~'} of {self.membership}"
