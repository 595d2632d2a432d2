"""The files of an archive in the class made from it: the same files, the same work, the same receipts, each once."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path, PurePosixPath

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from classes.archives import ArchiveWriter
from classes.errors import CourseError
from classes.expected import welcome
from classes.exporting import carry_out_export, file_of, request_export
from classes.files import Area, make_area
from classes.importing import bring, forget_brought, make_from
from classes.keeping import delete, purge
from classes.kept_work import tend_kept_work
from classes.members import admit
from classes.models import ArchiveState, Course, CourseImport, HandIn, KeptWork, Membership, Role
from classes.naming import server_name
from classes.portable import Facts, Files, HandedIn, Manifest, Member
from classes.unpacking import KEPT, brought_file, carry_out_import, tend_imports, try_again
from environments.backends import volume_store
from environments.errors import SystemFailure
from environments.models import GivenFiles, Quota
from environments.volumes.archive import Entry, pack, unpack
from environments.volumes.fake import FakeVolumeStore
from tests.factories import CourseFactory, NotebookServerFactory, UserFactory, hand_in_of, in_class, member

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

DIGEST = "0" * 64


@pytest.fixture(autouse=True)
def data_directory(settings: Settings, tmp_path: Path) -> Path:
    settings.CARREL_DATA = tmp_path
    return tmp_path


def entries_of(files: dict[str, bytes]) -> Iterator[Entry]:
    return (Entry(PurePosixPath(path), size=len(data), content=[data]) for path, data in files.items())


def fill(key: str, files: dict[str, bytes]) -> None:
    volume_store().create(key)
    volume_store().write(key, "", pack(entries_of(files)), max_bytes=1_000_000)


def files_in(key: str) -> dict[str, bytes]:
    entries = unpack(volume_store().read(key), max_bytes=10_000_000)
    return {str(it.path): b"".join(it.content) for it in entries if not it.is_folder}


def key_of(course: Course, area: Area) -> str:
    course = Course.objects.get(pk=course.pk)
    volume = {"shared": course.shared_volume, "common": course.common_volume, "hand_in": course.hand_in_volume}[area]
    assert volume
    return volume.volume.key


def archive_with(folders: dict[Files, dict[str, bytes]], tmp_path: Path, **said: object) -> bytes:
    """An archive of a class of ada and bob, with these files."""
    path = tmp_path / "made.zip"
    manifest = Manifest(
        Facts("Waves", repository="gh/ada/waves/main", teacher_repository="gh/ada/waves/solutions"),
        exported_at=datetime.fromisoformat("2026-03-02T09:00:00+00:00"),
        members=(Member("ada", role="teacher"), Member("bob"), Member("eve", "eve@example.org")),
        files=tuple(folders),
        **said,  # type: ignore[arg-type]
    )
    with ArchiveWriter(path, max_bytes=100_000_000) as archive:
        for files, content in folders.items():
            archive.add(files.folder, entries_of(content))
        archive.finish(manifest)
    return path.read_bytes()


SHARED, COMMON, HANDED_IN = Files("shared", "shared"), Files("common", "common"), Files("hand_in", "hand_in")
OF_BOB = Files("work", "work/0001", "bob", "waves")
OF_EVE = Files("work", "work/0002", "eve", "waves")
ALL = {
    SHARED: {"data.csv": b"1,2", "more/notes.md": b"notes"},
    COMMON: {"board.md": b"ours"},
    OF_BOB: {"1.ipynb": b"solved by bob"},
    OF_EVE: {"1.ipynb": b"solved by eve"},
}


@pytest.fixture
def make(teacher: User, tmp_path: Path, now: datetime) -> Callable[..., CourseImport]:
    """Makes a class from an archive with these files; nobody has brought them yet."""

    def make_course(
        folders: dict[Files, dict[str, bytes]] | None = None, *, with_people: bool = True, **said: object
    ) -> CourseImport:
        for name in ("ada", "bob"):
            User.objects.filter(username=name).exists() or UserFactory.create(username=name)
        brought = bring(teacher, [archive_with(ALL if folders is None else folders, tmp_path, **said)], now=now)
        return make_from(brought, with_people=with_people, resolved=None, now=now).import_of_files

    return make_course


def carry_out(brought: CourseImport, now: datetime) -> CourseImport:
    carry_out_import(CourseImport.objects.get(pk=brought.pk), clock=lambda: now)
    return CourseImport.objects.get(pk=brought.pk)


# --- There and back ------------------------------------------------------------------------------------------


def test_class_made_from_its_archive_has_the_same_files_work_and_receipts(teacher: User, now: datetime) -> None:
    before = CourseFactory.create(title="Waves", owner=teacher)
    member(before, "teacher", Role.TEACHER)
    make_area(before, Area.SHARED, now=now)
    make_area(before, Area.COMMON, now=now)
    make_area(before, Area.HAND_IN, now=now)
    student = member(before, "bob")
    server = NotebookServerFactory.create(**in_class(student))
    fill(key_of(before, Area.SHARED), {"data.csv": b"1,2"})
    fill(key_of(before, Area.COMMON), {"board.md": b"ours"})
    fill(key_of(before, Area.HAND_IN), {"bob/2026-03-02 09.00.00/report.md": b"done"})
    fill(server.volume.key, {"1.ipynb": b"solved"})
    receipt = hand_in_of(
        student,
        state=HandIn.State.RECEIVED,
        path="report.md",
        folder="bob/2026-03-02 09.00.00",
        received_at=now,
        contents=[["report.md", 4, DIGEST]],
    )
    export = request_export(before, asked_by=teacher, with_files=True, with_work=True, with_hand_ins=True, now=now)
    carry_out_export(export)

    brought = bring(teacher, [file_of(export).read_bytes()], now=now)
    after = make_from(brought, with_people=True, resolved=None, now=now)
    done = carry_out(after.import_of_files, now)

    assert (done.state, len(done.done), done.total) == (ArchiveState.DONE, 4, 4)
    for area in Area:
        assert files_in(key_of(after, area)) == files_in(key_of(before, area))
    given = GivenFiles.objects.get()
    assert (given.owner, given.name, given.group) == (student.person, server_name(after.slug), after.everybody)
    assert files_in(given.volume_key) == {"1.ipynb": b"solved"}
    again = HandIn.objects.get(membership__course=after)
    for name in ("path", "folder", "state", "asked_at", "received_at", "contents"):
        assert getattr(again, name) == getattr(receipt, name)
    assert not brought_file(brought.pk).exists()


def test_work_of_somebody_who_is_not_here_yet_waits_for_them(make: Callable[..., CourseImport], now: datetime) -> None:
    brought = carry_out(make(), now)
    kept = KeptWork.objects.get()
    eve = UserFactory.create(username="evelyn", email="eve@example.org")
    EmailAddress.objects.create(user=eve, email="eve@example.org", verified=True)

    welcome(eve, now=now)

    given = GivenFiles.objects.get(owner=eve)
    assert (brought.state, kept.who) == (ArchiveState.DONE, "eve@example.org")
    assert files_in(given.volume_key) == {"1.ipynb": b"solved by eve"}
    assert not KeptWork.objects.exists()


def test_work_waits_for_who_comes_before_it_is_unpacked(make: Callable[..., CourseImport], now: datetime) -> None:
    brought = make()
    eve = UserFactory.create(username="evelyn", email="eve@example.org")
    EmailAddress.objects.create(user=eve, email="eve@example.org", verified=True)
    welcome(eve, now=now)
    before = GivenFiles.objects.count()

    carry_out(brought, now)

    assert before == 0
    assert GivenFiles.objects.filter(owner=eve).exists()


def test_work_reaches_who_came_by_another_way(make: Callable[..., CourseImport], now: datetime) -> None:
    brought = carry_out(make(), now)
    eve = UserFactory.create(username="evelyn", email="eve@example.org")
    EmailAddress.objects.create(user=eve, email="eve@example.org", verified=True)
    admit(brought.course, eve, now=now)

    tend_kept_work(now=now)

    assert GivenFiles.objects.filter(owner=eve).exists()


def test_work_is_given_to_nobody_who_only_says_that_it_is_theirs(
    make: Callable[..., CourseImport], now: datetime
) -> None:
    brought = carry_out(make(), now)
    mallory = UserFactory.create(username="eve", email="eve@example.org")
    EmailAddress.objects.create(user=mallory, email="eve@example.org", verified=False)
    admit(brought.course, mallory, now=now)

    welcome(mallory, now=now)
    tend_kept_work(now=now)

    assert not GivenFiles.objects.filter(owner=mallory).exists()


def test_teachers_have_their_work_where_teachers_work(make: Callable[..., CourseImport], now: datetime) -> None:
    of_ada = {Files("work", "work/0001", "ada", "waves-teacher"): {"solution.py": b"x"}}

    brought = carry_out(make(of_ada), now)

    assert GivenFiles.objects.get().name == server_name(brought.course.slug, of_teachers=True)


def test_student_reaches_no_server_of_teachers_by_the_name_of_theirs(
    make: Callable[..., CourseImport], now: datetime
) -> None:
    of_bob = {Files("work", "work/0001", "bob", "waves-teacher"): {"a.py": b"x"}}

    brought = carry_out(make(of_bob), now)

    assert GivenFiles.objects.get().name == server_name(brought.course.slug)


def test_receipts_of_somebody_who_is_not_here_yet_wait_for_them(
    make: Callable[..., CourseImport], now: datetime
) -> None:
    receipt = HandedIn("eve", "report.md", "eve/1", now, now, (("report.md", 4, DIGEST),))
    make({HANDED_IN: {"eve/1/report.md": b"done"}}, hand_ins=(receipt,))
    eve = UserFactory.create(username="evelyn", email="eve@example.org")
    EmailAddress.objects.create(user=eve, email="eve@example.org", verified=True)
    before = HandIn.objects.count()

    welcome(eve, now=now)

    again = HandIn.objects.get()
    assert before == 0
    assert (again.membership.person, again.folder, again.received_at) == (eve, "eve/1", now)


def test_nothing_of_people_comes_without_them(make: Callable[..., CourseImport], now: datetime) -> None:
    receipt = HandedIn("bob", "report.md", "bob/1", now, now)

    brought = carry_out(make({**ALL, HANDED_IN: {"bob/1/a": b"x"}}, with_people=False, hand_ins=(receipt,)), now)

    assert brought.done == ["shared", "common"]
    assert not any(model.objects.exists() for model in (KeptWork, GivenFiles, HandIn))
    assert brought.course.hand_in_volume is None


def test_archive_without_files_needs_no_worker(teacher: User, tmp_path: Path, now: datetime) -> None:
    brought = bring(teacher, [archive_with({}, tmp_path)], now=now)

    make_from(brought, with_people=True, resolved=None, now=now)

    assert not CourseImport.objects.exists()


# --- Beside what is there ------------------------------------------------------------------------------------


def test_file_that_a_teacher_has_put_there_meanwhile_stays(make: Callable[..., CourseImport], now: datetime) -> None:
    brought = make({SHARED: {"data.csv": b"of the archive", "same.md": b"same", "a/b.md": b"b", "c": b"c"}})
    there = {"data.csv": b"of the teacher", "same.md": b"same", "a": b"no folder", "c/d": b"no file"}
    fill(key_of(brought.course, Area.SHARED), there)

    carry_out(brought, now)

    assert files_in(key_of(brought.course, Area.SHARED)) == {
        **there,
        "data.from-archive.csv": b"of the archive",
        "a.from-archive/b.md": b"b",
        "c.from-archive": b"c",
    }


def test_bringing_twice_changes_nothing(make: Callable[..., CourseImport], now: datetime) -> None:
    brought = make({SHARED: {"data.csv": b"of the archive", "a.md": b"a"}})
    key = key_of(brought.course, Area.SHARED)
    fill(key, {"data.csv": b"of the teacher"})
    data = brought_file(brought.pk).read_bytes()
    carry_out(brought, now)
    once = files_in(key)
    CourseImport.objects.update(state=ArchiveState.WAITING, done=[])
    brought_file(brought.pk).write_bytes(data)

    carry_out(brought, now)

    assert files_in(key) == once


# --- Killed, refused, damaged --------------------------------------------------------------------------------


class DyingStore(FakeVolumeStore):
    """Its worker is killed while it writes to the volume that is named, after the first file."""

    def __init__(self, fatal: str) -> None:
        super().__init__()
        self.fatal = fatal

    def write(self, volume: str, path: str, stream: Iterable[bytes], *, max_bytes: int) -> None:
        if self.fatal and volume.startswith(self.fatal):
            entries = unpack(stream, max_bytes=max_bytes)
            super().write(volume, path, pack(islice(entries, 1)), max_bytes=max_bytes)
            raise KeyboardInterrupt
        super().write(volume, path, stream, max_bytes=max_bytes)


@pytest.mark.parametrize("fatal", ["shared", "work"])
def test_another_worker_goes_on_after_one_was_killed(
    make: Callable[..., CourseImport], monkeypatch: pytest.MonkeyPatch, now: datetime, fatal: str
) -> None:
    store = DyingStore(fatal)
    for module in ("classes.unpacking", "classes.kept_work", "environments.giving", __name__):
        monkeypatch.setattr(f"{module}.volume_store", lambda: store)
    brought = make()
    with pytest.raises(KeyboardInterrupt):
        carry_out(brought, now)
    store.fatal = ""

    too_early = carry_out(brought, now)
    done = carry_out(brought, now + timedelta(minutes=1))

    assert (too_early.state, done.state, done.attempts) == (ArchiveState.WORKING, ArchiveState.DONE, 2)
    assert files_in(key_of(brought.course, Area.SHARED)) == ALL[SHARED]
    assert files_in(GivenFiles.objects.get().volume_key) == ALL[OF_BOB]
    assert len(done.done) == len(set(done.done)) == done.total


def test_tending_asks_for_what_a_dead_worker_has_left(
    make: Callable[..., CourseImport], monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    asked: list[object] = []
    brought = make()
    monkeypatch.setattr("classes.unpacking.enqueue", lambda task, key: asked.append(key))
    CourseImport.objects.update(state=ArchiveState.WORKING, lease_expires_at=now)

    tend_imports(now=now)
    tend_imports(now=now + timedelta(seconds=1))

    assert asked == [brought.pk]


def test_gives_up_after_several_dead_workers(make: Callable[..., CourseImport], now: datetime) -> None:
    brought = make()
    CourseImport.objects.update(attempts=3)

    failed = carry_out(brought, now)

    assert (failed.state, failed.failure_code) == (ArchiveState.FAILED, "class_import_interrupted")
    assert failed.failure
    assert failed.failure.next_step


def test_damage_inside_ends_it_in_words_and_leaves_the_rest(
    make: Callable[..., CourseImport], teacher: User, now: datetime
) -> None:
    brought = make({COMMON: {"board.md": b"ours"}, OF_BOB: {"1.ipynb": b"find-this-text"}})
    path = brought_file(brought.pk)
    rewrite_stored(path, damaged="work/0001/1.ipynb")

    failed = carry_out(brought, now)

    assert (failed.state, failed.failure_code, failed.done) == (
        ArchiveState.FAILED,
        "class_archive_unreadable",
        ["common"],
    )
    assert files_in(key_of(brought.course, Area.COMMON)) == {"board.md": b"ours"}
    assert not GivenFiles.objects.exists()


def rewrite_stored(path: Path, *, damaged: str) -> None:
    """The archive with one file whose content is not what its checksum says."""
    with zipfile.ZipFile(path) as archive:
        content = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    data = path.read_bytes()
    at = data.index(content[damaged])
    path.write_bytes(data[:at] + b"X" + data[at + 1 :])


@pytest.mark.parametrize("name", ["shared/../../etc/cron.d/x", "/etc/passwd", "shared/SHARED-twice"])
def test_hostile_archive_that_took_the_place_of_a_good_one_is_refused(
    make: Callable[..., CourseImport], now: datetime, name: str
) -> None:
    brought = make({SHARED: {"shared-twice": b"1"}})
    with zipfile.ZipFile(brought_file(brought.pk), "a") as archive:
        archive.writestr(name, "x")

    failed = carry_out(brought, now)

    assert (failed.state, failed.failure_code) == (ArchiveState.FAILED, "class_archive_refused")
    assert not volume_store().exists(key_of(brought.course, Area.SHARED))


def test_too_large_for_whoever_owns_the_class_is_said(
    make: Callable[..., CourseImport], teacher: User, now: datetime
) -> None:
    brought = make({SHARED: {"large.bin": bytes(range(256)) * 8000}})
    Quota.objects.create(person=teacher, disk_mb=1)

    failed = carry_out(brought, now)

    assert (failed.state, failed.failure_code) == (ArchiveState.FAILED, "class_import_no_room")
    assert failed.failure


def test_more_than_may_be_kept_is_refused(make: Callable[..., CourseImport], settings: Settings, now: datetime) -> None:
    brought = make({SHARED: {"large.bin": bytes(range(256)) * 8000}})
    settings.CLASS_ARCHIVE_MB = 1

    assert carry_out(brought, now).failure_code == "class_archive_too_large"


def test_folders_within_folders_are_refused(teacher: User, tmp_path: Path, now: datetime) -> None:
    with pytest.raises(CourseError, match="class_archive_invalid"):
        bring(teacher, [archive_with({SHARED: {}, Files("work", "shared/1", "bob"): {}}, tmp_path)], now=now)


class SilentStore(FakeVolumeStore):
    """Its engine does not answer."""

    def create(self, volume: str) -> None:
        raise SystemFailure("runtime_unavailable")


def test_try_again_brings_what_is_missing(
    make: Callable[..., CourseImport], monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    brought = make({SHARED: {"data.csv": b"1"}})
    with monkeypatch.context() as patch:
        patch.setattr("classes.unpacking.volume_store", lambda: SilentStore())
        failed = carry_out(brought, now)

    try_again(failed)
    done = carry_out(brought, now)

    assert (failed.failure_code, done.state) == ("runtime_unavailable", ArchiveState.DONE)
    assert not done.failure


def test_archive_is_kept_a_week_for_another_attempt(make: Callable[..., CourseImport], now: datetime) -> None:
    brought = make()
    CourseImport.objects.update(state=ArchiveState.FAILED, done_at=now)
    path = brought_file(brought.pk)
    os.utime(path, (now.timestamp(), now.timestamp()))

    forget_brought(now=now + KEPT)
    is_kept = path.exists()
    forget_brought(now=now + KEPT + timedelta(days=1))

    assert is_kept
    assert not path.exists()


def test_class_that_goes_for_good_takes_kept_work_with_it(
    make: Callable[..., CourseImport], settings: Settings, now: datetime
) -> None:
    settings.DELETED_FILES_DAYS = 0
    course = carry_out(make(), now).course
    keys = [KeptWork.objects.get().volume_key, GivenFiles.objects.get().volume_key]
    delete(course, now=now)

    purge(course, now=now)

    assert not any(volume_store().exists(key) for key in keys)
    assert not Course.objects.exists()


# --- Pages ---------------------------------------------------------------------------------------------------


def test_page_says_how_far_it_is(client: Client, make: Callable[..., CourseImport], teacher: User) -> None:
    course = make().course
    client.force_login(teacher)

    keep, today = (client.get(f"/classes/{course.slug}/{page}").content.decode() for page in ("keep/", ""))

    assert "being brought in" in keep
    assert "0 of 4 folders" in keep
    assert "being brought in" in today


def test_page_says_what_went_wrong_and_offers_another_attempt(
    client: Client, make: Callable[..., CourseImport], teacher: User, now: datetime
) -> None:
    course = make().course
    CourseImport.objects.update(
        state=ArchiveState.FAILED, failure_code="class_import_no_room", failure_facts={"megabytes": 7}, done_at=now
    )
    client.force_login(teacher)

    page = client.get(f"/classes/{course.slug}/keep/").content.decode()
    response = client.post(f"/classes/{course.slug}/keep/files/again/")

    assert "take 7 MB" in page
    assert f"/classes/{course.slug}/keep/files/again/" in page
    assert response["Location"] == f"/classes/{course.slug}/keep/"
    assert CourseImport.objects.get().state == ArchiveState.WAITING


def test_students_are_told_nothing_of_it(client: Client, make: Callable[..., CourseImport]) -> None:
    course = make().course
    client.force_login(User.objects.get(username="bob"))

    assert "being brought in" not in client.get(f"/classes/{course.slug}/").content.decode()
    assert client.post(f"/classes/{course.slug}/keep/files/again/").status_code == 403
    assert Membership.objects.get(person__username="bob").role == Role.STUDENT
