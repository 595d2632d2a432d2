"""A class archived, opened again, deleted, brought back, and gone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import Group
from django.db.models import ProtectedError
from pytest_django import Settings

from accounts.models import User
from classes.errors import CourseError
from classes.keeping import archive, delete, purge, purge_deleted, reopen, undelete
from classes.members import admit
from classes.models import Course, Membership, Role
from environments.images import needed_keys
from environments.models import Build, Environment, NotebookServer, Rebuild, SharedVolume, VolumeMember
from environments.shared_volumes import purge_shared_volume
from tests.factories import (
    CourseFactory,
    EnvironmentFactory,
    LessonFactory,
    NotebookServerFactory,
    SharedVolumeFactory,
    member,
    prepared,
)

pytestmark = pytest.mark.django_db

GRACE = timedelta(days=7)


@pytest.fixture(autouse=True)
def a_week_of_grace(settings: Settings) -> None:
    settings.DELETED_FILES_DAYS = GRACE.days


@pytest.fixture
def course() -> Course:
    """A class with everything that is its own: two environments, shared files, a lesson, members."""
    course = CourseFactory.create()
    course.teacher_environment = EnvironmentFactory.create(owner=course.owner)
    course.shared_volume = SharedVolumeFactory.create(owner=course.owner)
    course.common_volume = SharedVolumeFactory.create(owner=course.owner)
    course.save()
    VolumeMember.objects.create(volume=course.shared_volume, group=course.everybody)
    member(course, "teacher", Role.TEACHER)
    member(course, "student")
    LessonFactory.create(course=course)
    return course


def image_of(course: Course) -> str:
    """The image of what the class works in."""
    assert course.environment
    return course.environment.image_key


class TestArchive:
    """The end of a term."""

    def test_lets_nothing_change(self, course: Course, stranger: User, now: datetime) -> None:
        archive(course, now=now)

        with pytest.raises(CourseError, match="course_over"):
            admit(course, stranger, now=now)

    def test_keeps_members_and_their_groups(self, course: Course, now: datetime) -> None:
        archive(course, now=now)

        assert course.everybody.user_set.count() == 2
        assert Course.objects.visible_to(User.objects.get(username="student")).get() == course

    def test_lowers_hands(self, course: Course, now: datetime) -> None:
        Membership.objects.update(hand_raised_at=now)

        archive(course, now=now)

        assert not Membership.objects.exclude(hand_raised_at=None).exists()

    def test_keeps_since_when_it_is_over(self, course: Course, now: datetime) -> None:
        archive(course, now=now)

        archive(course, now=now + GRACE)

        course.refresh_from_db()
        assert course.archived_at == now

    def test_reopen_lets_people_in_again(self, course: Course, stranger: User, now: datetime) -> None:
        archive(course, now=now)

        reopen(course, now=now)

        assert admit(course, stranger, now=now).is_present


class TestImages:
    """What a class works in is kept as long as it goes on."""

    @pytest.fixture
    def in_use(self, course: Course) -> Course:
        return prepared(course, rebuild=Rebuild.NEVER)

    def test_are_kept_while_it_goes_on(self, in_use: Course, now: datetime) -> None:
        assert image_of(in_use) in needed_keys(now=now)

    def test_are_let_go_when_it_is_over(self, in_use: Course, now: datetime) -> None:
        archive(in_use, now=now)

        assert needed_keys(now=now) == set()

    def test_are_kept_for_a_server_that_is_there(self, in_use: Course, now: datetime) -> None:
        NotebookServerFactory.create(group=in_use.everybody, image_key=image_of(in_use))

        archive(in_use, now=now)

        assert needed_keys(now=now) == {image_of(in_use)}

    def test_are_kept_again_when_it_is_opened_again(self, in_use: Course, now: datetime) -> None:
        archive(in_use, now=now)

        reopen(in_use, now=now)

        assert image_of(in_use) in needed_keys(now=now)
        assert not Build.objects.exists()

    def test_are_made_again_if_they_are_gone_by_then(self, in_use: Course, now: datetime) -> None:
        archive(in_use, now=now)
        Environment.objects.filter(course=in_use).update(has_image=False)

        reopen(Course.objects.get(pk=in_use.pk), now=now)

        assert Build.objects.get().commit == Environment.objects.get(course=in_use).commit


class TestDelete:
    """Going, with a way back."""

    def test_hides_it_from_everybody(self, course: Course, now: datetime) -> None:
        delete(course, now=now)

        assert not Course.objects.visible_to(User.objects.get(username="student")).exists()
        assert not Course.objects.taught_by(User.objects.get(username="teacher")).exists()

    def test_takes_its_shared_files_with_it(self, course: Course, now: datetime) -> None:
        delete(course, now=now)

        assert not SharedVolume.objects.present().exists()

    def test_leaves_servers_of_members_alone(self, course: Course, now: datetime) -> None:
        server = NotebookServerFactory.create(owner=User.objects.get(username="student"))

        delete(course, now=now)

        assert NotebookServer.objects.present().get() == server

    def test_counts_the_days_from_the_first_time(self, course: Course, now: datetime) -> None:
        delete(course, now=now)

        delete(course, now=now + GRACE)

        course.refresh_from_db()
        assert course.deleted_at == now

    def test_can_be_undone_by_its_teachers_only(self, course: Course, now: datetime) -> None:
        delete(course, now=now)

        found = {
            name: list(Course.objects.deleted_for(User.objects.get(username=name))) for name in ("teacher", "student")
        }

        assert found == {"teacher": [course], "student": []}

    def test_undelete_brings_everything_back(self, course: Course, now: datetime) -> None:
        delete(course, now=now)

        undelete(course)

        assert Course.objects.visible_to(User.objects.get(username="student")).get() == course
        assert SharedVolume.objects.present().count() == 2

    def test_undelete_leaves_files_deleted_that_were_so_before(self, course: Course, now: datetime) -> None:
        SharedVolume.objects.filter(course_of_common=course).update(deleted_at=now - timedelta(days=1))
        delete(course, now=now)

        undelete(course)

        assert SharedVolume.objects.present().get() == course.shared_volume


class TestPurge:
    """Gone for good."""

    def test_waits_for_the_days_of_grace(self, course: Course, now: datetime) -> None:
        delete(course, now=now)

        purge_deleted(now=now + GRACE - timedelta(seconds=1))

        assert Course.objects.exists()

    def test_leaves_nothing_of_the_class(self, course: Course, now: datetime) -> None:
        delete(course, now=now)

        purge_deleted(now=now + GRACE)

        assert not any(model.objects.exists() for model in (Course, Membership, Group, Environment, VolumeMember))

    def test_lets_the_shared_files_be_removed(self, fake_backends: None, course: Course, now: datetime) -> None:
        delete(course, now=now)
        purge_deleted(now=now + GRACE)

        for shared in SharedVolume.objects.all():
            purge_shared_volume(shared, now=now + GRACE)

        assert not SharedVolume.objects.exists()

    def test_leaves_people_and_their_servers(self, course: Course, now: datetime) -> None:
        server = NotebookServerFactory.create(owner=User.objects.get(username="student"))
        delete(course, now=now)

        purge_deleted(now=now + GRACE)

        assert NotebookServer.objects.present().get() == server
        assert User.objects.filter(username__in=["teacher", "student"]).count() == 2

    def test_spares_one_that_was_brought_back_meanwhile(self, course: Course, now: datetime) -> None:
        delete(course, now=now)
        seen = Course.objects.get()
        undelete(course)

        purge(seen, now=now + GRACE)

        assert Course.objects.exists()

    def test_goes_on_where_one_cannot_be_removed(
        self, course: Course, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        others = [CourseFactory.create(), course, CourseFactory.create()]
        for each in others:
            delete(each, now=now)
        monkeypatch.setattr(Course, "delete", refuses_for(course))

        purge_deleted(now=now + GRACE)

        assert Course.objects.get() == course

    def test_spares_other_classes(self, course: Course, now: datetime) -> None:
        other = CourseFactory.create()
        delete(course, now=now)

        purge_deleted(now=now + GRACE)

        assert Course.objects.get() == other


def refuses_for(course: Course) -> Callable[[Course], object]:
    """Deletes every class but this one."""
    deletes = Course.delete

    def delete_or_refuse(each: Course) -> object:
        if each.pk == course.pk:
            raise ProtectedError("something holds it", set())
        return deletes(each)

    return delete_or_refuse
