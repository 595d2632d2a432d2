import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("lti", "0005_score"),
    ]

    operations = [
        migrations.AddField(
            model_name="enrolment",
            name="missing_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name="Roster",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("lease_expires_at", models.DateTimeField(blank=True, null=True)),
                ("tried_at", models.DateTimeField(blank=True, null=True)),
                ("completed_at", models.DateTimeField(blank=True, null=True)),
                ("counts", models.JSONField(blank=True, default=dict)),
                ("failed_at", models.DateTimeField(blank=True, null=True)),
                ("failure_code", models.CharField(blank=True, max_length=64)),
                ("failure_facts", models.JSONField(blank=True, default=dict)),
                ("listed", models.JSONField(blank=True, default=list)),
                ("listed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "context",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="roster", to="lti.context"
                    ),
                ),
            ],
        ),
    ]
