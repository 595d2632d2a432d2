"""How submissions and grades look to a program, and what it may ask about them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from assignments.grading.destinations import Stage
from assignments.grading.points import ChangeKind, Origin
from assignments.models import Autograding, CellGrade, Grade, GradeChange, RegradeMessage, RegradeRequest, Submission
from assignments.records import SubmissionRecord
from assignments.returning.requests import MAX_CHARACTERS
from environments.serializers.conventions import ReasonSerializer, StrictSerializer

MAX_CELL = 200
MAX_NUMBER = 2**31 - 1


class PointsField(serializers.DecimalField):
    """A number of points that somebody gives."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=10, decimal_places=4, coerce_to_string=False, min_value=0, **options)


def _points(words: str = "", **options: Any) -> serializers.FloatField:
    return serializers.FloatField(read_only=True, allow_null=True, help_text=words or None, **options)


# --- Submissions -------------------------------------------------------------------------------------------


class SubmissionSearchSerializer(serializers.Serializer[Any]):
    """Which submissions."""

    course = serializers.SlugField(required=False, help_text="In this class, by its slug.")
    assignment = serializers.UUIDField(required=False)
    username = serializers.CharField(
        max_length=254, required=False, help_text="Of this person. Where names are hidden from you nothing is found."
    )
    state = serializers.ChoiceField(choices=Submission.State.choices, required=False)
    needs_manual = serializers.BooleanField(required=False, help_text="Whether a cell of it waits for a person.")
    counts = serializers.BooleanField(required=False, help_text="Whether it is the one that counts.")


class SubmissionSerializer(serializers.Serializer[Any]):
    """A submission, and how it stands."""

    id = serializers.UUIDField(source="submission.pk", read_only=True)
    course = serializers.CharField(source="submission.assignment.course.slug", read_only=True)
    assignment = serializers.UUIDField(source="submission.assignment_id", read_only=True)
    username = serializers.CharField(
        source="person.username",
        read_only=True,
        allow_null=True,
        default=None,
        help_text="Null where names are hidden.",
    )
    name = serializers.CharField(source="called", read_only=True, help_text="A sign where names are hidden.")
    attempt = serializers.IntegerField(source="submission.attempt", read_only=True)
    submitted_at = serializers.DateTimeField(source="submission.submitted_at", read_only=True)
    way = serializers.CharField(
        source="submission.way", read_only=True, help_text="How it came: `page`, `lab`, `deadline`, `teacher`."
    )
    is_late = serializers.BooleanField(source="stands.is_late", read_only=True)
    percent_kept = serializers.IntegerField(
        source="stands.percent_kept", read_only=True, help_text="Of its points, after being late."
    )
    release = serializers.IntegerField(source="submission.release.number", read_only=True)
    sha256 = serializers.CharField(source="submission.bundle", read_only=True, help_text="Of the tar of its files.")
    bytes = serializers.IntegerField(source="submission.bytes", read_only=True)
    state = serializers.ChoiceField(source="submission.state", choices=Submission.State.choices, read_only=True)
    counts = serializers.SerializerMethodField(help_text="Whether it is the one that counts.")
    points = _points("Before being late; to whoever submitted it, its grade as published.")
    max_points = _points()
    needs_manual = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="How many cells wait for a person; for those who grade."
    )
    feedback_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="When feedback was last published; null before."
    )

    def get_counts(self, record: SubmissionRecord) -> bool:
        """It is somebody's grade."""
        return record.grade is not None


class SubmittedFileSerializer(serializers.Serializer[Any]):
    """A file as it was received."""

    name = serializers.CharField(read_only=True)
    bytes = serializers.IntegerField(read_only=True)
    sha256 = serializers.CharField(read_only=True)

    def to_representation(self, file: Any) -> dict[str, Any]:
        """From the row that is kept."""
        return dict(zip(self.fields, file, strict=True))


class RunFlagSerializer(serializers.Serializer[Any]):
    """What running a submission has shown."""

    notebook = serializers.CharField(read_only=True)
    cell = serializers.CharField(read_only=True, default="", help_text="Empty for the whole notebook.")
    code = serializers.CharField(read_only=True)


class RunSerializer(serializers.ModelSerializer[Autograding]):
    """One run of the tests over a submission."""

    release = serializers.IntegerField(source="release.number", read_only=True)
    flags = RunFlagSerializer(many=True, read_only=True)
    reason = ReasonSerializer(source="failure", read_only=True, allow_null=True)

    class Meta:
        model = Autograding
        fields = ["id", "state", "release", "asked_at", "done_at", "cells_done", "cells_total", "flags", "reason"]
        read_only_fields = fields


class SubmissionDetailSerializer(SubmissionSerializer):
    """One of them, with what was received."""

    files = SubmittedFileSerializer(source="submission.files", many=True, read_only=True)
    repairs = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="What was put right before grading, in words."
    )
    receipt = serializers.CharField(
        read_only=True, allow_null=True, help_text="All of this, signed; null where names are hidden."
    )
    run = RunSerializer(
        read_only=True, allow_null=True, help_text="The last run of its tests; for those who grade, else null."
    )


# --- Cells -------------------------------------------------------------------------------------------------


class CellPointsSerializer(serializers.ModelSerializer[CellGrade]):
    """What a cell has."""

    cell = serializers.CharField(source="grade_id", read_only=True)
    points = _points("Extra credit included.")
    max_points = _points()

    class Meta:
        model = CellGrade
        fields = ["notebook", "cell", "points", "max_points", "needs_manual"]
        read_only_fields = fields


class CellSerializer(serializers.Serializer[Any]):
    """A cell of a submission that gives points, what it has, and who gave that."""

    notebook = serializers.CharField(source="cell.notebook", read_only=True)
    cell = serializers.CharField(source="cell.grade_id", read_only=True)
    kind = serializers.CharField(source="cell.kind", read_only=True, help_text="`tests`, `manual` or `task`.")
    max_points = _points(source="cell.points")
    points = _points("Extra credit included; null before it was graded.", source="grade.points", default=None)
    automatic = _points("By its tests.", source="grade.automatic", default=None)
    extra = _points(source="grade.extra", default=None)
    origin = serializers.ChoiceField(
        source="grade.origin",
        choices=[(origin.value, origin.value) for origin in Origin],
        read_only=True,
        allow_null=True,
        default=None,
    )
    needs_manual = serializers.BooleanField(source="grade.needs_manual", read_only=True, default=False)
    graded_by = serializers.CharField(
        source="grade.graded_by.get_full_name", read_only=True, allow_null=True, default=None, help_text="Their name."
    )
    items = serializers.ListField(
        child=serializers.UUIDField(), read_only=True, help_text="The rubric items that were chosen for it."
    )
    seen = serializers.IntegerField(
        read_only=True, help_text="The last thing a person did to it: send it when giving points."
    )


class ChangeSerializer(serializers.ModelSerializer[GradeChange]):
    """One thing that happened to the points of a submission."""

    cell = serializers.CharField(source="grade_id", read_only=True, help_text="Empty for the whole submission.")
    points = _points("What it is from then on; null takes it back.")
    rubric_item = serializers.CharField(source="rubric_item.label", read_only=True, allow_null=True, default=None)
    by = serializers.CharField(
        source="by.get_full_name", read_only=True, allow_null=True, default=None, help_text="Null for tests and rules."
    )

    class Meta:
        model = GradeChange
        fields = ["id", "notebook", "cell", "kind", "points", "rubric_item", "is_chosen", "why", "by", "at"]
        read_only_fields = fields


class GivePointsSerializer(StrictSerializer):
    """What a cell is to have."""

    notebook = serializers.CharField(max_length=MAX_CELL)
    cell = serializers.CharField(max_length=MAX_CELL)
    kind = serializers.ChoiceField(
        choices=[(kind.value, kind.value) for kind in (ChangeKind.MANUAL, ChangeKind.EXTRA)],
        default=ChangeKind.MANUAL.value,
        help_text="`manual` is its points, `extra` all its extra credit.",
    )
    points = PointsField(allow_null=True, help_text="Null takes back what was given.")
    why = serializers.CharField(max_length=500, help_text="The reason, which stays in the history.")
    seen = serializers.IntegerField(
        min_value=0, max_value=MAX_NUMBER, help_text="As the cell says: nobody writes over what they have not seen."
    )


class ProblemSerializer(serializers.Serializer[Any]):
    """A cell of an assignment, and how far it is graded."""

    notebook = serializers.CharField(source="key.notebook", read_only=True)
    cell = serializers.CharField(source="key.grade_id", read_only=True)
    kind = serializers.CharField(read_only=True)
    max_points = _points()
    all = serializers.IntegerField(read_only=True, help_text="How many submissions count.")
    to_do = serializers.IntegerField(read_only=True, help_text="How many of them wait for a person.")
    mean = _points()


class GradingStateSerializer(serializers.Serializer[Any]):
    """How far a class is with an assignment, in students. With tests, each counts where most is still to be done."""

    students = serializers.IntegerField(read_only=True)
    fetched = serializers.IntegerField(read_only=True)
    submitted = serializers.IntegerField(read_only=True)
    graded = serializers.IntegerField(read_only=True, help_text="By tests, all that they submitted.")
    waiting = serializers.IntegerField(read_only=True, help_text="For whom tests are still to be run.")
    need_a_person = serializers.IntegerField(read_only=True)
    problems = serializers.IntegerField(read_only=True, help_text="Whose work could not be graded.")
    cells = ProblemSerializer(many=True, read_only=True)


class AskedSerializer(serializers.Serializer[Any]):
    """How many submissions something was asked for."""

    asked = serializers.IntegerField(read_only=True)


# --- Grades ------------------------------------------------------------------------------------------------


class GradeSearchSerializer(serializers.Serializer[Any]):
    """Which grades."""

    course = serializers.SlugField(required=False, help_text="Of this class, by its slug.")
    assignment = serializers.UUIDField(required=False)
    username = serializers.CharField(max_length=254, required=False)


class DeliverySerializer(serializers.Serializer[Any]):
    """How far a published grade is at one place that it goes to beside Carrel, such as a learning platform."""

    place = serializers.CharField(source="name", read_only=True)
    stage = serializers.ChoiceField(choices=[(stage.value, stage.value) for stage in Stage], read_only=True)
    at = serializers.DateTimeField(read_only=True, allow_null=True, help_text="Since when it is there.")


class GradeSerializer(serializers.ModelSerializer[Grade]):
    """What one student has for one assignment, and what of it they were told.

    Its context has the `person` who asks, and the `deliveries` of all these grades.
    """

    course = serializers.CharField(source="assignment.course.slug", read_only=True)
    username = serializers.CharField(source="membership.person.username", read_only=True)
    name = serializers.CharField(source="membership.person.get_full_name", read_only=True)
    points = _points("Now, after being late; null to students.")
    max_points = _points()
    penalty = _points("How many points being late has cost.")
    needs_manual = serializers.IntegerField(read_only=True, allow_null=True)
    changed_at = serializers.DateTimeField(read_only=True, allow_null=True)
    published_points = _points()
    published_max_points = _points()
    deliveries = serializers.SerializerMethodField()

    NOT_TOLD = ("points", "max_points", "penalty", "needs_manual", "changed_at")

    class Meta:
        model = Grade
        fields = [
            *("id", "course", "assignment", "username", "name", "submission", "points", "max_points", "penalty"),
            *("needs_manual", "changed_at", "published_points", "published_max_points", "published_at", "deliveries"),
        ]
        read_only_fields = fields

    @extend_schema_field(DeliverySerializer(many=True))
    def get_deliveries(self, grade: Grade) -> list[Any]:
        """Where it goes beside Carrel."""
        return list(DeliverySerializer(self.context["deliveries"].get(grade.pk, []), many=True).data)

    def to_representation(self, grade: Grade) -> dict[str, Any]:
        """To students, only what was published."""
        shown: dict[str, Any] = super().to_representation(grade)
        if grade.membership.person_id == self.context["person"].pk and grade.membership.role == "student":
            return shown | dict.fromkeys(self.NOT_TOLD)
        return shown


class GradebookRowSerializer(GradeSerializer):
    """The same with the points of each cell."""

    cells = serializers.SerializerMethodField()

    class Meta(GradeSerializer.Meta):
        fields = [*GradeSerializer.Meta.fields, "cells"]
        read_only_fields = fields

    @extend_schema_field(CellPointsSerializer(many=True))
    def get_cells(self, grade: Grade) -> list[Any]:
        """Of the submission that counts."""
        cells = list(grade.submission.cell_grades.all()) if grade.submission is not None else []
        return list(CellPointsSerializer(cells, many=True).data)


class PublishGradesSerializer(StrictSerializer):
    """Whom to tell what they have."""

    usernames = serializers.ListField(
        child=serializers.CharField(max_length=254), max_length=1000, required=False, help_text="All unless given."
    )
    message = serializers.CharField(max_length=4000, allow_blank=True, default="", help_text="To all of them.")


class PublishedSerializer(serializers.Serializer[Any]):
    """Who was told."""

    published = serializers.IntegerField(read_only=True, help_text="How many students now see their grade.")


# --- Grading anew ------------------------------------------------------------------------------------------


class TrialSerializer(serializers.Serializer[Any]):
    """What one student has, and what they would have by the present release."""

    grade = serializers.IntegerField(source="grade_id", read_only=True)
    username = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    trial = serializers.UUIDField(source="trial_id", read_only=True, allow_null=True)
    state = serializers.ChoiceField(
        choices=Autograding.State.choices,
        read_only=True,
        allow_null=True,
        help_text="Null where none was asked for with this release.",
    )
    points = _points("Now.", source="now")
    max_points = _points(source="max_now")
    new_points = _points("By the trial; null before it is done.", source="points")
    new_max_points = _points(source="max_points")
    is_ready = serializers.BooleanField(read_only=True, help_text="Whether it can be taken over.")
    is_other = serializers.BooleanField(read_only=True, help_text="Whether that would change anything.")
    is_taken_over = serializers.BooleanField(read_only=True)
    reason = ReasonSerializer(source="failure", read_only=True, allow_null=True)


class TakeOverSerializer(StrictSerializer):
    """Which trials are to count."""

    trials = serializers.ListField(
        child=serializers.UUIDField(), max_length=5000, required=False, help_text="All that are ready unless given."
    )


class TakenOverSerializer(serializers.Serializer[Any]):
    """How many grades were worked out anew."""

    taken_over = serializers.IntegerField(read_only=True)


# --- Requests ----------------------------------------------------------------------------------------------


class RequestSearchSerializer(serializers.Serializer[Any]):
    """Which questions."""

    state = serializers.ChoiceField(choices=RegradeRequest.State.choices, required=False)


class RequestMessageSerializer(serializers.ModelSerializer[RegradeMessage]):
    """One message of a thread."""

    by = serializers.SerializerMethodField(help_text="Their name; null for a student where names are hidden.")

    class Meta:
        model = RegradeMessage
        fields = ["text", "by", "at"]
        read_only_fields = fields

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_by(self, message: RegradeMessage) -> str | None:
        """Whoever asks is known only to those who may know."""
        if message.by is None or message.by_id == self.context.get("hidden"):
            return None
        return message.by.get_full_name()


class RequestSerializer(serializers.Serializer[Any]):
    """A question of a student about the points of a cell."""

    id = serializers.UUIDField(source="request.pk", read_only=True)
    submission = serializers.UUIDField(source="request.submission_id", read_only=True)
    username = serializers.CharField(
        source="about.person.username", read_only=True, allow_null=True, default=None, help_text="Null where hidden."
    )
    name = serializers.CharField(source="about.called", read_only=True)
    notebook = serializers.CharField(source="request.notebook", read_only=True)
    cell = serializers.CharField(source="request.grade_id", read_only=True)
    state = serializers.ChoiceField(source="request.state", choices=RegradeRequest.State.choices, read_only=True)
    opened_at = serializers.DateTimeField(source="request.opened_at", read_only=True)
    closed_at = serializers.DateTimeField(source="request.closed_at", read_only=True, allow_null=True)
    messages = serializers.SerializerMethodField()

    @extend_schema_field(RequestMessageSerializer(many=True))
    def get_messages(self, record: Any) -> list[Any]:
        """The first first."""
        hidden = record.about.submission.membership.person_id if record.about.person is None else None
        messages = record.request.messages.all()
        return list(RequestMessageSerializer(messages, many=True, context={"hidden": hidden}).data)


class AskAgainSerializer(StrictSerializer):
    """A question about the points of a cell."""

    notebook = serializers.CharField(max_length=MAX_CELL)
    cell = serializers.CharField(max_length=MAX_CELL)
    text = serializers.CharField(max_length=MAX_CHARACTERS)


class AnswerSerializer(StrictSerializer):
    """Something to say in the thread."""

    text = serializers.CharField(max_length=MAX_CHARACTERS)


class CloseRequestSerializer(StrictSerializer):
    """How a question ends."""

    points = PointsField(
        allow_null=True, default=None, help_text="What the cell is to have; null leaves it what it has."
    )
    text = serializers.CharField(max_length=MAX_CHARACTERS, allow_blank=True, default="")
