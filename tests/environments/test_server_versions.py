"""What a server's row knows of its versions."""

from __future__ import annotations

from datetime import datetime, timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone

from environments.models import NotebookServer, Update
from tests.factories import NotebookServerFactory, update_of

pytestmark = pytest.mark.django_db


def test_needed_image_keys_are_all_that_any_server_may_come_to_need(now: datetime) -> None:
    server = NotebookServerFactory.create(image_key="runs", files_image_key="files", previous_image_key="before")
    update_of(server, image_key="coming")
    NotebookServerFactory.create(image_key="deleted", deleted_at=timezone.now())

    needed = NotebookServer.objects.needed_image_keys()

    assert needed == {"runs", "files", "before", "coming", "deleted"}


def test_needed_image_keys_leave_out_whom_the_question_leaves_out() -> None:
    NotebookServerFactory.create(image_key="deleted", deleted_at=timezone.now())

    assert NotebookServer.objects.present().needed_image_keys() == set()


def test_an_update_serves_one_server_only(now: datetime) -> None:
    server = NotebookServerFactory.create()

    update = update_of(server)

    assert Update.objects.get().server == server
    assert server.pending_update == update


def test_migration_fills_in_what_servers_there_are_were_made_from(now: datetime) -> None:
    started = NotebookServerFactory.create(start_id="e" * 32, created_at=now - timedelta(days=3))
    never_started = NotebookServerFactory.create(created_at=now - timedelta(days=3))

    import_module("environments.migrations.0011_fill_server_versions").fill(apps, connection.schema_editor())

    started.refresh_from_db()
    never_started.refresh_from_db()
    assert (started.files_image_key, started.files_commit) == (started.image_key, started.commit)
    assert (never_started.files_image_key, never_started.files_commit) == ("", "")
    assert started.version_since == never_started.version_since == now - timedelta(days=3)
