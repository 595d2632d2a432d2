"""Rows for tests, valid with nothing said and different where it matters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import factory
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.utils import timezone

from accounts.models import Role, User
from assignments import artefacts
from assignments.files import Bundle, File
from assignments.models import Assignment, Cell, Origin, Release, Source
from classes.members import admit
from classes.models import Announcement, Course, HandIn, Lesson, Membership
from classes.models import Role as CourseRole
from classes.naming import server_name
from environments.models import (
    Build,
    Environment,
    GitCredential,
    ImageRecord,
    NotebookServer,
    ServerMount,
    SharedVolume,
    SiteReport,
    Update,
    Visibility,
    Volume,
    VolumeMember,
)
from environments.models.target import columns_of
from environments.pinning import hold

PASSWORD = "an entirely fine passphrase"


class UserFactory(factory.django.DjangoModelFactory[User]):
    class Meta:
        model = User
        django_get_or_create = ("username",)

    username = factory.Sequence(lambda n: f"person{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.org")
    display_name = factory.LazyAttribute(lambda user: user.username.capitalize())
    password = factory.LazyFunction(lambda: make_password(PASSWORD))
    role = Role.MEMBER


class EnvironmentFactory(factory.django.DjangoModelFactory[Environment]):
    class Meta:
        model = Environment

    title = factory.Sequence(lambda n: f"Environment {n}")
    provider = "gh"
    repository = factory.Sequence(lambda n: f"carrel-tests/environment-{n}")
    visibility = Visibility.EVERYONE


class BuildFactory(factory.django.DjangoModelFactory[Build]):
    class Meta:
        model = Build

    image_key = factory.Sequence(lambda n: f"{n:064x}")
    builder = "fake"
    repository_url = "https://github.com/carrel-tests/example"
    commit = "1" * 40


class GitCredentialFactory(factory.django.DjangoModelFactory[GitCredential]):
    """By its row: the token in it was sealed for nobody."""

    class Meta:
        model = GitCredential

    owner = factory.SubFactory(UserFactory)
    origin = factory.Sequence(lambda n: f"https://git-{n}.example.org")
    username = "ada"
    sealed_password = "sealed"


class VolumeFactory(factory.django.DjangoModelFactory[Volume]):
    class Meta:
        model = Volume

    owner = factory.SubFactory(UserFactory)
    purpose = Volume.Purpose.SERVER


class NotebookServerFactory(factory.django.DjangoModelFactory[NotebookServer]):
    class Meta:
        model = NotebookServer

    owner = factory.SubFactory(UserFactory)
    name = factory.Sequence(lambda n: f"server-{n}")
    subdomain = factory.Sequence(lambda n: f"server-{n:010d}")
    provider = "gh"
    repository = "carrel-tests/example"
    repository_url = "https://github.com/carrel-tests/example"
    commit = "1" * 40
    image_key = factory.Sequence(lambda n: f"{n:064x}")
    volume = factory.LazyAttribute(lambda server: VolumeFactory.create(owner=server.owner))
    state = NotebookServer.State.STOPPED
    state_changed_at = factory.LazyFunction(timezone.now)


class SharedVolumeFactory(factory.django.DjangoModelFactory[SharedVolume]):
    class Meta:
        model = SharedVolume

    owner = factory.SubFactory(UserFactory)
    name = factory.Sequence(lambda n: f"data-{n}")
    title = factory.LazyAttribute(lambda shared: shared.name.capitalize())
    volume = factory.LazyAttribute(
        lambda shared: VolumeFactory.create(owner=shared.owner, purpose=Volume.Purpose.SHARED)
    )


class VolumeMemberFactory(factory.django.DjangoModelFactory[VolumeMember]):
    """A person who may read, unless said otherwise."""

    class Meta:
        model = VolumeMember

    volume = factory.SubFactory(SharedVolumeFactory)
    person = factory.LazyAttribute(lambda member: None if getattr(member, "group", None) else UserFactory.create())


class ServerMountFactory(factory.django.DjangoModelFactory[ServerMount]):
    """Shared files of the server's owner, unless said otherwise."""

    class Meta:
        model = ServerMount

    server = factory.SubFactory(NotebookServerFactory)
    volume = factory.LazyAttribute(lambda mount: SharedVolumeFactory.create(owner=mount.server.owner))
    path = factory.LazyAttribute(lambda mount: f"shared/{mount.volume.name}")


class SiteReportFactory(factory.django.DjangoModelFactory[SiteReport]):
    class Meta:
        model = SiteReport

    id = SiteReport.THE_ONE
    taken_at = factory.LazyFunction(timezone.now)
    runtime = "fake"
    choice = "set"
    version = "1"
    firewall = "none"
    data_disk_total_bytes = 100 * 1024**3
    data_disk_free_bytes = 40 * 1024**3


class ImageRecordFactory(factory.django.DjangoModelFactory[ImageRecord]):
    class Meta:
        model = ImageRecord

    image_key = factory.Sequence(lambda n: f"image-{n}")
    used_at = factory.LazyFunction(timezone.now)
    made_at = factory.LazyFunction(timezone.now)
    own_bytes = 1024**3
    shared_bytes = 0


def running_server(**fields: Any) -> NotebookServer:
    """A server that runs, by its row."""
    now = timezone.now()
    return NotebookServerFactory.create(
        **{
            "state": NotebookServer.State.RUNNING,
            "start_id": "f" * 32,
            "endpoint": "127.0.0.1:9",
            "started_at": now,
            "last_activity_at": now,
        }
        | fields
    )


def update_of(server: NotebookServer, **fields: Any) -> Update:
    """An update that is on its way to this server: to the next commit, unless said otherwise."""
    next_commit = {"commit": "2" * 40, "image_key": "2" * 64, "requested_at": timezone.now()}
    update = Update.objects.create(**columns_of(server.target) | next_commit | fields)
    server.pending_update = update
    server.save(update_fields=["pending_update"])
    return update


class CourseFactory(factory.django.DjangoModelFactory[Course]):
    """A class without members; give it some with `member` or `classes.members.admit`."""

    class Meta:
        model = Course

    slug = factory.Sequence(lambda n: f"class-{n}")
    title = factory.Sequence(lambda n: f"Class {n}")
    owner = factory.SubFactory(UserFactory, role=Role.TEACHER)
    environment = factory.SubFactory(
        EnvironmentFactory, owner=factory.SelfAttribute("..owner"), visibility=Visibility.PRIVATE
    )
    everybody = factory.LazyAttribute(lambda course: Group.objects.create(name=f"{course.slug} everybody"))
    teachers = factory.LazyAttribute(lambda course: Group.objects.create(name=f"{course.slug} teachers"))


class LessonFactory(factory.django.DjangoModelFactory[Lesson]):
    """One that students see."""

    class Meta:
        model = Lesson

    course = factory.SubFactory(CourseFactory)
    title = factory.Sequence(lambda n: f"Lesson {n}")
    position = factory.Sequence(int)
    path = "first.ipynb"
    published_at = factory.LazyFunction(lambda: timezone.now() - timedelta(days=1))


class AnnouncementFactory(factory.django.DjangoModelFactory[Announcement]):
    """One that students read."""

    class Meta:
        model = Announcement

    course = factory.SubFactory(CourseFactory)
    title = factory.Sequence(lambda n: f"Announcement {n}")
    published_at = factory.LazyFunction(lambda: timezone.now() - timedelta(days=1))


def member(course: Course, username: str, role: CourseRole = CourseRole.STUDENT) -> Membership:
    """Somebody of this name in the class."""
    return admit(course, UserFactory.create(username=username), role=role, now=timezone.now())


EMPTY_NOTEBOOK = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


class AssignmentFactory(factory.django.DjangoModelFactory[Assignment]):
    """An assignment that has not been released; `released` gives it out."""

    class Meta:
        model = Assignment

    course = factory.SubFactory(CourseFactory)
    name = factory.Sequence(lambda n: f"homework-{n}")
    title = factory.Sequence(lambda n: f"Homework {n}")


def released(assignment: Assignment, *, cells: Sequence[tuple[str, str, str, int]] = (), **files: bytes) -> Release:
    """A release of these notebooks and others files, by its rows: nothing was checked, and nothing can grade it.

    Cells are (notebook, grade_id, kind, points). Without files it has one empty notebook, `problem1`.
    """
    given = {f"{name}.ipynb": content for name, content in files.items()} or {"problem1.ipynb": EMPTY_NOTEBOOK}
    bundle = Bundle(tuple(File(path, content) for path, content in sorted(given.items())))
    kept = artefacts.keep(bundle.tar)
    source = Source.objects.create(
        assignment=assignment,
        origin=Origin.UPLOAD,
        bundle=kept,
        bytes=len(bundle.tar),
        notebooks=list(bundle.notebooks),
    )
    made = Release.objects.create(
        assignment=assignment,
        number=assignment.releases.count() + 1,
        source=source,
        bundle=kept,
        gradebook=artefacts.keep(b""),
        engine_version="none",
    )
    for position, (notebook, grade_id, kind, points) in enumerate(cells):
        Cell.objects.create(
            release=made, notebook=notebook, grade_id=grade_id, kind=kind, points=points, position=position
        )
    assignment.release = made
    assignment.save(update_fields=["release"])
    return made


def in_class(membership: Membership) -> dict[str, Any]:
    """What makes a server the one that a member has in their class."""
    course = membership.course
    return {"owner": membership.person, "group": course.everybody, "name": server_name(course.slug)}


def prepared(course: Course, **fields: Any) -> Course:
    """The class, its environment having been prepared once and being held, by its rows."""
    version = {
        "repository_url": "https://github.com/carrel-tests/class",
        "commit": "1" * 40,
        "image_key": "1" * 64,
        "has_image": True,
    }
    environment = course.environment
    assert environment is not None
    Environment.objects.filter(pk=environment.pk).update(**version | fields)
    environment.refresh_from_db()
    hold(environment, now=timezone.now())
    return course


def hand_in_of(membership: Membership, **fields: Any) -> HandIn:
    """Something this member handed in."""
    received = {"state": HandIn.State.RECEIVED, "received_at": timezone.now(), "contents": [["one.txt", 3, "0" * 64]]}
    usual = {"path": "hand-in", "folder": "somebody/2026-03-02 09.00.00", "asked_at": timezone.now()}
    return HandIn.objects.create(membership=membership, **received | usual | fields)
