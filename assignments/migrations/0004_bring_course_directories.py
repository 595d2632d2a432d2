"""Course directories of nbgrader come into classes and leave them, and imported changes of grades are told from others."""

import uuid
from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

STATES = [("waiting", "Waiting"), ("running", "Under way"), ("done", "Done"), ("failed", "Failed")]


def person() -> Any:
    return models.ForeignKey(
        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
    )


def work() -> list[tuple[str, Any]]:
    """The columns of what a worker does under a lease."""
    return [
        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
        ("asked_at", models.DateTimeField()),
        ("state", models.CharField(choices=STATES, default="waiting", max_length=16)),
        ("lease_until", models.DateTimeField(blank=True, null=True)),
        ("worker", models.UUIDField(blank=True, null=True)),
        ("tries", models.PositiveIntegerField(default=0)),
        ("done_at", models.DateTimeField(blank=True, null=True)),
        ("bytes", models.BigIntegerField(default=0)),
        ("failure_code", models.CharField(blank=True, max_length=64)),
        ("failure_facts", models.JSONField(blank=True, default=dict)),
        ("asked_by", person()),
    ]


class Migration(migrations.Migration):
    dependencies = [
        ("assignments", "0003_note_upgraded_notebooks"),
        ("classes", "0012_files_of_archives"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField("gradechange", "is_imported", models.BooleanField(default=False)),
        migrations.CreateModel(
            name="CourseDirectory",
            fields=[
                *work(),
                ("name", models.CharField(max_length=200)),
                (
                    "step",
                    models.CharField(
                        choices=[("look", "Being looked at"), ("take", "Being imported")],
                        default="look",
                        max_length=8,
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
                *work(),
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
    ]
