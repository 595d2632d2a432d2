"""What graders say again and again: rubrics with points, and comments kept for reuse."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from assignments.models.assignment import Assignment
from classes.models import Course


class RubricItem(models.Model):
    """One thing that answers to a cell have or lack, and what it is worth. Changing its points changes all grades.

    Items that only take away are counted from the cell's full points, others from nothing.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE, related_name="rubric_items")
    notebook = models.CharField(max_length=200)
    grade_id = models.CharField(max_length=200)
    label = models.CharField(_("what"), max_length=300)
    points = models.DecimalField(_("points"), max_digits=10, decimal_places=4)
    """Added to the cell's points; below zero takes away from its full points."""
    position = models.PositiveIntegerField(default=0)
    retired_at = models.DateTimeField(null=True, blank=True)
    """Since when it is not offered any more; where it was given it still counts."""
    changed_at = models.DateTimeField(null=True, blank=True)
    """When it last came to say or to be worth something else."""

    class Meta:
        ordering = ["position", "label"]
        indexes = [models.Index(fields=["assignment", "notebook", "grade_id"], name="rubric_of_cell")]

    def __str__(self) -> str:
        return self.label


class SavedComment(models.Model):
    """A comment that graders of a class use again."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="saved_comments")
    text = models.TextField(max_length=10_000)
    uses = models.PositiveIntegerField(default=0)
    kept_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    kept_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-uses", "kept_at"]

    def __str__(self) -> str:
        return self.text[:60]
