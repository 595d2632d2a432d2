"""A source says which of its notebooks were in the format of another time."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("assignments", "0002_lease_gate_runs")]

    operations = [
        migrations.AddField("source", "upgraded", models.JSONField(blank=True, default=list)),
    ]
