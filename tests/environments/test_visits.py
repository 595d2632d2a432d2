"""Who is in a shared server, and who was."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import pytest

from accounts.models import User
from environments import visits
from environments.models import Collaborator, NotebookServer, Visit
from environments.visits import forget_old_visits, is_present, note_visit, visits_of
from tests.factories import running_server

pytestmark = pytest.mark.django_db

A_MINUTE = timedelta(minutes=1)


@pytest.fixture
def server(student: User) -> NotebookServer:
    return running_server(owner=student)


def test_note_once_for_a_stretch_of_time(server: NotebookServer, stranger: User, now: datetime) -> None:
    for minutes in range(60):
        note_visit(server.pk, stranger.pk, now=now + minutes * A_MINUTE)

    visit = Visit.objects.get()
    assert (visit.entered_at, visit.last_seen_at) == (now, now + 59 * A_MINUTE)


def test_note_another_after_a_gap(server: NotebookServer, stranger: User, now: datetime) -> None:
    for minutes in (0, 11):
        note_visit(server.pk, stranger.pk, now=now + minutes * A_MINUTE)

    assert [visit.entered_at for visit in visits_of(server, count=9)] == [now + 11 * A_MINUTE, now]


def test_note_when_a_collaborator_came_last(server: NotebookServer, stranger: User, now: datetime) -> None:
    collaborator = Collaborator.objects.create(server=server, person=stranger)

    note_visit(server.pk, stranger.pk, now=now)

    collaborator.refresh_from_db()
    assert collaborator.last_entered_at == now


def test_note_nothing_of_a_server_that_is_gone(stranger: User, now: datetime) -> None:
    note_visit(uuid.uuid4(), stranger.pk, now=now)

    assert not Visit.objects.exists()


@pytest.mark.parametrize(("seconds", "is_there"), [(0, True), (59, True), (61, False)])
def test_tell_who_is_there_now(
    server: NotebookServer, stranger: User, now: datetime, seconds: int, is_there: bool
) -> None:
    note_visit(server.pk, stranger.pk, now=now)

    assert is_present(Visit.objects.get(), now=now + timedelta(seconds=seconds)) is is_there


def test_keep_no_more_than_the_latest(
    server: NotebookServer, stranger: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visits, "MAX_VISITS", 2)
    for hours in range(4):
        note_visit(server.pk, stranger.pk, now=now + timedelta(hours=hours))

    assert [visit.entered_at.hour for visit in visits_of(server, count=9)] == [12, 11]


def test_forget_what_is_long_ago(server: NotebookServer, stranger: User, now: datetime) -> None:
    note_visit(server.pk, stranger.pk, now=now - timedelta(days=91))
    note_visit(server.pk, stranger.pk, now=now)

    forget_old_visits(now)

    assert Visit.objects.get().last_seen_at == now
