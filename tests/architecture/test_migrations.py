"""Migrations are complete, named for what they change, and can be undone."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader

from accounts.models import User
from config.env import BASE_DIR
from tests.factories import UserFactory


def own_migrations() -> list[Migration]:
    """The migrations of Carrel's own apps."""
    own = {config.label for config in apps.get_app_configs() if Path(config.path).parent == BASE_DIR}
    loader = MigrationLoader(None)
    return [migration for (label, _name), migration in loader.disk_migrations.items() if label in own]


@pytest.mark.django_db
def test_are_complete() -> None:
    output = StringIO()

    call_command("makemigrations", check_changes=True, dry_run=True, stdout=output)

    assert "No changes detected" in output.getvalue()


def test_can_be_undone() -> None:
    migrations = own_migrations()

    stuck = [f"{m.app_label}.{m.name}" for m in migrations for step in m.operations if not step.reversible]

    assert migrations
    assert stuck == []


def test_are_named_for_the_change() -> None:
    assert [f"{m.app_label}.{m.name}" for m in own_migrations() if "_auto_" in m.name] == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", ["before", "after"])
def test_what_a_test_commits_is_taken_back(turn: str) -> None:
    found = User.objects.count(), Permission.objects.filter(codename="add_user").count()

    UserFactory.create()
    Permission.objects.all().delete()

    assert found == (0, 1)
