"""What a student hands in reaches their teachers, whole, unchanged and seen by nobody else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, cast

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from classes import handing_in
from classes.errors import CourseError
from classes.files import Area, make_area, remove_area
from classes.handing_in import ask_hand_in, carry_out_hand_in, enqueue_overdue_hand_ins
from classes.launching import open_server
from classes.members import remove
from classes.models import Course, HandIn, Role
from classes.policies import Standing
from environments import backends
from environments.errors import SystemFailure
from environments.models import NotebookServer, SharedVolume, Volume
from environments.volumes.archive import Entry, pack
from environments.volumes.fake import FakeVolumeStore
from tests.factories import CourseFactory, UserFactory, hand_in_of, member, prepared

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

State = HandIn.State
REPORT = b"my answers"


class SilentStore(FakeVolumeStore):
    """Its engine does not answer."""

    def exists(self, volume: str) -> bool:
        raise SystemFailure("runtime_unavailable")


@pytest.fixture
def course(teacher: User, now: datetime) -> Course:
    """A class in which things are handed in."""
    course = prepared(CourseFactory.create(owner=teacher, slug="statistics"))
    member(course, "teacher", Role.TEACHER)
    make_area(course, Area.HAND_IN, now=now)
    return course


@pytest.fixture
def of_student(course: Course, now: datetime) -> Standing:
    """A student with a server in which there is something to hand in."""
    standing = Standing(course, member(course, "student"), Role.STUDENT)
    put(open_server(standing, now=now).volume.key, "hand-in/report.ipynb", REPORT)
    return standing


def store() -> FakeVolumeStore:
    return cast("FakeVolumeStore", backends.volume_store())


def put(volume: str, path: str, content: bytes) -> None:
    store().create(volume)
    store().write(volume, "", pack([Entry(PurePosixPath(path), size=len(content), content=[content])]), max_bytes=10**6)


def handed_in() -> dict[str, bytes]:
    """What the teachers find, by its path."""
    key = SharedVolume.objects.get(name="statistics-hand-in").volume.key
    files = store().volumes.get(key, {})
    return {str(path): content for path, content in files.items() if content is not None}


def hand_in(standing: Standing, path: str, now: datetime) -> HandIn:
    """Asked for and carried out."""
    asked = ask_hand_in(standing, path=path, now=now)
    carry_out_hand_in(asked, clock=lambda: now)
    return HandIn.objects.get(pk=asked.pk)


@pytest.mark.parametrize("path", ["hand-in", "~/hand-in/", "hand-in/report.ipynb"])
def test_hand_in_copies_a_folder_or_file_under_name_and_time(of_student: Standing, now: datetime, path: str) -> None:
    hand_in(of_student, path, now)

    assert {PurePosixPath(name).name for name in handed_in()} == {"report.ipynb"}
    assert all(name.startswith("student/2026-03-02 ") for name in handed_in())
    assert list(handed_in().values()) == [REPORT]


def test_receipt_says_what_was_received(of_student: Standing, now: datetime) -> None:
    receipt = hand_in(of_student, "hand-in", now)

    digest = hashlib.sha256(REPORT).hexdigest()
    assert (receipt.state, receipt.received_at) == (State.RECEIVED, now)
    assert receipt.files == [{"name": "hand-in/report.ipynb", "bytes": len(REPORT), "digest": digest}]


def test_hand_in_takes_personal_files_too(of_student: Standing, now: datetime) -> None:
    assert of_student.membership is not None
    home = Volume.objects.create(owner=of_student.membership.person, purpose=Volume.Purpose.HOME)
    put(home.key, "statistics/hand-in/notes.md", b"notes")

    hand_in(of_student, "home/statistics/hand-in", now)

    assert list(handed_in().values()) == [b"notes"]


def test_hand_in_twice_keeps_both(of_student: Standing, now: datetime) -> None:
    for minutes in (0, 1):
        hand_in(of_student, "hand-in", now + timedelta(minutes=minutes))

    assert len(handed_in()) == 2


def test_hand_in_carried_out_twice_is_done_once(of_student: Standing, now: datetime) -> None:
    receipt = hand_in(of_student, "hand-in", now)

    carry_out_hand_in(receipt, clock=lambda: now + timedelta(hours=1))

    assert HandIn.objects.get().received_at == now


@pytest.mark.parametrize(
    "path", ["", "/", "..", "../other", "hand-in/../../x", "home", "shared/statistics", "~/shared", "a" * 501, "a\0b"]
)
def test_hand_in_of_what_is_not_their_own_is_refused(of_student: Standing, now: datetime, path: str) -> None:
    with pytest.raises(CourseError) as caught:
        ask_hand_in(of_student, path=path, now=now)

    assert caught.value.code == "hand_in_path_invalid"


@pytest.mark.parametrize(
    ("path", "code"), [("nothing", "hand_in_path_invalid"), ("empty", "hand_in_empty"), ("home/x", "hand_in_empty")]
)
def test_hand_in_of_nothing_fails_and_says_so(of_student: Standing, now: datetime, path: str, code: str) -> None:
    server = NotebookServer.objects.get()
    store().write(server.volume.key, "", pack([Entry(PurePosixPath("empty"), is_folder=True)]), max_bytes=10**6)

    receipt = hand_in(of_student, path, now)

    assert (receipt.state, receipt.failure_code) == (State.FAILED, code)
    assert receipt.failure is not None


@pytest.mark.parametrize(("limit", "most"), [("MAX_BYTES", 100), ("MAX_FILES", 0)])
def test_hand_in_of_too_much_fails(
    of_student: Standing, now: datetime, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    monkeypatch.setattr(handing_in, limit, most)

    assert hand_in(of_student, "hand-in", now).failure_code == "hand_in_too_large"


def test_hand_in_while_another_is_under_way_is_refused(of_student: Standing, now: datetime) -> None:
    ask_hand_in(of_student, path="hand-in", now=now)

    with pytest.raises(CourseError) as caught:
        ask_hand_in(of_student, path="hand-in", now=now)

    assert caught.value.code == "hand_in_under_way"


def test_hand_in_where_nothing_is_handed_in_is_refused(of_student: Standing, course: Course, now: datetime) -> None:
    remove_area(course, Area.HAND_IN, now=now)
    of_student.course.refresh_from_db()

    with pytest.raises(CourseError) as caught:
        ask_hand_in(of_student, path="hand-in", now=now)

    assert caught.value.code == "hand_in_off"


def test_hand_in_without_a_server_is_refused(course: Course, now: datetime) -> None:
    with pytest.raises(CourseError) as caught:
        ask_hand_in(Standing(course, member(course, "new"), Role.STUDENT), path="hand-in", now=now)

    assert caught.value.code == "hand_in_no_server"


def test_hand_in_waits_for_a_store_that_does_not_answer_and_is_given_up_in_the_end(
    of_student: Standing, now: datetime, use_backends: Callable[..., None]
) -> None:
    asked = ask_hand_in(of_student, path="hand-in", now=now)
    use_backends(volume_store=SilentStore)

    carry_out_hand_in(asked, clock=lambda: now)
    assert HandIn.objects.get().state == State.WAITING
    carry_out_hand_in(asked, clock=lambda: now + timedelta(hours=2))

    assert HandIn.objects.get().failure_code == "hand_in_failed"


def test_hand_in_left_undone_is_asked_for_again(
    of_student: Standing, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ask_hand_in(of_student, path="hand-in", now=now)
    sent: list[object] = []
    monkeypatch.setattr(handing_in, "enqueue", lambda task, key: sent.append((task, key)))

    enqueue_overdue_hand_ins(now=now)
    assert sent == []
    enqueue_overdue_hand_ins(now=now + timedelta(minutes=3))

    assert sent == [("classes.tasks.copy_hand_in", asked.pk)]


# --- Pages


def test_page_hands_in_and_leads_to_the_receipt(client: Client, of_student: Standing, course: Course) -> None:
    assert of_student.membership is not None
    client.force_login(of_student.membership.person)

    response = client.post(reverse("classes:hand-in", args=[course.slug]), {"path": "hand-in"})

    receipt = HandIn.objects.get()
    assert response["Location"] == reverse("classes:hand-in-detail", args=[course.slug, receipt.pk])


def test_other_students_see_neither_receipt_nor_entry(client: Client, course: Course) -> None:
    receipt = hand_in_of(member(course, "student"), path="secret-report")
    client.force_login(member(course, "other").person)

    page = client.get(reverse("classes:hand-in-detail", args=[course.slug, receipt.pk]))
    files = client.get(reverse("classes:file-list", args=[course.slug]))

    assert page.status_code == 403
    assert "secret-report" not in files.content.decode()


def test_teacher_sees_who_handed_in_what(client: Client, course: Course) -> None:
    hand_in_of(member(course, "student"), path="report-of-mine")
    client.force_login(course.owner)

    page = client.get(reverse("classes:file-list", args=[course.slug])).content.decode()

    assert "report-of-mine" in page
    assert "Student" in page


def test_teacher_turns_an_area_on_and_off(client: Client, course: Course) -> None:
    client.force_login(course.owner)
    address = reverse("classes:file-area", args=[course.slug])

    client.post(address, {"area": "common", "wanted": "1"})
    client.post(address, {"area": "common", "wanted": "0"})

    assert SharedVolume.objects.get(name="statistics-common").deleted_at is not None


# --- What was received, read on the page of its receipt ----------------------------------------------------


def read(client: Client, receipt: HandIn, name: str = "hand-in/report.ipynb") -> Any:
    address = reverse("classes:hand-in-file", args=[receipt.membership.course.slug, receipt.pk])
    return client.get(address, {"name": name})


@pytest.mark.parametrize(
    ("who", "status"),
    [("teacher", 200), ("grader", 200), ("student", 200), ("classmate", 403), ("former", 404), ("stranger", 404)],
)
def test_received_file_is_read_by_who_sees_the_receipt(
    client: Client, course: Course, of_student: Standing, now: datetime, who: str, status: int
) -> None:
    member(course, "grader", Role.GRADER)
    member(course, "classmate")
    remove(member(course, "former", Role.GRADER), now=now)
    receipt = hand_in(of_student, "hand-in", now)
    client.force_login(UserFactory.create(username=who))

    response = read(client, receipt)

    assert response.status_code == status
    assert (response.content == REPORT) == (status == 200)


def test_received_file_is_never_a_page(client: Client, of_student: Standing, teacher: User, now: datetime) -> None:
    receipt = hand_in(of_student, "hand-in", now)
    client.force_login(teacher)

    response = read(client, receipt)

    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == 'attachment; filename="report.ipynb"'
    assert "sandbox" in response["Content-Security-Policy"]
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize(
    "name",
    ["", "report.ipynb", "../student/hand-in/report.ipynb", "hand-in/../../other/secret.txt", "/etc/passwd", "a\x00b"],
)
def test_received_is_only_what_the_receipt_names(
    client: Client, of_student: Standing, teacher: User, now: datetime, name: str
) -> None:
    receipt = hand_in(of_student, "hand-in", now)
    put(SharedVolume.objects.get(name="statistics-hand-in").volume.key, "other/secret.txt", b"of somebody else")
    client.force_login(teacher)

    response = read(client, receipt, name)

    assert response.status_code == 404
    assert b"of somebody else" not in response.content


def test_received_file_of_another_class_is_out_of_reach(client: Client, of_student: Standing, now: datetime) -> None:
    other = CourseFactory.create()
    client.force_login(member(other, "other", Role.TEACHER).person)
    receipt = hand_in(of_student, "hand-in", now)

    address = reverse("classes:hand-in-file", args=[other.slug, receipt.pk])

    assert client.get(address, {"name": "hand-in/report.ipynb"}).status_code == 404


def test_received_file_that_is_too_large_says_where_it_is(
    client: Client, of_student: Standing, teacher: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handing_in, "MAX_DOWNLOAD_BYTES", 1000)
    server = NotebookServer.objects.select_related("volume").get()
    put(server.volume.key, "hand-in/large.bin", b"x" * 200_000)
    receipt = hand_in(of_student, "hand-in", now)
    client.force_login(teacher)

    response = read(client, receipt, "hand-in/large.bin")

    assert response.status_code == 422
    assert receipt.folder in response.content.decode()


def test_received_files_are_gone_with_their_folder(
    client: Client, course: Course, of_student: Standing, teacher: User, now: datetime
) -> None:
    receipt = hand_in(of_student, "hand-in", now)
    remove_area(course, Area.HAND_IN, now=now)
    client.force_login(teacher)

    assert read(client, receipt).status_code == 404


def test_receipt_leads_to_its_files(client: Client, of_student: Standing, teacher: User, now: datetime) -> None:
    receipt = hand_in(of_student, "hand-in", now)
    client.force_login(teacher)

    page = client.get(reverse("classes:hand-in-detail", args=["statistics", receipt.pk])).content.decode()

    assert f"/hand-ins/{receipt.pk}/file/?name=hand-in%2Freport.ipynb" in page
