"""A class made from an archive: what of it is made, who comes in, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from classes.archives import ArchiveWriter
from classes.errors import CourseError
from classes.exporting import carry_out_export, file_of, request_export
from classes.importing import KEPT, bring, forget_brought, give_up, make_from, preview
from classes.models import BroughtArchive, Course, LessonVisit, Membership, Role
from classes.portable import Facts, LessonFacts, Manifest, Member, Told, Visit
from environments.errors import UserError
from environments.models import Build
from environments.values import ResolvedRepository
from tests.factories import CourseFactory, LessonFactory, UserFactory, member

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

THEN = datetime(2025, 9, 1, 9, tzinfo=UTC)
MANIFEST = Manifest(
    facts=Facts(
        "Waves",
        code="PHYS-2",
        term="Autumn",
        description="Water and light.",
        colour="teal",
        starts_on=date(2025, 9, 1),
        repository="gh/ada/waves/main",
        teacher_repository="gh/ada/waves/solutions",
        memory_mb=1024,
        cpus=1.5,
    ),
    exported_at=THEN,
    sections=("Group A",),
    members=(
        Member("ada", "ada@example.org", role="teacher"),
        Member("bob", section="Group A"),
        Member("eve", "eve@elsewhere.example"),
        Member("gone", left_at=THEN),
    ),
    lessons=(LessonFacts("Ripples", path="1.ipynb", published_at=THEN, ready_minutes=10), LessonFacts("Light")),
    announcements=(Told("Welcome", published_at=THEN),),
    visits=(Visit("bob", 0, THEN, THEN, cells=5, executed_cells=3), Visit("eve", 1, THEN, THEN)),
)


@pytest.fixture(autouse=True)
def data_directory(settings: Settings, tmp_path: Path) -> Path:
    settings.CARREL_DATA = tmp_path
    return tmp_path


def archive_of(manifest: Manifest, tmp_path: Path) -> bytes:
    """An archive that says this."""
    path = tmp_path / "made.zip"
    with ArchiveWriter(path, max_bytes=1_000_000) as archive:
        archive.finish(manifest)
    return path.read_bytes()


@pytest.fixture
def brought(teacher: User, tmp_path: Path, now: datetime) -> BroughtArchive:
    return bring(teacher, [archive_of(MANIFEST, tmp_path)], now=now)


def test_makes_a_new_class_of_whoever_brought_it(brought: BroughtArchive, teacher: User, now: datetime) -> None:
    course = make_from(brought, with_people=True, resolved=None, now=now)

    assert (course.owner, course.title, course.code, course.colour) == (teacher, "Waves", "PHYS-2", "teal")
    assert (course.description, course.memory_mb, course.cpus) == ("Water and light.", 1024, 1.5)
    assert course.memberships.get(person=teacher).role == Role.TEACHER
    assert [(lesson.title, lesson.ready_minutes) for lesson in course.lessons.all()] == [
        ("Ripples", 10),
        ("Light", None),
    ]
    assert [it.title for it in course.announcements.all()] == ["Welcome"]


def test_gives_it_both_environments(brought: BroughtArchive, now: datetime) -> None:
    course = make_from(brought, with_people=True, resolved=None, now=now)

    assert course.environment
    assert course.teacher_environment
    assert (course.environment.repository, course.environment.ref) == ("ada/waves", "main")
    assert course.teacher_environment.ref == "solutions"


def test_has_its_environment_prepared_once_it_is_resolved(brought: BroughtArchive, now: datetime) -> None:
    resolved = ResolvedRepository("https://github.com/ada/waves", "7" * 40, "main")

    make_from(brought, with_people=True, resolved=resolved, now=now)

    assert Build.objects.get().commit == "7" * 40


def test_lets_in_who_is_known_here(brought: BroughtArchive, now: datetime) -> None:
    for name in ("bob", "gone"):
        UserFactory.create(username=name)

    course = make_from(brought, with_people=True, resolved=None, now=now)

    bob = Membership.objects.get(person__username="bob")
    assert bob.section
    assert bob.section.name == "Group A"
    assert set(course.memberships.values_list("person__username", flat=True)) == {"teacher", "bob"}
    assert [(visit.membership, visit.executed_cells) for visit in LessonVisit.objects.all()] == [(bob, 3)]


def test_lets_nobody_in_who_is_not_wanted(brought: BroughtArchive, now: datetime) -> None:
    UserFactory.create(username="bob")

    course = make_from(brought, with_people=False, resolved=None, now=now)

    assert course.memberships.count() == 1
    assert not course.expected.exists()


def test_expects_whom_an_address_will_show(settings: Settings, brought: BroughtArchive, now: datetime) -> None:
    settings.SIGNUP_OPEN = True  # Then a username shows nothing: people choose their own.

    course = make_from(brought, with_people=True, resolved=None, now=now)

    expected = {it.who: it.role for it in course.expected.all()}
    assert expected == {"ada@example.org": "teacher", "eve@elsewhere.example": "student"}


def test_leaves_out_whom_nothing_will_show(settings: Settings, brought: BroughtArchive) -> None:
    settings.SIGNUP_OPEN = True

    assert [it.username for it in preview(brought).unknown] == ["bob"]


def test_makes_nobody_an_account(brought: BroughtArchive, now: datetime) -> None:
    before = User.objects.count()

    make_from(brought, with_people=True, resolved=None, now=now)

    assert User.objects.count() == before


class TestKnown:
    """Who of an archive is who here."""

    def test_by_a_confirmed_address_whatever_they_are_called(self, brought: BroughtArchive) -> None:
        person = UserFactory.create(username="evelyn", email="eve@elsewhere.example")
        EmailAddress.objects.create(user=person, email="Eve@elsewhere.example", verified=True)

        assert [(it.username, who) for it, who in preview(brought).known] == [("eve", person)]

    def test_not_by_an_address_that_anybody_can_claim(self, brought: BroughtArchive) -> None:
        person = UserFactory.create(username="mallory", email="eve@elsewhere.example")
        EmailAddress.objects.create(user=person, email="eve@elsewhere.example", verified=False)

        assert preview(brought).known == []

    def test_not_by_a_username_whose_address_is_another(self, brought: BroughtArchive) -> None:
        UserFactory.create(username="ada", email="another.ada@example.com")

        found = preview(brought)

        assert found.known == []
        assert "ada" in [it.username for it in found.expected]

    def test_not_when_they_may_not_sign_in(self, brought: BroughtArchive) -> None:
        UserFactory.create(username="bob", is_active=False)

        assert preview(brought).known == []

    def test_asks_few_questions(
        self, django_assert_max_num_queries: DjangoAssertNumQueries, teacher: User, tmp_path: Path, now: datetime
    ) -> None:
        many = replace(MANIFEST, members=tuple(Member(f"p{n}", f"p{n}@x.example") for n in range(300)), visits=())
        large = bring(teacher, [archive_of(many, tmp_path)], now=now)

        with django_assert_max_num_queries(3):
            preview(large)


class TestRefusing:
    """Archives of which nothing is made."""

    def test_leaves_no_file_of_what_is_no_archive(self, teacher: User, data_directory: Path, now: datetime) -> None:
        with pytest.raises(CourseError, match="class_archive_unreadable"):
            bring(teacher, [b"PK", b"nothing"], now=now)

        assert not list((data_directory / "brought-archives").iterdir())
        assert not BroughtArchive.objects.exists()

    def test_stops_at_what_is_too_large_to_keep(self, settings: Settings, teacher: User, now: datetime) -> None:
        settings.CLASS_ARCHIVE_MB = 1

        with pytest.raises(CourseError, match="class_archive_too_large"):
            bring(teacher, iter(lambda: bytes(500_000), None), now=now)

    @pytest.mark.parametrize(
        "repository", ["", "file:///etc", "git/%2Fetc", "https://ada:secret@git.example.org/waves"]
    )
    def test_refuses_a_repository_that_no_teacher_could_name(
        self, teacher: User, tmp_path: Path, now: datetime, repository: str
    ) -> None:
        manifest = replace(MANIFEST, facts=replace(MANIFEST.facts, repository=repository))

        with pytest.raises(UserError, match="repository_"):
            bring(teacher, [archive_of(manifest, tmp_path)], now=now)

    def test_keeps_a_few_of_one_person_at_a_time(self, teacher: User, tmp_path: Path, now: datetime) -> None:
        data = archive_of(MANIFEST, tmp_path)
        for _ in range(5):
            bring(teacher, [data], now=now)

        with pytest.raises(CourseError, match="class_archives_too_many"):
            bring(teacher, [data], now=now)

    def test_makes_one_class_of_one_archive(self, brought: BroughtArchive, now: datetime) -> None:
        twice = BroughtArchive.objects.get()
        make_from(brought, with_people=True, resolved=None, now=now)

        with pytest.raises(CourseError, match="class_archive_unreadable"):
            make_from(twice, with_people=True, resolved=None, now=now)

        assert Course.objects.count() == 1


def test_brings_back_what_was_exported(teacher: User, now: datetime) -> None:
    before = CourseFactory.create(title="Tides", owner=teacher)
    LessonFactory.create(course=before, title="Ebb", ready_minutes=15)
    student = member(before, "student")
    export = request_export(before, asked_by=teacher, with_files=False, with_work=False, now=now)
    carry_out_export(export)

    brought = bring(teacher, [file_of(export).read_bytes()], now=now)
    after = make_from(brought, with_people=True, resolved=None, now=now)

    assert (after.title, after.slug != before.slug) == ("Tides", True)
    assert [(lesson.title, lesson.ready_minutes) for lesson in after.lessons.all()] == [("Ebb", 15)]
    assert after.memberships.students().get().person == student.person


def test_forget_removes_what_nothing_was_made_of(brought: BroughtArchive, data_directory: Path, now: datetime) -> None:
    forget_brought(now=now + KEPT + timedelta(seconds=1))

    assert not BroughtArchive.objects.exists()


def test_give_up_removes_row_and_file(brought: BroughtArchive, data_directory: Path) -> None:
    give_up(brought)

    assert not BroughtArchive.objects.exists()
    assert not list((data_directory / "brought-archives").iterdir())
