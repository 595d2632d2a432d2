"""Course directories of nbgrader on their way into a class and out of it. A worker reads and writes them."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from assignments.errors import REASONS
from classes.errors import REASONS as CLASS_REASONS
from classes.models import Course
from environments.errors import REASONS as ENVIRONMENT_REASONS
from environments.errors import Explanation, explain


class WorkState(models.TextChoices):
    """How far a worker is with it."""

    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Under way")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class CourseWork(models.Model):
    """Something that a worker does for a class, under a lease."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    asked_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    asked_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=WorkState, default=WorkState.WAITING)
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.UUIDField(null=True, blank=True)
    """Who carries it out; whoever else finds it is not to write its result."""
    tries = models.PositiveIntegerField(default=0)
    """How often a worker has begun it."""
    done_at = models.DateTimeField(null=True, blank=True)
    bytes = models.BigIntegerField(default=0)
    failure_code = models.CharField(max_length=64, blank=True)
    failure_facts = models.JSONField(default=dict, blank=True)

    class Meta:
        abstract = True
        ordering = ["-asked_at"]

    @property
    def is_under_way(self) -> bool:
        """Whether a worker has it, or will."""
        return self.state in (WorkState.WAITING, WorkState.RUNNING)

    @property
    def failure(self) -> Explanation | None:
        """Why nothing came of it, in words, or None."""
        if not self.failure_code:
            return None
        reasons = {**ENVIRONMENT_REASONS, **CLASS_REASONS, **REASONS}
        return explain(self.failure_code, self.failure_facts, reasons=reasons)


class CourseDirectory(CourseWork):
    """One that a teacher has brought: looked at first, and taken into the class if they say so.

    Its file stays until they remove it, so that whoever comes into the class later can have what is theirs.
    """

    class Step(models.TextChoices):
        LOOK = "look", _("Being looked at")
        TAKE = "take", _("Being imported")

    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="course_directories")
    name = models.CharField(max_length=200)
    """What its file was called."""
    step = models.CharField(max_length=8, choices=Step, default=Step.LOOK)
    found = models.JSONField(default=dict, blank=True)
    """What is in it: `course_directories.importing.Found`."""
    matches = models.JSONField(default=dict, blank=True)
    """Who somebody in it is here, where a teacher has said so: ids of nbgrader's, and of memberships."""
    made = models.JSONField(default=dict, blank=True)
    """What came of it: `course_directories.taking.Made`."""

    class Meta(CourseWork.Meta):
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=WorkState.values), name="course_directory_state_known"),
            models.CheckConstraint(condition=models.Q(step__in=("look", "take")), name="course_directory_step_known"),
        ]

    def __str__(self) -> str:
        return f"{self.name} for {self.course}"


class CourseDirectoryExport(CourseWork):
    """One that is made of a class, to be downloaded."""

    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="course_directory_exports")

    class Meta(CourseWork.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["course"],
                condition=models.Q(state__in=("waiting", "running")),
                name="one_course_directory_at_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=WorkState.values), name="course_directory_export_state_known"
            ),
        ]

    def __str__(self) -> str:
        return f"course directory of {self.course}"
