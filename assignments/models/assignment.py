"""What students of a class are given to do, until when, and how it is graded."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from assignments.deadlines import COUNTS_WORDS, Allowance, Counts, LateRule, Schedule
from assignments.querysets import AssignmentQuerySet
from classes.models import Course, Lesson, Membership

MAX_TITLE = 200
MAX_NAME = 60
NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
"""What nbgrader takes for the name of an assignment, and a folder can be called."""


class Tier(models.TextChoices):
    """What students see of tests that are hidden from them, once feedback is published."""

    SHOWN = "shown", _("Everything")
    POINTS = "points", _("Their name and points only")
    LATER = "later", _("Everything, from a date on")
    NEVER = "never", _("Nothing")


class Assignment(models.Model):
    """Notebooks to be worked on. Drawn up by a teacher, given out as releases, and graded as they are submitted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="assignments")
    lesson = models.ForeignKey(Lesson, null=True, blank=True, on_delete=models.SET_NULL, related_name="assignments")
    name = models.CharField(_("short name"), max_length=MAX_NAME, validators=[RegexValidator(NAME)])
    """Its id for nbgrader, and the name of its folder among a student's files. Never changes."""
    title = models.CharField(_("title"), max_length=MAX_TITLE)
    summary = models.TextField(_("what it is about"), max_length=4000, blank=True)
    position = models.PositiveIntegerField(default=0)

    opens_at = models.DateTimeField(_("students see it from"), null=True, blank=True)
    """None: as soon as it is released."""
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    closes_at = models.DateTimeField(_("nothing is taken after"), null=True, blank=True)
    late = models.JSONField(_("what being late costs"), default=dict, blank=True)
    """As `LateRule` is stored; empty costs nothing."""
    attempts = models.PositiveIntegerField(
        _("submissions at most"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    """None: as often as they like."""
    counts = models.CharField(
        _("which submission counts"), max_length=16, choices=list(COUNTS_WORDS.items()), default=Counts.LATEST
    )
    is_submitted_at_deadline = models.BooleanField(_("submit for those who forgot"), default=True)

    is_graded_on_submit = models.BooleanField(_("grade at once what is submitted"), default=True)
    is_anonymous = models.BooleanField(_("hide names from graders"), default=False)
    hidden_tests = models.CharField(
        _("what students see of hidden tests"), max_length=16, choices=Tier, default=Tier.POINTS
    )
    hidden_tests_from = models.DateTimeField(_("hidden tests are shown from"), null=True, blank=True)
    cell_seconds = models.PositiveIntegerField(_("seconds for one cell"), default=30)
    total_seconds = models.PositiveIntegerField(_("seconds for everything"), default=300)
    memory_mb = models.PositiveIntegerField(_("memory, in MB"), default=1024)

    release = models.ForeignKey(
        "assignments.Release", null=True, blank=True, on_delete=models.SET_NULL, related_name="current_for"
    )
    """What is given out now; None while it has not been released."""
    created_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True, blank=True)
    """When a teacher took it away. What was submitted and graded stays."""

    objects: ClassVar[AssignmentQuerySet] = AssignmentQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("assignment")
        verbose_name_plural = _("assignments")
        ordering = ["position", "due_at", "created_at"]
        constraints = [
            models.UniqueConstraint(fields=["course", "name"], name="assignment_name_once_per_course"),
            models.CheckConstraint(
                condition=models.Q(counts__in=[counts.value for counts in Counts]), name="assignment_counts_known"
            ),
            models.CheckConstraint(condition=models.Q(hidden_tests__in=Tier.values), name="assignment_tier_known"),
            models.CheckConstraint(
                condition=models.Q(closes_at=None)
                | models.Q(due_at=None)
                | models.Q(closes_at__gte=models.F("due_at")),
                name="assignment_closes_after_due",
                violation_error_message=_("Nothing would be taken any more before it is due."),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def schedule(self) -> Schedule:
        """Its dates and rules, as they are for everybody."""
        return Schedule(
            self.opens_at,
            self.due_at,
            self.closes_at,
            late=LateRule.from_json(self.late),
            attempts=self.attempts,
            counts=Counts(self.counts),
        )


class Extension(models.Model):
    """What one student is allowed beyond the others: more time, a longer share of it, more attempts."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE, related_name="extensions")
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="extensions")
    extra_minutes = models.PositiveIntegerField(_("minutes more"), default=0)
    until = models.DateTimeField(_("due no earlier than"), null=True, blank=True)
    time_percent = models.PositiveIntegerField(_("time, in percent"), default=100, validators=[MinValueValidator(100)])
    """150 is half as much time again, from when it opens until it is due."""
    extra_attempts = models.PositiveIntegerField(_("further submissions"), default=0)
    note = models.CharField(_("why"), max_length=500, blank=True)
    """For teachers only."""
    given_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    given_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("extension")
        verbose_name_plural = _("extensions")
        constraints = [
            models.UniqueConstraint(fields=["assignment", "membership"], name="extension_once_per_person"),
            models.CheckConstraint(condition=models.Q(time_percent__gte=100), name="extension_never_shortens"),
        ]

    def __str__(self) -> str:
        return f"{self.membership.person} for {self.assignment}"

    @property
    def allowance(self) -> Allowance:
        """The same, as dates are worked out with it."""
        return Allowance(self.extra_minutes, self.until, self.time_percent, self.extra_attempts)
