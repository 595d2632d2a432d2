"""Archives of classes: those that are made to be downloaded, and those that were brought to make a class from."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from classes.errors import REASONS
from classes.models.course import Course
from classes.querysets import CourseExportQuerySet
from environments.errors import REASONS as ENVIRONMENT_REASONS
from environments.errors import Explanation, explain


class ArchiveState(models.TextChoices):
    """What became of an archive."""

    WAITING = "waiting", _("Waiting")
    WORKING = "working", _("Under way")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class CourseExport(models.Model):
    """One archive of a class, made by a worker and kept for a while. Its file is called by its id."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="exports")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    with_files = models.BooleanField(default=True)
    """Whether the shared files of the class are in it."""
    with_work = models.BooleanField(default=False)
    """Whether what members have in their servers of the class is in it."""
    state = models.CharField(max_length=16, choices=ArchiveState, default=ArchiveState.WAITING)
    began_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    bytes = models.BigIntegerField(null=True, blank=True)
    left_out = models.PositiveIntegerField(default=0)
    """How many files could not be put into it, because of their names."""
    failure_code = models.CharField(max_length=64, blank=True)
    failure_facts = models.JSONField(default=dict, blank=True)

    objects: ClassVar[CourseExportQuerySet] = CourseExportQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-asked_at"]
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=ArchiveState.values), name="course_export_state_known"),
            models.UniqueConstraint(
                fields=["course"],
                condition=models.Q(state__in=("waiting", "working")),
                name="one_course_export_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"archive of {self.course}"

    @property
    def is_under_way(self) -> bool:
        """Whether a worker has something to do for it."""
        return self.state in (ArchiveState.WAITING, ArchiveState.WORKING)

    @property
    def failure(self) -> Explanation | None:
        """Why it could not be made, in words, or None."""
        if not self.failure_code:
            return None
        return explain(self.failure_code, self.failure_facts, reasons={**ENVIRONMENT_REASONS, **REASONS})


class BroughtArchive(models.Model):
    """An archive that somebody brought, to look at and to make a class from. Its file is called by its id."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="brought_archives")
    brought_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-brought_at"]

    def __str__(self) -> str:
        return f"archive brought by {self.owner}"
