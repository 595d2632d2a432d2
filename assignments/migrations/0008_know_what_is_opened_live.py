"""Servers in which graders have submissions open are told from copies to try that they made for themselves."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("assignments", "0007_freeze_what_is_told"),
        ("environments", "0032_volume_kept_as"),
    ]

    operations = [
        migrations.CreateModel(
            "OpenedLive",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("opened_at", models.DateTimeField()),
                (
                    "server",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="opened_live",
                        to="environments.notebookserver",
                    ),
                ),
            ],
        ),
    ]
