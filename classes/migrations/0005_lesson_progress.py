from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("classes", "0004_archives")]

    operations = [
        migrations.AddField(
            model_name="lessonvisit",
            name="failing_cells",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="lessonvisit",
            name="progressed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="lessonvisit",
            name="saved_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
