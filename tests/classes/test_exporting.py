"""A class taken out as one archive: what is in it, what is not, and what becomes of it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from classes.archives import read_archive
from classes.exporting import KEPT, TIME_LIMIT, carry_out_export, delete_export, file_of, request_export, tend_exports
from classes.models import ArchiveState, Course, CourseExport, Invitation, LessonVisit, Role, Section
from classes.portable import Files, Manifest
from environments.backends import volume_store
from environments.volumes.archive import Entry, pack
from tests.factories import (
    CourseFactory,
    LessonFactory,
    NotebookServerFactory,
    SharedVolumeFactory,
    member,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]


@pytest.fixture(autouse=True)
def data_directory(settings: Settings, tmp_path: Path) -> Path:
    settings.CARREL_DATA = tmp_path
    return tmp_path


@pytest.fixture
def course(now: datetime) -> Course:
    """A class with a lesson, somebody at work in it, shared files, and a server that is run for it."""
    course = CourseFactory.create(title="Waves")
    course.shared_volume = SharedVolumeFactory.create(owner=course.owner)
    course.save()
    fill(course.shared_volume.volume.key, {"data.csv": b"1,2"})
    member(course, "teacher", Role.TEACHER)
    student = member(course, "student")
    student.section = Section.objects.create(course=course, name="Group A")
    student.save()
    lesson = LessonFactory.create(course=course, title="Ripples")
    LessonVisit.objects.create(membership=student, lesson=lesson, opened_at=now, last_opened_at=now, cells=4)
    Invitation.objects.create(course=course, code="sesame-sesame", expires_at=now + timedelta(days=1))
    server = NotebookServerFactory.create(owner=student.person, group=course.everybody, name="waves")
    fill(server.volume.key, {"answer.txt": b"42"})
    return course


def fill(key: str, files: dict[str, bytes]) -> None:
    """Put these files into a volume."""
    volume_store().create(key)
    entries = (Entry(Path(name), size=len(data), content=[data]) for name, data in files.items())  # type: ignore[arg-type]
    volume_store().write(key, "", pack(entries), max_bytes=1_000_000)


@pytest.fixture
def make(course: Course, now: datetime) -> Callable[..., CourseExport]:
    """Asks for an archive and makes it."""

    def make_export(*, with_files: bool = True, with_work: bool = True) -> CourseExport:
        export = request_export(course, asked_by=course.owner, with_files=with_files, with_work=with_work, now=now)
        carry_out_export(export, clock=lambda: now)
        export.refresh_from_db()
        return export

    return make_export


def manifest_in(export: CourseExport) -> Manifest:
    return read_archive(file_of(export), max_bytes=1_000_000)


def names_in(export: CourseExport) -> set[str]:
    with zipfile.ZipFile(file_of(export)) as archive:
        return set(archive.namelist())


def test_tells_everything_of_the_class(make: Callable[..., CourseExport]) -> None:
    manifest = manifest_in(make())

    assert manifest.facts.title == "Waves"
    assert {it.username: (it.role, it.section) for it in manifest.members} == {
        "teacher": ("teacher", ""),
        "student": ("student", "Group A"),
    }
    assert [lesson.title for lesson in manifest.lessons] == ["Ripples"]
    assert [(visit.member, visit.lesson, visit.cells) for visit in manifest.visits] == [("student", 0, 4)]


def test_has_files_and_work_by_choice(make: Callable[..., CourseExport]) -> None:
    everything = names_in(make())
    little = names_in(make(with_files=False, with_work=False))

    assert everything == {"class.json", "shared/data.csv", "work/0001/answer.txt"}
    assert little == {"class.json"}


def test_says_whose_work_it_is(make: Callable[..., CourseExport]) -> None:
    manifest = manifest_in(make(with_files=False))

    assert manifest.files == (Files("work", "work/0001", member="student", server="waves"),)


def test_has_no_invitation_in_it(make: Callable[..., CourseExport]) -> None:
    with zipfile.ZipFile(file_of(make())) as archive:
        content = b"".join(archive.read(name) for name in archive.namelist())

    assert b"sesame" not in content


def test_leaves_servers_of_members_own_out(course: Course, make: Callable[..., CourseExport]) -> None:
    own = NotebookServerFactory.create(owner=course.memberships.students().get().person)
    fill(own.volume.key, {"diary.txt": b"secret"})

    assert not any("diary" in name for name in names_in(make()))


def test_passes_over_a_server_that_was_never_started(course: Course, make: Callable[..., CourseExport]) -> None:
    NotebookServerFactory.create(owner=course.owner, group=course.everybody)

    export = make(with_files=False)

    assert export.state == ArchiveState.DONE
    assert len(manifest_in(export).files) == 1


def test_says_when_it_is_too_large(settings: Settings, make: Callable[..., CourseExport]) -> None:
    settings.CLASS_ARCHIVE_MB = 0

    export = make()

    assert (export.state, export.failure_code) == (ArchiveState.FAILED, "class_archive_too_large")
    assert export.failure
    assert export.failure.next_step
    assert not list(file_of(export).parent.iterdir())


def test_is_made_one_at_a_time(course: Course, now: datetime) -> None:
    first, second = (
        request_export(course, asked_by=course.owner, with_files=True, with_work=False, now=now) for _ in range(2)
    )

    assert first == second


def test_is_made_once_however_often_it_is_asked_for(course: Course, make: Callable[..., CourseExport]) -> None:
    export = make()
    file_of(export).write_bytes(b"as it was")

    carry_out_export(export)

    assert file_of(export).read_bytes() == b"as it was"


def test_is_kept_from_other_users_of_the_machine(make: Callable[..., CourseExport]) -> None:
    assert file_of(make()).parent.stat().st_mode & 0o077 == 0


class TestTending:
    """What is done every minute."""

    def test_removes_old_archives_with_their_files(self, make: Callable[..., CourseExport], now: datetime) -> None:
        export = make()

        tend_exports(now=now + KEPT + timedelta(seconds=1))

        assert not CourseExport.objects.exists()
        assert not file_of(export).exists()

    def test_keeps_those_that_are_not_old(self, make: Callable[..., CourseExport], now: datetime) -> None:
        export = make()

        tend_exports(now=now + KEPT)

        assert file_of(export).exists()

    def test_removes_files_of_a_class_that_is_gone(
        self, course: Course, make: Callable[..., CourseExport], now: datetime
    ) -> None:
        export = make()
        course.delete()

        tend_exports(now=now)

        assert not file_of(export).exists()

    def test_gives_up_what_a_worker_left_behind(self, course: Course, now: datetime) -> None:
        CourseExport.objects.create(course=course, asked_at=now, began_at=now, state=ArchiveState.WORKING)

        tend_exports(now=now + TIME_LIMIT + timedelta(seconds=1))

        assert CourseExport.objects.get().failure_code == "class_archive_interrupted"

    def test_asks_again_for_what_waits(
        self,
        course: Course,
        now: datetime,
        django_capture_on_commit_callbacks: Callable[..., object],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        asked: list[tuple[str, object]] = []
        monkeypatch.setattr("classes.exporting.enqueue", lambda task, key: asked.append((task, key)))
        export = CourseExport.objects.create(course=course, asked_at=now)

        tend_exports(now=now + timedelta(minutes=3))

        assert asked == [("classes.tasks.make_export", export.pk)]


def test_delete_removes_row_and_file(make: Callable[..., CourseExport]) -> None:
    export = make()

    delete_export(export)

    assert not CourseExport.objects.exists()
    assert not file_of(export).exists()
