"""Classes that are over already let their images go, as those do that are closed from now on."""

from typing import Any

from django.db import migrations
from django.db.models import Q


def let_go(apps: Any, schema_editor: Any) -> None:
    over = apps.get_model("classes", "Course").objects.filter(archived_at__isnull=False)
    theirs = Q(pk__in=over.values("environment")) | Q(pk__in=over.values("teacher_environment"))
    apps.get_model("environments", "Environment").objects.filter(theirs).update(keeps_images=False)


class Migration(migrations.Migration):
    dependencies = [
        ("classes", "0010_ready_minutes"),
        ("environments", "0030_keeps_images"),
    ]

    operations = [migrations.RunPython(let_go, migrations.RunPython.noop, elidable=True)]
