import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("environments", "0026_reservations"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="environment",
            name="is_held",
            field=models.BooleanField(default=False),
        ),
        migrations.CreateModel(
            name="EnvironmentVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider", models.CharField(max_length=32)),
                ("repository", models.CharField(max_length=500)),
                ("ref", models.CharField(blank=True, max_length=250)),
                ("repository_url", models.CharField(max_length=1000)),
                ("commit", models.CharField(max_length=64)),
                ("is_private", models.BooleanField(default=False)),
                ("image_key", models.CharField(max_length=64)),
                ("in_use_since", models.DateTimeField()),
                ("is_return", models.BooleanField(default=False)),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="environments.environment",
                    ),
                ),
                (
                    "put_in_use_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"ordering": ["-pk"]},
        ),
    ]
