import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("classes", "0011_images_of_archived"),
    ]

    operations = [
        migrations.AddField(
            model_name="courseexport",
            name="with_hand_ins",
            field=models.BooleanField(default=False),
        ),
        migrations.CreateModel(
            name="CourseImport",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("asked_at", models.DateTimeField()),
                ("folders", models.JSONField(default=list)),
                ("total", models.PositiveIntegerField()),
                ("done", models.JSONField(blank=True, default=list)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("working", "Under way"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                        max_length=16,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("lease_expires_at", models.DateTimeField(blank=True, null=True)),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                ("failure_code", models.CharField(blank=True, max_length=64)),
                ("failure_facts", models.JSONField(blank=True, default=dict)),
                (
                    "course",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="import_of_files", to="classes.course"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["waiting", "working", "done", "failed"])),
                        name="course_import_state_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="KeptWork",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("who", models.CharField(db_index=True, max_length=254)),
                ("of_teachers", models.BooleanField(default=False)),
                ("folder", models.CharField(blank=True, max_length=300)),
                ("is_unpacked", models.BooleanField(default=False)),
                ("bytes", models.BigIntegerField(default=0)),
                ("hand_ins", models.JSONField(blank=True, default=list)),
                (
                    "course",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="kept_work", to="classes.course"
                    ),
                ),
                (
                    "membership",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="classes.membership",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("folder", ""), _negated=True),
                        fields=("course", "who", "of_teachers"),
                        name="kept_work_once_a_member",
                    )
                ],
            },
        ),
    ]
