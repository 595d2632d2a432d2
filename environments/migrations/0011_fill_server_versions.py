"""Says of the servers there are what their files were filled from: until now, always what they run."""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F


def fill(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Every server is as old as its version, and those that were ever started have been filled."""
    servers = apps.get_model("environments", "NotebookServer").objects.using(schema_editor.connection.alias)
    servers.update(version_since=F("created_at"))
    servers.exclude(start_id="").update(files_image_key=F("image_key"), files_commit=F("commit"))


class Migration(migrations.Migration):
    dependencies = [
        ("environments", "0010_server_versions"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
