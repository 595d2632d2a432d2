import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("classes", "0006_knocks"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="Look",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("folder", "Listed a folder"),
                            ("file", "Looked at a file"),
                            ("download", "Downloaded a file"),
                        ],
                        max_length=16,
                    ),
                ),
                ("path", models.CharField(blank=True, max_length=1000)),
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
                    "membership",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="looks", to="classes.membership"
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "pk"],
                "indexes": [models.Index(fields=["membership", "-at"], name="look_membership_and_time")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["folder", "file", "download"])), name="look_kind_known"
                    )
                ],
            },
        ),
    ]
