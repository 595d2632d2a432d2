from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("classes", "0009_roster"),
    ]

    operations = [
        migrations.AddField(
            model_name="lesson",
            name="ready_minutes",
            field=models.PositiveSmallIntegerField(
                blank=True, null=True, verbose_name="servers ready before it begins, in minutes"
            ),
        ),
    ]
