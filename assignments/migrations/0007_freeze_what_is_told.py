"""What published points rest on is written down: a rubric that is changed since is told once they are published again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("assignments", "0006_lease_work_on_copies")]

    operations = [
        migrations.AddField("feedback", "terms", models.JSONField(blank=True, null=True)),
        migrations.AddField("rubricitem", "changed_at", models.DateTimeField(blank=True, null=True)),
    ]
