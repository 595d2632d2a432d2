"""What a teacher has drawn up for an assignment, what came of checking it, and what of it was given out."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from assignments.errors import failure_of
from assignments.models.artefact_field import ArtefactField
from assignments.models.assignment import Assignment
from environments.errors import Explanation
from environments.models import EnvironmentVersion


class Origin(models.TextChoices):
    """Where a source came from."""

    REPOSITORY = "repository", _("The repository of the class")
    UPLOAD = "upload", _("Uploaded")
    NBGRADER = "nbgrader", _("A course of nbgrader")
    SERVER = "server", _("A teacher's server")


class Source(models.Model):
    """The notebooks as a teacher wrote them, with solutions and hidden tests. Never changes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE, related_name="sources")
    origin = models.CharField(max_length=16, choices=Origin)
    origin_detail = models.CharField(max_length=500, blank=True)
    """The commit and folder, the file, or the path in the server: for the teacher to recognise it."""
    bundle = ArtefactField()
    """The artefact with its files."""
    bytes = models.BigIntegerField()
    notebooks = models.JSONField(default=list)
    """The names of its notebooks, without their ending."""
    upgraded = models.JSONField(default=list, blank=True)
    """The names of those that came in the format of another time and were written anew."""
    brought_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    brought_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-brought_at"]
        constraints = [
            models.CheckConstraint(condition=models.Q(origin__in=Origin.values), name="source_origin_known"),
        ]

    def __str__(self) -> str:
        return f"source of {self.assignment}"


class GateRun(models.Model):
    """One check of a source before it is given out: a worker makes a release of it, runs it, and reports.

    What it made is what a release is then made from, so that nothing else is given out than what was checked.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Under way")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="gate_runs")
    image_key = models.CharField(max_length=128, blank=True)
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    asked_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    began_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.UUIDField(null=True, blank=True)
    """Who carries it out; whoever else finds it is not to write its result."""
    tries = models.PositiveIntegerField(default=0)
    """How often a worker has begun it."""
    bundle = ArtefactField(blank=True)
    """The artefact students would get; empty where none could be made of the source."""
    gradebook = ArtefactField(blank=True)
    """The artefact that would grade it."""
    engine_version = models.CharField(max_length=40, blank=True)
    cells = models.JSONField(default=list)
    """The cells that matter for grading: notebook, grade_id, kind, points, in their order."""
    findings = models.JSONField(default=list)
    """What it found, worst first: `gate.Finding` each. Passed when none of them is an error."""
    has_passed = models.BooleanField(default=False)
    failure_code = models.CharField(max_length=64, blank=True)
    failure_facts = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-asked_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["source"], condition=models.Q(state__in=("waiting", "running")), name="one_gate_run_at_a_time"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=("waiting", "running", "done", "failed")), name="gate_run_state_known"
            ),
        ]

    def __str__(self) -> str:
        return f"check of {self.source}"

    @property
    def failure(self) -> Explanation | None:
        """Why it could not be carried out, in words, or None."""
        return failure_of(self.failure_code, self.failure_facts)


class Release(models.Model):
    """What students were given at one time. Never changes: a correction is a release of its own."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE, related_name="releases")
    number = models.PositiveIntegerField()
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="releases")
    bundle = ArtefactField()
    """The artefact students get: no solutions, no hidden tests."""
    gradebook = ArtefactField()
    """The artefact that grades it: nbgrader's database with the tests, and nobody in it."""
    version = models.ForeignKey(EnvironmentVersion, null=True, on_delete=models.SET_NULL, related_name="releases")
    """What it is run in when it is graded."""
    image_key = models.CharField(max_length=128, blank=True)
    """The same, which stays when the version is gone."""
    engine_version = models.CharField(max_length=40)
    gate_run = models.ForeignKey(GateRun, null=True, on_delete=models.SET_NULL, related_name="releases")
    is_knowing = models.BooleanField(default=False)
    """Whether it was released although the check found errors, or was not waited for."""
    note = models.CharField(_("what has changed"), max_length=500, blank=True)
    released_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    released_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["assignment", "number"], name="release_number_once")]

    def __str__(self) -> str:
        return f"{self.assignment}, {self.number}"


class CellKind(models.TextChoices):
    """What a cell is for."""

    ANSWER = "answer", _("Answer, graded by tests")
    TESTS = "tests", _("Tests")
    MANUAL = "manual", _("Answer, graded by a person")
    TASK = "task", _("Task, graded by a person")
    READ_ONLY = "read-only", _("Read only")


class Cell(models.Model):
    """One cell of a release that matters for grading. Across releases it is known by its notebook and `grade_id`."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="cells")
    notebook = models.CharField(max_length=200)
    grade_id = models.CharField(max_length=200)
    kind = models.CharField(max_length=16, choices=CellKind)
    points = models.DecimalField(max_digits=10, decimal_places=4, default=0)
    position = models.PositiveIntegerField()
    """Its place among the cells of all notebooks of the release."""

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["release", "notebook", "grade_id"], name="cell_once_per_release"),
            models.CheckConstraint(condition=models.Q(kind__in=CellKind.values), name="cell_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.notebook}/{self.grade_id}"
