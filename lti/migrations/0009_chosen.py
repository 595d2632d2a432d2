from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("lti", "0008_picking"),
    ]

    operations = [
        migrations.AddField(
            model_name="resourcelink",
            name="chosen",
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
