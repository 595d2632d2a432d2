"""Gives the environments there are an address and the text they are searched by."""

from __future__ import annotations

import itertools
import unicodedata

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.utils.text import slugify

DESCRIPTION_BEFORE = 400


def fill(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """By their titles; of two with the same, the second gets a number."""
    environments = apps.get_model("environments", "Environment").objects.using(schema_editor.connection.alias)
    taken = {"", "new"}
    for environment in environments.order_by("created_at"):
        stem = slugify(environment.title)[:48].strip("-_") or "environment"
        slugs = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
        environment.slug = next(slug for slug in slugs if slug not in taken)
        taken.add(environment.slug)
        environment.search_text = _folded(f"{environment.title} {environment.description} {environment.repository}")
        environment.save(update_fields=["slug", "search_text"])


def shrink(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Leave nothing that the columns of before do not hold."""
    environments = apps.get_model("environments", "Environment").objects.using(schema_editor.connection.alias)
    environments.filter(visibility="unlisted").update(visibility="private")
    for environment in environments.exclude(description=""):
        environment.description = environment.description[:DESCRIPTION_BEFORE]
        environment.save(update_fields=["description"])


def _folded(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(letter for letter in letters if not unicodedata.combining(letter)).split())


class Migration(migrations.Migration):
    dependencies = [
        ("environments", "0014_catalog"),
    ]

    operations = [
        migrations.RunPython(fill, shrink, elidable=True),
    ]
