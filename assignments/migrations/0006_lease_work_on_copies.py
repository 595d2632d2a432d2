"""Workers have a lease on somebody's copy, and are counted: one that kills each of them is given up."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("assignments", "0005_share_among_classes")]

    operations = [
        migrations.AddField("fetch", "lease_until", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("fetch", "tries", models.PositiveIntegerField(default=0)),
        migrations.AddField("collection", "lease_until", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("collection", "tries", models.PositiveIntegerField(default=0)),
    ]
