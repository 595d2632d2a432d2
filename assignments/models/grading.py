"""How submissions get their points: by their tests, by people, and every change of it."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from assignments.errors import failure_of
from assignments.models.artefact_field import ArtefactField
from assignments.models.assignment import Assignment
from assignments.models.release import Release
from assignments.models.submission import Submission
from assignments.querysets import AutogradingQuerySet, GradeQuerySet
from classes.models import Membership
from environments.errors import Explanation


class Autograding(models.Model):
    """One run of a release's tests over a submission, carried out by a worker under a lease."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Under way")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="autogradings")
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="autogradings")
    image_key = models.CharField(max_length=128, blank=True)
    is_trial = models.BooleanField(default=False)
    """Whether it only shows what would change: its points count once a teacher takes them over."""
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    asked_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    round = models.PositiveIntegerField(default=0)
    """In which round of all classes it is carried out: each class has one in a round."""
    turn = models.PositiveIntegerField(default=0)
    """Which of the same person's it is, counted from those that were waiting: lower ones go first in a class."""
    began_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.UUIDField(null=True, blank=True)
    """Who carries it out; whoever else finds it is not to write its result."""
    tries = models.PositiveIntegerField(default=0)
    """How often a worker has begun it."""
    cells_done = models.PositiveIntegerField(default=0)
    cells_total = models.PositiveIntegerField(default=0)
    bundle = ArtefactField(blank=True)
    """The artefact with its notebooks as they were executed."""
    scores = models.JSONField(default=list)
    """The points of each cell: `engine.CellScore` each."""
    flags = models.JSONField(default=list)
    """What graders are to know: a kernel that died, a cell out of time, tests that were tampered with."""
    failure_code = models.CharField(max_length=64, blank=True)
    failure_facts = models.JSONField(default=dict, blank=True)

    objects: ClassVar[AutogradingQuerySet] = AutogradingQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-asked_at"]
        indexes = [models.Index(fields=["state", "round", "turn", "asked_at"], name="autograding_in_turn")]
        constraints = [
            models.UniqueConstraint(
                fields=["submission", "is_trial"],
                condition=models.Q(state__in=("waiting", "running")),
                name="one_autograding_at_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=("waiting", "running", "done", "failed")), name="autograding_state_known"
            ),
        ]

    def __str__(self) -> str:
        return f"autograding of {self.submission}"

    @property
    def failure(self) -> Explanation | None:
        """Why there are no points of it, in words, or None."""
        return failure_of(self.failure_code, self.failure_facts)


class GradeChange(models.Model):
    """One thing that happened to the points of a submission. Rows are added and never changed."""

    class Kind(models.TextChoices):
        AUTOMATIC = "automatic", _("By its tests")
        MANUAL = "manual", _("By a person")
        RUBRIC = "rubric", _("By a rubric")
        EXTRA = "extra", _("Extra credit")
        PENALTY = "penalty", _("Penalty")

    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="changes")
    notebook = models.CharField(max_length=200, blank=True)
    grade_id = models.CharField(max_length=200, blank=True)
    """Both empty for what concerns the whole submission."""
    kind = models.CharField(max_length=16, choices=Kind)
    points = models.DecimalField(max_digits=10, decimal_places=4, null=True)
    """What it is from then on; None takes it back."""
    is_chosen = models.BooleanField(default=True)
    """Of a rubric item: whether it was given, or taken back."""
    why = models.CharField(max_length=500, blank=True)
    by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    """None if it came from tests or a rule."""
    at = models.DateTimeField()
    is_imported = models.BooleanField(default=False)
    """Whether it was given elsewhere, and brought here with a course of nbgrader's."""
    autograding = models.ForeignKey(Autograding, null=True, on_delete=models.SET_NULL, related_name="changes")
    rubric_item = models.ForeignKey("assignments.RubricItem", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["at", "pk"]
        indexes = [models.Index(fields=["submission", "notebook", "grade_id"], name="change_of_cell")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=("automatic", "manual", "rubric", "extra", "penalty")),
                name="change_kind_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.points} at {self.submission}"


class CellGrade(models.Model):
    """The present points of one cell of a submission: its changes, folded by `points.fold`."""

    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="cell_grades")
    notebook = models.CharField(max_length=200)
    grade_id = models.CharField(max_length=200)
    max_points = models.DecimalField(max_digits=10, decimal_places=4)
    points = models.DecimalField(max_digits=10, decimal_places=4, default=0)
    """Extra credit included."""
    origin = models.CharField(max_length=16)
    """A `points.Origin`: whether its tests, a person or a rubric has given them."""
    automatic = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)
    extra = models.DecimalField(max_digits=10, decimal_places=4, default=0)
    needs_manual = models.BooleanField(default=False)
    graded_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    graded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["submission", "notebook", "grade_id"], name="cell_grade_once"),
        ]
        indexes = [models.Index(fields=["notebook", "grade_id", "needs_manual"], name="cell_grade_to_do")]

    def __str__(self) -> str:
        return f"{self.notebook}/{self.grade_id} of {self.submission}"


class Grade(models.Model):
    """What one student has for one assignment now, and what of it they have been told."""

    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="grades")
    membership = models.ForeignKey(Membership, on_delete=models.PROTECT, related_name="grades")
    submission = models.ForeignKey(Submission, null=True, on_delete=models.SET_NULL, related_name="grade_of")
    """The one that counts."""
    points = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)
    """After the penalty for being late; None before anything is graded."""
    penalty = models.DecimalField(max_digits=10, decimal_places=4, default=0)
    """How many points being late has cost."""
    max_points = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)
    needs_manual = models.PositiveIntegerField(default=0)
    changed_at = models.DateTimeField()
    published_points = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)
    published_max_points = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    """When it was last published; None before."""
    published_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")

    objects: ClassVar[GradeQuerySet] = GradeQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("grade")
        verbose_name_plural = _("grades")
        constraints = [models.UniqueConstraint(fields=["assignment", "membership"], name="grade_once_per_person")]

    def __str__(self) -> str:
        return f"{self.membership.person} for {self.assignment}"


class CellComment(models.Model):
    """What a grader says of one cell: of any, graded or not."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="comments")
    notebook = models.CharField(max_length=200)
    cell = models.CharField(max_length=200)
    """Its `grade_id`, or its id in the notebook where it has none; empty for the whole notebook."""
    text = models.TextField(max_length=10_000)
    """Markdown."""
    by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField()
    changed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["at"]
        indexes = [models.Index(fields=["submission", "notebook", "cell"], name="comment_of_cell")]

    def __str__(self) -> str:
        return f"comment at {self.notebook}/{self.cell} of {self.submission}"


class CellLease(models.Model):
    """Who grades a cell of a submission at this moment, so that no two do."""

    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="leases")
    notebook = models.CharField(max_length=200)
    grade_id = models.CharField(max_length=200)
    holder = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    until = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["submission", "notebook", "grade_id"], name="lease_once")]

    def __str__(self) -> str:
        return f"{self.holder} at {self.notebook}/{self.grade_id}"
