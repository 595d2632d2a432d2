"""Checks of sources are carried out under a lease, as gradings are."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("assignments", "0001_begin")]

    operations = [
        migrations.AddField("gaterun", "worker", models.UUIDField(blank=True, null=True)),
        migrations.AddField("gaterun", "tries", models.PositiveIntegerField(default=0)),
    ]
