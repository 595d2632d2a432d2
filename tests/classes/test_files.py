"""The shared files of a class: who reaches them, and that turning an area off loses nothing."""

from __future__ import annotations

from datetime import datetime

import pytest

from accounts.models import User
from classes.courses import Plan, make_course
from classes.errors import CourseError
from classes.files import Area, make_area, remove_area, volume_of, wishes_of
from classes.members import remove
from classes.models import Course, Role
from environments.models import SharedVolume, Volume
from environments.mounts import usable_volumes
from environments.pinning import version_in_use
from environments.values import Reference, ResolvedRepository
from tests.environments.recipes import work
from tests.factories import CourseFactory, SharedVolumeFactory, member

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

VERSION = ResolvedRepository("https://github.com/carrel-tests/class", "1" * 40, "")


@pytest.fixture
def course(teacher: User) -> Course:
    course = CourseFactory.create(owner=teacher, slug="statistics", title="Statistics")
    member(course, "teacher", Role.TEACHER)
    return course


def usable(person: User) -> dict[str, bool]:
    """By name: whether they may change the files."""
    return {volume.name: volume.can_write for volume in usable_volumes(person)}  # type: ignore[attr-defined]


def test_make_course_gives_it_shared_files_and_holds_its_environment(teacher: User, now: datetime) -> None:
    plan = Plan("Statistics", Reference("gh", "carrel-tests/class"))

    course = make_course(teacher, plan, resolved=VERSION, now=now)
    work(now)

    volume = volume_of(course, Area.SHARED)
    assert course.environment is not None
    version = version_in_use(course.environment)
    assert volume is not None
    assert version is not None
    assert (volume.name, version.commit) == ("statistics", VERSION.commit)


def test_make_course_of_an_owner_without_room_does_without_shared_files(
    teacher: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("environments.shared_volumes.MAX_OWNED", 0)

    course = make_course(teacher, Plan("Statistics", Reference("gh", "carrel-tests/class")), resolved=VERSION, now=now)

    assert volume_of(course, Area.SHARED) is None


@pytest.mark.parametrize(
    ("area", "of_student", "of_second_teacher"),
    [
        (Area.SHARED, {"statistics": False}, {"statistics": True}),
        (Area.COMMON, {"statistics-common": True}, {"statistics-common": True}),
        (Area.HAND_IN, {}, {"statistics-hand-in": False}),
    ],
)
def test_area_reaches_members_by_the_groups_of_the_class(
    course: Course, now: datetime, area: Area, of_student: dict[str, bool], of_second_teacher: dict[str, bool]
) -> None:
    make_area(course, area, now=now)

    student, second = member(course, "student").person, member(course, "second", Role.TEACHER).person

    assert (usable(student), usable(second)) == (of_student, of_second_teacher)


def test_what_was_handed_in_is_only_read_even_by_who_owns_it(course: Course, now: datetime) -> None:
    make_area(course, Area.HAND_IN, now=now)

    wishes = wishes_of(course.memberships.get(person=course.owner))

    assert [wish.read_only for wish in wishes] == [True]


def test_area_is_out_of_reach_after_removal(course: Course, now: datetime) -> None:
    make_area(course, Area.COMMON, now=now)
    membership = member(course, "student")

    remove(membership, now=now)

    assert usable(membership.person) == {}


def test_area_gets_another_name_where_somebody_has_that_one(course: Course, now: datetime) -> None:
    SharedVolumeFactory.create(name="statistics")

    assert make_area(course, Area.SHARED, now=now).name == "statistics-2"


def test_area_turned_off_and_on_again_holds_the_same_files(course: Course, now: datetime) -> None:
    before = make_area(course, Area.COMMON, now=now)

    remove_area(course, Area.COMMON, now=now)
    assert volume_of(course, Area.COMMON) is None
    after = make_area(course, Area.COMMON, now=now)

    assert (after, volume_of(course, Area.COMMON)) == (before, before)
    assert SharedVolume.objects.count() == Volume.objects.count() == 1


def test_area_of_a_class_that_is_over_is_not_made(course: Course, now: datetime) -> None:
    course.archived_at = now

    with pytest.raises(CourseError) as caught:
        make_area(course, Area.COMMON, now=now)

    assert caught.value.code == "course_over"
