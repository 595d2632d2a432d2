from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("environments", "0029_material"),
    ]

    operations = [
        migrations.AddField(
            model_name="environment",
            name="keeps_images",
            field=models.BooleanField(default=True),
        ),
    ]
