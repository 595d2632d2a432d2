"""Squashed migrations come to what the steps they replace come to, wherever among the steps a database has stopped."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

Step = tuple[str, str]


def step_by_step() -> MigrationLoader:
    """All migrations, where no squashed one is in the way of its steps."""
    return MigrationLoader(None, replace_migrations=False)


def steps_of(migration: Migration) -> list[Step]:
    """What it replaces, or it alone."""
    return [(label, name) for label, name in migration.replaces] or [(migration.app_label, migration.name)]


def steps_left(*taken: Step) -> list[Step]:
    """What a database that has taken these steps takes yet, be it one by one or squashed."""
    MigrationRecorder.Migration.objects.all().delete()
    MigrationRecorder.Migration.objects.bulk_create(
        [MigrationRecorder.Migration(app=label, name=name) for label, name in taken]
    )
    MigrationExecutor(connection).check_replacements()  # as `migrate` ends, be it for one app alone
    executor = MigrationExecutor(connection)
    executor.loader.check_consistent_history(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [step for migration, _is_backwards in plan for step in steps_of(migration)]


def test_come_to_what_their_steps_come_to() -> None:
    loader = MigrationLoader(None)
    squashes = loader.replacements

    squashed = loader.project_state(list(squashes)).models
    stepwise = step_by_step().project_state([steps_of(squash)[-1] for squash in squashes.values()]).models

    assert {label for label, _name in squashes} == {"accounts", "assignments", "classes", "environments", "lti"}
    assert {key: squashed[key] for key in stepwise} == stepwise
    assert {key for key in squashed if key not in stepwise and key[0] in dict(squashes)} == set()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "stopped",
    [
        ("accounts", "0001_initial"),
        ("environments", "0010_server_versions"),
        ("classes", "0010_ready_minutes"),
        ("assignments", "0003_note_upgraded_notebooks"),
        ("lti", "0004_registering"),
        ("lti", "0008_picking"),
    ],
)
def test_let_a_database_that_has_begun_with_their_steps_take_the_others(stopped: Step) -> None:
    steps = {step for squash in MigrationLoader(None).replacements.values() for step in steps_of(squash)}
    taken = step_by_step().graph.forwards_plan(stopped)

    left = steps_left(*taken)

    assert sorted(step for step in [*taken, *left] if step in steps) == sorted(steps)


@pytest.mark.django_db
def test_ask_nothing_of_a_database_that_has_taken_all_their_steps() -> None:
    loader = step_by_step()
    taken = [key for key in loader.graph.nodes if key not in loader.replacements]

    assert steps_left(*taken) == []
