"""A teacher looks at a student's files, and it is noted."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from accounts.models import User
from classes.errors import CourseError
from classes.looking import KEPT_FOR, ONE_LOOK, forget_old_looks, list_folder, read_file
from classes.models import Course, Look, Membership, Role
from classes.naming import server_name
from environments.errors import EnvironmentsError
from environments.models import NotebookServer
from tests.classes.notebook_files import save
from tests.factories import CourseFactory, NotebookServerFactory, in_class, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def course(fake_backends: None) -> Course:
    return CourseFactory.create(slug="statistics-for-everybody-who-begins-and-some-more")


@pytest.fixture
def looker(course: Course) -> User:
    return member(course, "teacher", Role.TEACHER).person


@pytest.fixture
def student(course: Course) -> Membership:
    return member(course, "student")


@pytest.fixture
def server(student: Membership) -> NotebookServer:
    """The student's server of the class, asleep, with some files."""
    server = NotebookServerFactory.create(**in_class(student))
    for path in ("week 1/first.ipynb", "week 1/data.csv", "notes.txt", ".bash_history", ".config/token"):
        save(server, path, path.encode())
    return server


def test_list_names_what_is_in_a_folder(
    server: NotebookServer, student: Membership, looker: User, now: datetime
) -> None:
    root = list_folder(student, "", by=looker, now=now)
    below = list_folder(student, "week 1", by=looker, now=now)

    assert [entry.name for entry in root.entries] == ["week 1", "notes.txt"]
    assert [entry.name for entry in below.entries] == ["data.csv", "first.ipynb"]


def test_read_gives_a_file(server: NotebookServer, student: Membership, looker: User, now: datetime) -> None:
    assert read_file(student, "week 1/data.csv", by=looker, now=now) == b"week 1/data.csv"


@pytest.mark.parametrize(
    "path",
    [
        ".bash_history",
        ".config/token",
        "week 1/../.bash_history",
        "../x",
        "/etc/passwd",
        "nowhere",
        "week 1",
        "x" * 2000,
    ],
)
def test_read_refuses_hidden_files_and_what_is_no_file_inside(
    server: NotebookServer, student: Membership, looker: User, now: datetime, path: str
) -> None:
    with pytest.raises(CourseError, match="file_missing"):
        read_file(student, path, by=looker, now=now)

    assert not Look.objects.exists()


def test_list_refuses_hidden_folders(server: NotebookServer, student: Membership, looker: User, now: datetime) -> None:
    with pytest.raises(CourseError, match="file_missing"):
        list_folder(student, ".config", by=looker, now=now)


def test_read_refuses_what_is_too_large_to_show(
    server: NotebookServer, student: Membership, looker: User, now: datetime
) -> None:
    save(server, "large.bin", bytes(9_000_000))

    with pytest.raises(CourseError, match="file_too_large"):
        read_file(student, "large.bin", by=looker, now=now)

    assert len(read_file(student, "large.bin", by=looker, now=now, is_download=True)) == 9_000_000


@pytest.mark.parametrize("is_made", [True, False])
def test_look_before_there_are_files_says_so(student: Membership, looker: User, now: datetime, is_made: bool) -> None:
    if is_made:
        NotebookServerFactory.create(**in_class(student))

    for look in (list_folder, read_file):
        with pytest.raises(EnvironmentsError, match="no_server_yet"):
            look(student, "notes.txt", by=looker, now=now)


def test_look_does_not_reach_other_servers_of_the_student(
    server: NotebookServer, student: Membership, looker: User, now: datetime
) -> None:
    other = NotebookServerFactory.create(owner=student.person, name="own")
    save(other, "diary.txt", b"private")

    with pytest.raises(CourseError, match="file_missing"):
        read_file(student, "diary.txt", by=looker, now=now)


def test_each_look_is_noted(server: NotebookServer, student: Membership, looker: User, now: datetime) -> None:
    list_folder(student, "week 1", by=looker, now=now)
    read_file(student, "notes.txt", by=looker, now=now)
    read_file(student, "notes.txt", by=looker, now=now, is_download=True)

    looks = Look.objects.filter(membership=student, by=looker, at=now)
    assert set(looks.values_list("kind", "path")) == {
        ("folder", "week 1"),
        ("file", "notes.txt"),
        ("download", "notes.txt"),
    }


def test_looks_at_the_same_shortly_after_are_one(
    server: NotebookServer, student: Membership, looker: User, now: datetime
) -> None:
    for minutes in (0, 5, 10):
        read_file(student, "notes.txt", by=looker, now=now + timedelta(minutes=minutes))
    later = now + timedelta(minutes=10) + ONE_LOOK
    read_file(student, "notes.txt", by=looker, now=later)

    assert set(Look.objects.values_list("at", flat=True)) == {now + timedelta(minutes=10), later}


def test_old_looks_are_forgotten(server: NotebookServer, student: Membership, looker: User, now: datetime) -> None:
    list_folder(student, "", by=looker, now=now)

    forget_old_looks(now + KEPT_FOR)
    assert Look.objects.count() == 1
    forget_old_looks(now + KEPT_FOR + timedelta(seconds=1))
    assert not Look.objects.exists()


def test_look_is_at_the_server_of_students_where_somebody_has_another_as_a_teacher(
    server: NotebookServer, student: Membership, looker: User, now: datetime
) -> None:
    theirs = {**in_class(student), "name": server_name(student.course.slug, of_teachers=True)}
    save(NotebookServerFactory.create(**theirs), "answers.txt", b"42")

    found = list_folder(student, "", by=looker, now=now)

    assert "answers.txt" not in [entry.name for entry in found.entries]
