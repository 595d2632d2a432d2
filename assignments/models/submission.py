"""What students have been given, and what they gave back."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from assignments.errors import failure_of
from assignments.models.artefact_field import ArtefactField
from assignments.models.assignment import Assignment
from assignments.models.release import Release
from assignments.querysets import SubmissionQuerySet
from classes.models import Membership
from environments.errors import Explanation


class Fetch(models.Model):
    """A student's copy of an assignment among their files, and which release it is by now. Put there by a worker."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Being put in place")
        THERE = "there", _("There")
        FAILED = "failed", _("Not there")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE, related_name="fetches")
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="fetches")
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="fetches")
    """What it is, or is being brought to."""
    before = models.ForeignKey(Release, null=True, on_delete=models.PROTECT, related_name="+")
    """What it was until then."""
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    asked_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveIntegerField(default=0)
    """How many workers have begun it and neither ended it nor let it go."""
    done_at = models.DateTimeField(null=True, blank=True)
    news = models.JSONField(default=list)
    """What merging a later release into it has changed, in `merging`'s terms."""
    failure_code = models.CharField(max_length=64, blank=True)
    failure_facts = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["assignment", "membership"], name="fetch_once_per_person")]

    def __str__(self) -> str:
        return f"{self.assignment} with {self.membership.person}"

    @property
    def failure(self) -> Explanation | None:
        """Why it is not there, in words, or None."""
        return failure_of(self.failure_code, self.failure_facts)


class Way(models.TextChoices):
    """How a submission came in."""

    PAGE = "page", _("On the page")
    LAB = "lab", _("From the notebook server")
    DEADLINE = "deadline", _("By itself, at the deadline")
    TEACHER = "teacher", _("By a teacher")


class Collection(models.Model):
    """That a worker is to take a student's copy as their submission: asked for by them, or at the deadline."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Being submitted")
        DONE = "done", _("Submitted")
        FAILED = "failed", _("Not submitted")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE, related_name="collections")
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="collections")
    way = models.CharField(max_length=16, choices=Way)
    asked_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    asked_at = models.DateTimeField()
    """What counts as the moment of submission, whenever the worker comes to it."""
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    lease_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveIntegerField(default=0)
    """How many workers have begun it and neither ended it nor let it go."""
    submission = models.OneToOneField(
        "assignments.Submission", null=True, on_delete=models.SET_NULL, related_name="collection"
    )
    failure_code = models.CharField(max_length=64, blank=True)
    failure_facts = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-asked_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["assignment", "membership"],
                condition=models.Q(state="waiting"),
                name="one_collection_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"collection of {self.assignment} from {self.membership.person}"

    @property
    def failure(self) -> Explanation | None:
        """Why nothing was submitted, in words, or None."""
        return failure_of(self.failure_code, self.failure_facts)


class Submission(models.Model):
    """What one student gave back, exactly as it was received. Never changes but in what grading makes of it."""

    class State(models.TextChoices):
        RECEIVED = "received", _("Received")
        WAITING = "waiting", _("Waiting to be graded")
        RUNNING = "running", _("Being graded")
        GRADED = "graded", _("Graded by its tests")
        PROBLEM = "problem", _("Could not be graded")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="submissions")
    membership = models.ForeignKey(Membership, on_delete=models.PROTECT, related_name="submissions")
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="submissions")
    """What their copy was made from, as far as is known."""
    attempt = models.PositiveIntegerField()
    """One for their first."""
    submitted_at = models.DateTimeField()
    """By the clock of Carrel, when it had been received whole."""
    way = models.CharField(max_length=16, choices=Way)
    submitted_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    bundle = ArtefactField()
    """The artefact as it was received: its SHA-256."""
    bytes = models.BigIntegerField()
    files = models.JSONField(default=list)
    """Each file that was received: its name, its bytes, and its SHA-256."""
    repaired = ArtefactField(blank=True)
    """The artefact that is graded, where something had to be put right."""
    repairs = models.JSONField(default=list)
    """What was put right: `doctoring.Repair` each."""
    receipt = models.TextField(blank=True)
    """Signed; what the student can show."""

    state = models.CharField(max_length=16, choices=State, default=State.RECEIVED)
    autograding = models.ForeignKey(
        "assignments.Autograding", null=True, blank=True, on_delete=models.SET_NULL, related_name="current_for"
    )
    """What its present points by tests come from."""
    points = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)
    """Of all its cells, before a penalty for being late; None before it is graded."""
    max_points = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)
    needs_manual = models.PositiveIntegerField(default=0)
    """How many cells wait for a person."""

    objects: ClassVar[SubmissionQuerySet] = SubmissionQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("submission")
        verbose_name_plural = _("submissions")
        ordering = ["-submitted_at"]
        indexes = [models.Index(fields=["assignment", "state"], name="submission_state")]
        constraints = [
            models.UniqueConstraint(fields=["assignment", "membership", "attempt"], name="attempt_once"),
            models.UniqueConstraint(
                fields=["assignment", "membership"],
                condition=models.Q(way="deadline"),
                name="submitted_once_at_the_deadline",
            ),
            models.CheckConstraint(condition=models.Q(way__in=Way.values), name="submission_way_known"),
            models.CheckConstraint(
                condition=models.Q(state__in=("received", "waiting", "running", "graded", "problem")),
                name="submission_state_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.assignment} by {self.membership.person}, {self.attempt}"
