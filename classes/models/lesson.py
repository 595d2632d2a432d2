"""What a class does when: its lessons in their order, and who has been in which."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from classes.models.course import MAX_TITLE, Course
from classes.models.membership import Membership
from classes.querysets import LessonQuerySet, LessonVisitQuerySet

MAX_READY_MINUTES = 60


class Lesson(models.Model):
    """A unit of a class. It opens the member's own server of the class directly at its notebook."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="lessons")
    title = models.CharField(_("title"), max_length=MAX_TITLE)
    summary = models.TextField(_("what it is about"), max_length=2000, blank=True)
    position = models.PositiveIntegerField(default=0)
    """Its place among the lessons of the class; gaps do no harm."""
    path = models.CharField(_("file or folder to open"), max_length=500, blank=True)
    """In the home of the member's server, as `lab/tree/` takes it; empty opens the server itself."""
    starts_at = models.DateTimeField(_("begins"), null=True, blank=True)
    ends_at = models.DateTimeField(_("ends"), null=True, blank=True)
    published_at = models.DateTimeField(_("visible to students from"), null=True, blank=True)
    """From when students see and open it; None while it is a draft."""

    ready_minutes = models.PositiveSmallIntegerField(
        _("servers ready before it begins, in minutes"), null=True, blank=True
    )
    """So long before it begins every student's server runs; None if each starts when its student comes."""

    former_ids = models.JSONField(default=list, blank=True, editable=False)
    """Of a copy, the IDs of the lessons that it is a copy of, the latest first: links to those lead here."""

    objects: ClassVar[LessonQuerySet] = LessonQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("lesson")
        verbose_name_plural = _("lessons")
        ordering = ["position", "starts_at", "pk"]
        indexes = [models.Index(fields=["course", "position"], name="lesson_course_and_position")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at=None)
                | models.Q(starts_at=None)
                | models.Q(ends_at__gte=models.F("starts_at")),
                name="lesson_ends_after_it_begins",
                violation_error_message=_("The lesson ends before it begins."),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def is_published(self, now: datetime) -> bool:
        """Whether students see it."""
        return self.published_at is not None and self.published_at <= now


class LessonVisit(models.Model):
    """One member's work on one lesson, as far as it can be told from the notebook they have saved."""

    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="visits")
    lesson = models.ForeignKey(Lesson, on_delete=models.CASCADE, related_name="visits")
    opened_at = models.DateTimeField()
    last_opened_at = models.DateTimeField()
    cells = models.PositiveIntegerField(default=0)
    """How many cells with code the notebook has."""
    executed_cells = models.PositiveIntegerField(default=0)
    validated_cells = models.PositiveIntegerField(default=0)
    """Of the cells that test an answer, those that ran without an error."""
    tests = models.PositiveIntegerField(default=0)
    """How many cells test an answer."""
    failing_cells = models.PositiveIntegerField(default=0)
    """Cells that ended in an error."""
    progressed_at = models.DateTimeField(null=True, blank=True)
    """When the counts last changed."""
    saved_at = models.DateTimeField(null=True, blank=True)
    """When the notebook that was counted had been saved, by its own clock."""
    measured_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[LessonVisitQuerySet] = LessonVisitQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-last_opened_at"]
        constraints = [models.UniqueConstraint(fields=["membership", "lesson"], name="visit_once_per_lesson")]

    def __str__(self) -> str:
        return f"{self.membership.person} at {self.lesson}"
