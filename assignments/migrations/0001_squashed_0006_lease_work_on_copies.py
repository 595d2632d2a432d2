"""All the tables of assignments at once: what 0001 to 0006 make one after the other."""

import uuid

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    replaces = [
        ("assignments", "0001_begin"),
        ("assignments", "0002_lease_gate_runs"),
        ("assignments", "0003_note_upgraded_notebooks"),
        ("assignments", "0004_bring_course_directories"),
        ("assignments", "0005_share_among_classes"),
        ("assignments", "0006_lease_work_on_copies"),
    ]

    initial = True

    dependencies = [
        ("classes", "0012_files_of_archives"),
        ("environments", "0029_material"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SavedComment",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("text", models.TextField(max_length=10000)),
                ("uses", models.PositiveIntegerField(default=0)),
                ("kept_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "course",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="saved_comments", to="classes.course"
                    ),
                ),
                (
                    "kept_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-uses", "kept_at"],
            },
        ),
        migrations.CreateModel(
            name="CourseDirectory",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("asked_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("running", "Under way"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                        max_length=16,
                    ),
                ),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("worker", models.UUIDField(blank=True, null=True)),
                ("tries", models.PositiveIntegerField(default=0)),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                ("bytes", models.BigIntegerField(default=0)),
                ("failure_code", models.CharField(blank=True, max_length=64)),
                ("failure_facts", models.JSONField(blank=True, default=dict)),
                (
                    "asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                (
                    "step",
                    models.CharField(
                        choices=[("look", "Being looked at"), ("take", "Being imported")], default="look", max_length=8
                    ),
                ),
                ("found", models.JSONField(blank=True, default=dict)),
                ("matches", models.JSONField(blank=True, default=dict)),
                ("made", models.JSONField(blank=True, default=dict)),
                (
                    "course",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="course_directories",
                        to="classes.course",
                    ),
                ),
            ],
            options={
                "ordering": ["-asked_at"],
                "abstract": False,
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["waiting", "running", "done", "failed"])),
                        name="course_directory_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("step__in", ("look", "take"))), name="course_directory_step_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CourseDirectoryExport",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("asked_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("running", "Under way"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                        max_length=16,
                    ),
                ),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("worker", models.UUIDField(blank=True, null=True)),
                ("tries", models.PositiveIntegerField(default=0)),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                ("bytes", models.BigIntegerField(default=0)),
                ("failure_code", models.CharField(blank=True, max_length=64)),
                ("failure_facts", models.JSONField(blank=True, default=dict)),
                (
                    "asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "course",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="course_directory_exports",
                        to="classes.course",
                    ),
                ),
            ],
            options={
                "ordering": ["-asked_at"],
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ("waiting", "running"))),
                        fields=("course",),
                        name="one_course_directory_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["waiting", "running", "done", "failed"])),
                        name="course_directory_export_state_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Assignment",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "name",
                    models.CharField(
                        max_length=60,
                        validators=[django.core.validators.RegexValidator("^[A-Za-z0-9][A-Za-z0-9_.-]*$")],
                        verbose_name="short name",
                    ),
                ),
                ("title", models.CharField(max_length=200, verbose_name="title")),
                ("summary", models.TextField(blank=True, max_length=4000, verbose_name="what it is about")),
                ("position", models.PositiveIntegerField(default=0)),
                ("opens_at", models.DateTimeField(blank=True, null=True, verbose_name="students see it from")),
                ("due_at", models.DateTimeField(blank=True, null=True, verbose_name="due")),
                ("closes_at", models.DateTimeField(blank=True, null=True, verbose_name="nothing is taken after")),
                ("late", models.JSONField(blank=True, default=dict, verbose_name="what being late costs")),
                (
                    "attempts",
                    models.PositiveIntegerField(
                        blank=True,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="submissions at most",
                    ),
                ),
                (
                    "counts",
                    models.CharField(
                        choices=[
                            ("latest", "The latest attempt counts"),
                            ("best", "The best attempt counts"),
                            ("first", "The first attempt counts"),
                            ("latest_on_time", "The latest attempt in time counts, or else the latest"),
                        ],
                        default="latest",
                        max_length=16,
                        verbose_name="which submission counts",
                    ),
                ),
                (
                    "is_submitted_at_deadline",
                    models.BooleanField(default=True, verbose_name="submit for those who forgot"),
                ),
                (
                    "is_graded_on_submit",
                    models.BooleanField(default=True, verbose_name="grade at once what is submitted"),
                ),
                ("is_anonymous", models.BooleanField(default=False, verbose_name="hide names from graders")),
                (
                    "hidden_tests",
                    models.CharField(
                        choices=[
                            ("shown", "Everything"),
                            ("points", "Their name and points only"),
                            ("later", "Everything, from a date on"),
                            ("never", "Nothing"),
                        ],
                        default="points",
                        max_length=16,
                        verbose_name="what students see of hidden tests",
                    ),
                ),
                (
                    "hidden_tests_from",
                    models.DateTimeField(blank=True, null=True, verbose_name="hidden tests are shown from"),
                ),
                ("cell_seconds", models.PositiveIntegerField(default=30, verbose_name="seconds for one cell")),
                ("total_seconds", models.PositiveIntegerField(default=300, verbose_name="seconds for everything")),
                ("memory_mb", models.PositiveIntegerField(default=1024, verbose_name="memory, in MB")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                (
                    "course",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="assignments", to="classes.course"
                    ),
                ),
                (
                    "lesson",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="assignments",
                        to="classes.lesson",
                    ),
                ),
            ],
            options={
                "verbose_name": "assignment",
                "verbose_name_plural": "assignments",
                "ordering": ["position", "due_at", "created_at"],
                "constraints": [
                    models.UniqueConstraint(fields=("course", "name"), name="assignment_name_once_per_course"),
                    models.CheckConstraint(
                        condition=models.Q(("counts__in", ["latest", "best", "first", "latest_on_time"])),
                        name="assignment_counts_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("hidden_tests__in", ["shown", "points", "later", "never"])),
                        name="assignment_tier_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("closes_at", None),
                            ("due_at", None),
                            ("closes_at__gte", models.F("due_at")),
                            _connector="OR",
                        ),
                        name="assignment_closes_after_due",
                        violation_error_message="Nothing would be taken any more before it is due.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RubricItem",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("notebook", models.CharField(max_length=200)),
                ("grade_id", models.CharField(max_length=200)),
                ("label", models.CharField(max_length=300, verbose_name="what")),
                ("points", models.DecimalField(decimal_places=4, max_digits=10, verbose_name="points")),
                ("position", models.PositiveIntegerField(default=0)),
                ("retired_at", models.DateTimeField(blank=True, null=True)),
                (
                    "assignment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rubric_items",
                        to="assignments.assignment",
                    ),
                ),
            ],
            options={
                "ordering": ["position", "label"],
                "indexes": [models.Index(fields=["assignment", "notebook", "grade_id"], name="rubric_of_cell")],
            },
        ),
        migrations.CreateModel(
            name="Source",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("repository", "The repository of the class"),
                            ("upload", "Uploaded"),
                            ("nbgrader", "A course of nbgrader"),
                            ("server", "A teacher's server"),
                        ],
                        max_length=16,
                    ),
                ),
                ("origin_detail", models.CharField(blank=True, max_length=500)),
                ("bundle", models.CharField(max_length=64)),
                ("bytes", models.BigIntegerField()),
                ("notebooks", models.JSONField(default=list)),
                ("brought_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "assignment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="sources", to="assignments.assignment"
                    ),
                ),
                (
                    "brought_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("upgraded", models.JSONField(blank=True, default=list)),
            ],
            options={
                "ordering": ["-brought_at"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("origin__in", ["repository", "upload", "nbgrader", "server"])),
                        name="source_origin_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="GateRun",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("image_key", models.CharField(blank=True, max_length=128)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("running", "Under way"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                        max_length=16,
                    ),
                ),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("began_at", models.DateTimeField(blank=True, null=True)),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("bundle", models.CharField(blank=True, max_length=64)),
                ("gradebook", models.CharField(blank=True, max_length=64)),
                ("engine_version", models.CharField(blank=True, max_length=40)),
                ("cells", models.JSONField(default=list)),
                ("findings", models.JSONField(default=list)),
                ("has_passed", models.BooleanField(default=False)),
                ("failure_code", models.CharField(blank=True, max_length=64)),
                ("failure_facts", models.JSONField(blank=True, default=dict)),
                (
                    "asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="gate_runs", to="assignments.source"
                    ),
                ),
                ("worker", models.UUIDField(blank=True, null=True)),
                ("tries", models.PositiveIntegerField(default=0)),
            ],
            options={
                "ordering": ["-asked_at"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ("waiting", "running"))),
                        fields=("source",),
                        name="one_gate_run_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("waiting", "running", "done", "failed"))),
                        name="gate_run_state_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Release",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("number", models.PositiveIntegerField()),
                ("bundle", models.CharField(max_length=64)),
                ("gradebook", models.CharField(max_length=64)),
                ("image_key", models.CharField(blank=True, max_length=128)),
                ("engine_version", models.CharField(max_length=40)),
                ("is_knowing", models.BooleanField(default=False)),
                ("note", models.CharField(blank=True, max_length=500, verbose_name="what has changed")),
                ("released_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "assignment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="releases",
                        to="assignments.assignment",
                    ),
                ),
                (
                    "gate_run",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="releases",
                        to="assignments.gaterun",
                    ),
                ),
                (
                    "released_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="releases",
                        to="environments.environmentversion",
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="releases", to="assignments.source"
                    ),
                ),
            ],
            options={
                "ordering": ["-number"],
                "constraints": [models.UniqueConstraint(fields=("assignment", "number"), name="release_number_once")],
            },
        ),
        migrations.AddField(
            model_name="assignment",
            name="release",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="current_for",
                to="assignments.release",
            ),
        ),
        migrations.CreateModel(
            name="Extension",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("extra_minutes", models.PositiveIntegerField(default=0, verbose_name="minutes more")),
                ("until", models.DateTimeField(blank=True, null=True, verbose_name="due no earlier than")),
                (
                    "time_percent",
                    models.PositiveIntegerField(
                        default=100,
                        validators=[django.core.validators.MinValueValidator(100)],
                        verbose_name="time, in percent",
                    ),
                ),
                ("extra_attempts", models.PositiveIntegerField(default=0, verbose_name="further submissions")),
                ("note", models.CharField(blank=True, max_length=500, verbose_name="why")),
                ("given_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "assignment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="extensions",
                        to="assignments.assignment",
                    ),
                ),
                (
                    "given_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "membership",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="extensions", to="classes.membership"
                    ),
                ),
            ],
            options={
                "verbose_name": "extension",
                "verbose_name_plural": "extensions",
                "constraints": [
                    models.UniqueConstraint(fields=("assignment", "membership"), name="extension_once_per_person"),
                    models.CheckConstraint(
                        condition=models.Q(("time_percent__gte", 100)), name="extension_never_shortens"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Fetch",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "Being put in place"), ("there", "There"), ("failed", "Not there")],
                        default="waiting",
                        max_length=16,
                    ),
                ),
                ("asked_at", models.DateTimeField()),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                ("news", models.JSONField(default=list)),
                ("failure_code", models.CharField(blank=True, max_length=64)),
                ("failure_facts", models.JSONField(blank=True, default=dict)),
                (
                    "assignment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="fetches", to="assignments.assignment"
                    ),
                ),
                (
                    "membership",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="fetches", to="classes.membership"
                    ),
                ),
                (
                    "before",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="assignments.release",
                    ),
                ),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="fetches", to="assignments.release"
                    ),
                ),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("tries", models.PositiveIntegerField(default=0)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("assignment", "membership"), name="fetch_once_per_person")
                ],
            },
        ),
        migrations.CreateModel(
            name="Cell",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("notebook", models.CharField(max_length=200)),
                ("grade_id", models.CharField(max_length=200)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("answer", "Answer, graded by tests"),
                            ("tests", "Tests"),
                            ("manual", "Answer, graded by a person"),
                            ("task", "Task, graded by a person"),
                            ("read-only", "Read only"),
                        ],
                        max_length=16,
                    ),
                ),
                ("points", models.DecimalField(decimal_places=4, default=0, max_digits=10)),
                ("position", models.PositiveIntegerField()),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="cells", to="assignments.release"
                    ),
                ),
            ],
            options={
                "ordering": ["position"],
                "constraints": [
                    models.UniqueConstraint(fields=("release", "notebook", "grade_id"), name="cell_once_per_release"),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["answer", "tests", "manual", "task", "read-only"])),
                        name="cell_kind_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Submission",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("attempt", models.PositiveIntegerField()),
                ("submitted_at", models.DateTimeField()),
                (
                    "way",
                    models.CharField(
                        choices=[
                            ("page", "On the page"),
                            ("lab", "From the notebook server"),
                            ("deadline", "By itself, at the deadline"),
                            ("teacher", "By a teacher"),
                        ],
                        max_length=16,
                    ),
                ),
                ("bundle", models.CharField(max_length=64)),
                ("bytes", models.BigIntegerField()),
                ("files", models.JSONField(default=list)),
                ("repaired", models.CharField(blank=True, max_length=64)),
                ("repairs", models.JSONField(default=list)),
                ("receipt", models.TextField(blank=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("received", "Received"),
                            ("waiting", "Waiting to be graded"),
                            ("running", "Being graded"),
                            ("graded", "Graded by its tests"),
                            ("problem", "Could not be graded"),
                        ],
                        default="received",
                        max_length=16,
                    ),
                ),
                ("points", models.DecimalField(blank=True, decimal_places=4, max_digits=10, null=True)),
                ("max_points", models.DecimalField(blank=True, decimal_places=4, max_digits=10, null=True)),
                ("needs_manual", models.PositiveIntegerField(default=0)),
                (
                    "assignment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="submissions",
                        to="assignments.assignment",
                    ),
                ),
                (
                    "membership",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="submissions", to="classes.membership"
                    ),
                ),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="submissions",
                        to="assignments.release",
                    ),
                ),
                (
                    "submitted_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "submission",
                "verbose_name_plural": "submissions",
                "ordering": ["-submitted_at"],
                "indexes": [models.Index(fields=["assignment", "state"], name="submission_state")],
                "constraints": [
                    models.UniqueConstraint(fields=("assignment", "membership", "attempt"), name="attempt_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("way", "deadline")),
                        fields=("assignment", "membership"),
                        name="submitted_once_at_the_deadline",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("way__in", ["page", "lab", "deadline", "teacher"])),
                        name="submission_way_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("received", "waiting", "running", "graded", "problem"))),
                        name="submission_state_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RegradeRequest",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("notebook", models.CharField(blank=True, max_length=200)),
                ("grade_id", models.CharField(blank=True, max_length=200)),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("changed", "Points changed"), ("kept", "Points kept")],
                        default="open",
                        max_length=16,
                    ),
                ),
                ("opened_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "closed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "submission",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="regrade_requests",
                        to="assignments.submission",
                    ),
                ),
            ],
            options={
                "verbose_name": "request to look again",
                "verbose_name_plural": "requests to look again",
                "ordering": ["-opened_at"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "open")),
                        fields=("submission", "notebook", "grade_id"),
                        name="one_open_request_per_cell",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("open", "changed", "kept"))), name="request_state_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RegradeMessage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("text", models.TextField(max_length=4000)),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="messages",
                        to="assignments.regraderequest",
                    ),
                ),
            ],
            options={
                "ordering": ["at", "pk"],
            },
        ),
        migrations.CreateModel(
            name="Autograding",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("image_key", models.CharField(blank=True, max_length=128)),
                ("is_trial", models.BooleanField(default=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("running", "Under way"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                        max_length=16,
                    ),
                ),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("turn", models.PositiveIntegerField(default=0)),
                ("began_at", models.DateTimeField(blank=True, null=True)),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("worker", models.UUIDField(blank=True, null=True)),
                ("tries", models.PositiveIntegerField(default=0)),
                ("cells_done", models.PositiveIntegerField(default=0)),
                ("cells_total", models.PositiveIntegerField(default=0)),
                ("bundle", models.CharField(blank=True, max_length=64)),
                ("scores", models.JSONField(default=list)),
                ("flags", models.JSONField(default=list)),
                ("failure_code", models.CharField(blank=True, max_length=64)),
                ("failure_facts", models.JSONField(blank=True, default=dict)),
                (
                    "asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="autogradings",
                        to="assignments.release",
                    ),
                ),
                (
                    "submission",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="autogradings",
                        to="assignments.submission",
                    ),
                ),
                ("round", models.PositiveIntegerField(default=0)),
            ],
            options={
                "ordering": ["-asked_at"],
                "indexes": [models.Index(fields=["state", "round", "turn", "asked_at"], name="autograding_in_turn")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ("waiting", "running"))),
                        fields=("submission", "is_trial"),
                        name="one_autograding_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("waiting", "running", "done", "failed"))),
                        name="autograding_state_known",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="submission",
            name="autograding",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="current_for",
                to="assignments.autograding",
            ),
        ),
        migrations.CreateModel(
            name="GradeChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("notebook", models.CharField(blank=True, max_length=200)),
                ("grade_id", models.CharField(blank=True, max_length=200)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("automatic", "By its tests"),
                            ("manual", "By a person"),
                            ("rubric", "By a rubric"),
                            ("extra", "Extra credit"),
                            ("penalty", "Penalty"),
                        ],
                        max_length=16,
                    ),
                ),
                ("points", models.DecimalField(decimal_places=4, max_digits=10, null=True)),
                ("is_chosen", models.BooleanField(default=True)),
                ("why", models.CharField(blank=True, max_length=500)),
                ("at", models.DateTimeField()),
                (
                    "autograding",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="changes",
                        to="assignments.autograding",
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "rubric_item",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="assignments.rubricitem",
                    ),
                ),
                (
                    "submission",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="changes", to="assignments.submission"
                    ),
                ),
                ("is_imported", models.BooleanField(default=False)),
            ],
            options={
                "ordering": ["at", "pk"],
                "indexes": [models.Index(fields=["submission", "notebook", "grade_id"], name="change_of_cell")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ("automatic", "manual", "rubric", "extra", "penalty"))),
                        name="change_kind_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Grade",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("points", models.DecimalField(blank=True, decimal_places=4, max_digits=10, null=True)),
                ("penalty", models.DecimalField(decimal_places=4, default=0, max_digits=10)),
                ("max_points", models.DecimalField(blank=True, decimal_places=4, max_digits=10, null=True)),
                ("needs_manual", models.PositiveIntegerField(default=0)),
                ("changed_at", models.DateTimeField()),
                ("published_points", models.DecimalField(blank=True, decimal_places=4, max_digits=10, null=True)),
                ("published_max_points", models.DecimalField(blank=True, decimal_places=4, max_digits=10, null=True)),
                ("published_at", models.DateTimeField(blank=True, null=True)),
                (
                    "assignment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="grades", to="assignments.assignment"
                    ),
                ),
                (
                    "membership",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="grades", to="classes.membership"
                    ),
                ),
                (
                    "published_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "submission",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="grade_of",
                        to="assignments.submission",
                    ),
                ),
            ],
            options={
                "verbose_name": "grade",
                "verbose_name_plural": "grades",
                "constraints": [
                    models.UniqueConstraint(fields=("assignment", "membership"), name="grade_once_per_person")
                ],
            },
        ),
        migrations.CreateModel(
            name="Feedback",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("message", models.TextField(blank=True, max_length=4000, verbose_name="message to the student")),
                ("published_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("read_at", models.DateTimeField(blank=True, null=True)),
                (
                    "published_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "submission",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="feedback",
                        to="assignments.submission",
                    ),
                ),
            ],
            options={
                "verbose_name": "feedback",
                "ordering": ["-published_at"],
            },
        ),
        migrations.CreateModel(
            name="Collection",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "way",
                    models.CharField(
                        choices=[
                            ("page", "On the page"),
                            ("lab", "From the notebook server"),
                            ("deadline", "By itself, at the deadline"),
                            ("teacher", "By a teacher"),
                        ],
                        max_length=16,
                    ),
                ),
                ("asked_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "Being submitted"), ("done", "Submitted"), ("failed", "Not submitted")],
                        default="waiting",
                        max_length=16,
                    ),
                ),
                ("failure_code", models.CharField(blank=True, max_length=64)),
                ("failure_facts", models.JSONField(blank=True, default=dict)),
                (
                    "asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "assignment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="collections",
                        to="assignments.assignment",
                    ),
                ),
                (
                    "membership",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="collections", to="classes.membership"
                    ),
                ),
                (
                    "submission",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="collection",
                        to="assignments.submission",
                    ),
                ),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("tries", models.PositiveIntegerField(default=0)),
            ],
            options={
                "ordering": ["-asked_at"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "waiting")),
                        fields=("assignment", "membership"),
                        name="one_collection_at_a_time",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CellLease",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("notebook", models.CharField(max_length=200)),
                ("grade_id", models.CharField(max_length=200)),
                ("until", models.DateTimeField()),
                (
                    "holder",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "submission",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="leases", to="assignments.submission"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("submission", "notebook", "grade_id"), name="lease_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="CellGrade",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("notebook", models.CharField(max_length=200)),
                ("grade_id", models.CharField(max_length=200)),
                ("max_points", models.DecimalField(decimal_places=4, max_digits=10)),
                ("points", models.DecimalField(decimal_places=4, default=0, max_digits=10)),
                ("origin", models.CharField(max_length=16)),
                ("automatic", models.DecimalField(blank=True, decimal_places=4, max_digits=10, null=True)),
                ("extra", models.DecimalField(decimal_places=4, default=0, max_digits=10)),
                ("needs_manual", models.BooleanField(default=False)),
                ("graded_at", models.DateTimeField(blank=True, null=True)),
                (
                    "graded_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "submission",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="cell_grades",
                        to="assignments.submission",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["notebook", "grade_id", "needs_manual"], name="cell_grade_to_do")],
                "constraints": [
                    models.UniqueConstraint(fields=("submission", "notebook", "grade_id"), name="cell_grade_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="CellComment",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("notebook", models.CharField(max_length=200)),
                ("cell", models.CharField(max_length=200)),
                ("text", models.TextField(max_length=10000)),
                ("at", models.DateTimeField()),
                ("changed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "submission",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="comments",
                        to="assignments.submission",
                    ),
                ),
            ],
            options={
                "ordering": ["at"],
                "indexes": [models.Index(fields=["submission", "notebook", "cell"], name="comment_of_cell")],
            },
        ),
    ]
