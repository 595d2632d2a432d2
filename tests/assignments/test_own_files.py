"""A teacher takes notebooks from their own server and their personal files, and from nobody else's."""

from __future__ import annotations

import io
import tarfile
from datetime import datetime

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from assignments.errors import AssignmentError
from assignments.models import Assignment, GateRun, Origin, Source
from assignments.releasing.own_files import bring_own, list_own
from assignments.running.grading_runs import read_bundle
from classes.models import Course, Role
from classes.policies import Standing, standing_of
from environments.backends import volume_store
from environments.models import NotebookServer, Volume
from tests.classes.notebook_files import save
from tests.factories import AssignmentFactory, CourseFactory, NotebookServerFactory, in_class, member, prepared

pytestmark = pytest.mark.django_db

NOTEBOOK = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


@pytest.fixture
def course(fake_backends: None, teacher: User) -> Course:
    course = prepared(CourseFactory.create(owner=teacher))
    member(course, "teacher", Role.TEACHER)
    return course


@pytest.fixture
def assignment(course: Course) -> Assignment:
    return AssignmentFactory.create(course=course, name="homework")


@pytest.fixture
def standing(course: Course, teacher: User) -> Standing:
    found = standing_of(teacher, course)
    assert found is not None
    return found


@pytest.fixture
def server(standing: Standing) -> NotebookServer:
    """The teacher's server of the class, asleep, with an assignment in it."""
    assert standing.membership is not None
    server = NotebookServerFactory.create(**in_class(standing.membership))
    for path in ("ps1/problem1.ipynb", "ps1/scratch.ipynb", "ps1/data/a.csv", "ps1/.ipynb_checkpoints/x.ipynb"):
        save(server, path, NOTEBOOK)
    for path in (".config/token", "shared/class/x.txt", "home/mount-point"):
        save(server, path, b"x")
    return server


@pytest.fixture
def home(teacher: User, course: Course) -> Volume:
    """The teacher's personal files."""
    home = Volume.objects.create(owner=teacher, purpose=Volume.Purpose.HOME)
    volume_store().create(home.key)
    _save(home, "old course/ps2.ipynb")
    return home


def _save(volume: Volume, path: str) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(path)
        info.size = len(NOTEBOOK)
        archive.addfile(info, io.BytesIO(NOTEBOOK))
    volume_store().write(volume.key, "", [buffer.getvalue()], max_bytes=1_000_000)


def _paths(source: Source) -> list[str]:
    return [file.path for file in read_bundle(source.bundle)]


def test_list_shows_the_server_and_personal_files_and_nothing_hidden(
    server: NotebookServer, home: Volume, standing: Standing, teacher: User
) -> None:
    top = list_own(standing, "", by=teacher)
    inside = list_own(standing, "ps1", by=teacher)
    personal = list_own(standing, "~/home/old course/", by=teacher)

    assert [entry.path for entry in top.entries] == ["home", "ps1"]
    assert [entry.name for entry in inside.entries] == ["data", "problem1.ipynb", "scratch.ipynb"]
    assert [entry.path for entry in personal.entries] == ["home/old course/ps2.ipynb"]
    assert (top.has_notebooks, inside.has_notebooks) == (False, True)


def test_who_has_no_server_yet_has_no_files(standing: Standing, teacher: User) -> None:
    assert list_own(standing, "", by=teacher).entries == ()


def test_what_was_chosen_in_the_server_is_taken(
    server: NotebookServer, assignment: Assignment, standing: Standing, teacher: User, now: datetime
) -> None:
    source = bring_own(assignment, standing, "ps1", ["problem1.ipynb", "data"], by=teacher, now=now)

    assert _paths(source) == ["data/a.csv", "problem1.ipynb"]
    assert (source.origin, source.origin_detail) == (Origin.SERVER, "~/ps1")


def test_personal_files_can_be_taken(
    home: Volume, assignment: Assignment, standing: Standing, teacher: User, now: datetime
) -> None:
    source = bring_own(assignment, standing, "home/old course", ["ps2.ipynb"], by=teacher, now=now)

    assert _paths(source) == ["ps2.ipynb"]


@pytest.mark.parametrize("folder", ["..", "../other", "ps9", ".config", "home", "ps1/problem1.ipynb", "a\0b"])
def test_what_is_not_there_is_refused(
    server: NotebookServer, assignment: Assignment, standing: Standing, teacher: User, now: datetime, folder: str
) -> None:
    with pytest.raises(AssignmentError, match="own_folder_missing"):
        bring_own(assignment, standing, folder, ["problem1.ipynb"], by=teacher, now=now)


@pytest.mark.parametrize("name", ["../ps1/problem1.ipynb", "data/a.csv", "", ".", "..", "/etc", "other.ipynb", ".x"])
def test_what_is_not_in_the_folder_is_refused(
    server: NotebookServer, assignment: Assignment, standing: Standing, teacher: User, now: datetime, name: str
) -> None:
    with pytest.raises(AssignmentError, match="own_folder_missing"):
        bring_own(assignment, standing, "ps1", [name], by=teacher, now=now)


def test_nothing_chosen_is_said(
    server: NotebookServer, assignment: Assignment, standing: Standing, teacher: User, now: datetime
) -> None:
    with pytest.raises(AssignmentError, match="own_files_none"):
        bring_own(assignment, standing, "ps1", [], by=teacher, now=now)


def test_more_together_than_one_assignment_may_have_is_refused(
    server: NotebookServer,
    assignment: Assignment,
    standing: Standing,
    teacher: User,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("assignments.releasing.own_files.LIMITS", type("L", (), {"max_bytes": 100, "max_files": 9})())

    with pytest.raises(AssignmentError, match="files_too_large"):
        bring_own(assignment, standing, "ps1", ["problem1.ipynb", "scratch.ipynb"], by=teacher, now=now)


def test_files_of_others_are_not_among_them(
    server: NotebookServer, assignment: Assignment, course: Course, now: datetime
) -> None:
    colleague = member(course, "colleague", Role.TEACHER)
    standing = standing_of(colleague.person, course)
    assert standing is not None

    assert list_own(standing, "", by=colleague.person).entries == ()
    with pytest.raises(AssignmentError, match="own_folder_missing"):
        bring_own(assignment, standing, "ps1", ["problem1.ipynb"], by=colleague.person, now=now)


def test_page_offers_what_is_there_and_takes_what_was_chosen(
    server: NotebookServer, assignment: Assignment, client: Client, teacher: User
) -> None:
    client.force_login(teacher)
    address = reverse("assignments:own-files", args=[assignment.course.slug, assignment.name])

    page = client.get(address, {"path": "ps1"}).content.decode()
    answer = client.post(address, {"path": "ps1", "take": ["problem1.ipynb"]})

    assert 'value="problem1.ipynb"' in page
    assert answer.status_code == 302
    assert GateRun.objects.get(source__assignment=assignment).source.notebooks == ["problem1"]


def test_page_says_why_nothing_was_taken_and_shows_the_folder_again(
    server: NotebookServer, assignment: Assignment, client: Client, teacher: User
) -> None:
    client.force_login(teacher)
    address = reverse("assignments:own-files", args=[assignment.course.slug, assignment.name])

    answer = client.post(address, {"path": "ps1"})

    assert answer.status_code == 422
    assert "Nothing was chosen." in answer.content.decode()
    assert 'value="problem1.ipynb"' in answer.content.decode()
