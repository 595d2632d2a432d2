"""Gradings are carried out in rounds, in which each class has one."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("assignments", "0004_bring_course_directories")]

    operations = [
        migrations.AddField("autograding", "round", models.PositiveIntegerField(default=0)),
        migrations.RemoveIndex("autograding", "autograding_queue"),
        migrations.AddIndex(
            "autograding",
            models.Index(fields=["state", "round", "turn", "asked_at"], name="autograding_in_turn"),
        ),
    ]
