"""Archives of classes: those that are made to be downloaded, and those that were brought to make a class from."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

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
    with_hand_ins = models.BooleanField(default=False)
    """Whether what members handed in is in it, with the receipts."""
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
        return _explained(self.failure_code, self.failure_facts)


class BroughtArchive(models.Model):
    """An archive that somebody brought, to look at and to make a class from. Its file is called by its id."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="brought_archives")
    brought_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-brought_at"]

    def __str__(self) -> str:
        return f"archive brought by {self.owner}"


class CourseImport(models.Model):
    """The files of an archive that are to come into the class that was made from it; brought by a worker.

    Its id is that of the archive, by which the file is called.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    course = models.OneToOneField(Course, on_delete=models.CASCADE, related_name="import_of_files")
    asked_at = models.DateTimeField()
    folders = models.JSONField(default=list)
    """The folders of the archive that come into shared files: each its kind and its name."""
    total = models.PositiveIntegerField()
    """How many folders there are to bring, those with members' work among them."""
    done = models.JSONField(default=list, blank=True)
    """The names of those that were brought."""
    state = models.CharField(max_length=16, choices=ArchiveState, default=ArchiveState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    """Until when the worker that brings them has promised to be alive."""
    done_at = models.DateTimeField(null=True, blank=True)
    failure_code = models.CharField(max_length=64, blank=True)
    failure_facts = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=ArchiveState.values), name="course_import_state_known"),
        ]

    def __str__(self) -> str:
        return f"files for {self.course}"

    @property
    def is_under_way(self) -> bool:
        """Whether a worker has something to do for it."""
        return self.state in (ArchiveState.WAITING, ArchiveState.WORKING)

    @property
    def failure(self) -> Explanation | None:
        """Why not all could be brought, in words, or None."""
        return _explained(self.failure_code, self.failure_facts)


def _explained(code: str, facts: dict[str, Any]) -> Explanation | None:
    return explain(code, facts, reasons={**ENVIRONMENT_REASONS, **REASONS}) if code else None
