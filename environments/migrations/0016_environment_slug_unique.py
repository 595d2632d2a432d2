from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("environments", "0015_fill_catalog"),
    ]

    operations = [
        migrations.AlterField(
            model_name="environment",
            name="slug",
            field=models.SlugField(blank=True, max_length=60, unique=True),
        ),
    ]
