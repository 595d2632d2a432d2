import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("environments", "0030_keeps_images"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="GivenFiles",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=40)),
                ("volume_key", models.CharField(max_length=80, unique=True)),
                ("folder", models.CharField(max_length=120)),
                ("max_bytes", models.BigIntegerField()),
                ("asked_at", models.DateTimeField()),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("lease_expires_at", models.DateTimeField(blank=True, null=True)),
                ("given_at", models.DateTimeField(blank=True, null=True)),
                ("given_in", models.CharField(blank=True, max_length=140)),
                ("failure_code", models.CharField(blank=True, max_length=64)),
                ("failure_facts", models.JSONField(blank=True, default=dict)),
                (
                    "group",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="given_files", to="auth.group"
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="given_files",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["owner", "name"], name="given_files_owner_and_name")],
            },
        ),
    ]
