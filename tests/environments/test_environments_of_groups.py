"""Environments for one class or group: who finds them, who may publish them there, and what a launch gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from environments import catalog
from environments.errors import EnvironmentsError
from environments.git_credentials import keep_credential
from environments.launching import launch_environment
from environments.models import Environment, NotebookServer, Visibility
from environments.references import parse
from environments.values import LaunchSpec
from tests.environments.api_client import ENVIRONMENTS, SERVERS, program_of
from tests.environments.recipes import fresh, recipe, work
from tests.factories import EnvironmentFactory, UserFactory
from tests.fakes.git_host import GitHost

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

TOKEN = "correct-horse-battery"


@pytest.fixture
def group(student: User, teacher: User) -> Group:
    """One that the student and the teacher are in."""
    group = Group.objects.create(name="Statistics")
    group.user_set.add(student, teacher)
    return group


@pytest.fixture
def host(settings: Settings, teacher: User, now: datetime) -> Iterator[GitHost]:
    """A git host with a public repository, and a private one that the teacher has a token for."""
    with GitHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        for name in ("public", "private"):
            host.add(name, {"requirements.txt": ""})
        host.make_private("private", username="ada", password=TOKEN)
        keep_credential(teacher, address=host.base_url, username="ada", password=TOKEN, now=now)
        yield host


def published(host: GitHost, owner: User, group: Group, now: datetime, *, repository: str) -> Environment:
    """An environment for the group, prepared."""
    said = recipe(host.url(repository), visibility=Visibility.GROUP, group=group)
    environment = catalog.publish(owner, said, now=now)
    work(now)
    return fresh(environment)


# --- Finding -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "is_found"), [("student", True), ("stranger", False)])
def test_environment_of_a_group_is_found_by_its_members(
    group: Group, teacher: User, who: str, is_found: bool, request: pytest.FixtureRequest
) -> None:
    person: User = request.getfixturevalue(who)
    environment = EnvironmentFactory.create(owner=teacher, visibility=Visibility.GROUP, group=group)

    assert list(catalog.find(person)) == [environment] * is_found
    assert catalog.named(person, environment.slug) == (environment if is_found else None)


@pytest.mark.parametrize("visibility", [Visibility.PRIVATE, Visibility.GROUP])
def test_environment_is_found_by_a_group_only_where_it_is_for_that(
    group: Group, teacher: User, student: User, visibility: Visibility
) -> None:
    of_this = group if visibility == Visibility.PRIVATE else Group.objects.create(name="Physics")
    EnvironmentFactory.create(owner=teacher, visibility=visibility, group=of_this)
    EnvironmentFactory.create(owner=teacher, visibility=Visibility.GROUP, group=None)

    assert not catalog.find(student).exists()
    assert not Environment.objects.visible_to(student).exists()


def test_environment_of_a_large_group_is_found_once(group: Group, teacher: User, student: User) -> None:
    for _number in range(3):
        UserFactory.create().groups.add(group)
    EnvironmentFactory.create(owner=teacher, visibility=Visibility.GROUP, group=group)

    assert catalog.find(student).count() == 1


def test_member_who_left_finds_it_no_more(group: Group, teacher: User, student: User) -> None:
    EnvironmentFactory.create(owner=teacher, visibility=Visibility.GROUP, group=group)

    student.groups.clear()

    assert not Environment.objects.visible_to(student).exists()


def test_list_of_many_groups_needs_no_more_queries(
    group: Group, teacher: User, student: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    program = program_of(student)
    program.get(ENVIRONMENTS)
    for number in range(5):
        other = Group.objects.create(name=f"Group {number}")
        student.groups.add(other)
        EnvironmentFactory.create(owner=teacher, visibility=Visibility.GROUP, group=other)

    with django_assert_num_queries(4):
        body = program.get(ENVIRONMENTS).json()

    assert {each["group"] for each in body["results"]} == {f"Group {number}" for number in range(5)}


# --- Pages and API -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "status"), [("student", 200), ("teacher", 200), ("stranger", 404)])
def test_page_is_open_to_members_alone(
    group: Group, teacher: User, client: Client, who: str, status: int, request: pytest.FixtureRequest
) -> None:
    environment = EnvironmentFactory.create(owner=teacher, visibility=Visibility.GROUP, group=group)
    client.force_login(request.getfixturevalue(who))

    answer = client.get(f"/environments/{environment.slug}/")

    assert answer.status_code == status
    assert ("Statistics" in answer.content.decode()) == (status == 200)


@pytest.mark.parametrize(("who", "status"), [("student", 302), ("stranger", 404)])
def test_launch_from_the_page_is_for_members_alone(
    host: GitHost,
    group: Group,
    teacher: User,
    now: datetime,
    client: Client,
    who: str,
    status: int,
    request: pytest.FixtureRequest,
) -> None:
    environment = published(host, teacher, group, now, repository="public")
    client.force_login(request.getfixturevalue(who))

    assert client.post(f"/environments/{environment.slug}/launch/").status_code == status
    assert list(group.servers.values_list("owner__username", flat=True)) == ["student"] * (status == 302)


@pytest.mark.parametrize(("who", "status"), [("student", 201), ("stranger", 422)])
def test_api_launches_for_members_alone(
    host: GitHost, group: Group, teacher: User, now: datetime, who: str, status: int, request: pytest.FixtureRequest
) -> None:
    environment = published(host, teacher, group, now, repository="private")

    answer = program_of(request.getfixturevalue(who)).post(SERVERS, {"environment": environment.slug}, format="json")

    assert answer.status_code == status


def test_form_offers_the_groups_one_is_in(group: Group, student: User, stranger: User, client: Client) -> None:
    Group.objects.create(name="Physics")
    client.force_login(student)
    with_groups = client.get("/environments/new/").content.decode()
    client.force_login(stranger)
    without = client.get("/environments/new/").content.decode()

    assert ">Statistics</option>" in with_groups
    assert ">Physics</option>" not in with_groups
    assert ['<option value="group"' in page for page in (with_groups, without)] == [True, False]


@pytest.mark.parametrize("chosen", ["theirs", "none", "other"])
def test_form_publishes_for_a_group_of_ones_own(
    host: GitHost, group: Group, teacher: User, client: Client, chosen: str
) -> None:
    other = Group.objects.create(name="Physics")
    client.force_login(teacher)
    form = {"title": "Course", "repository": host.url("public"), "visibility": "group", "rebuild": "daily"}
    key = {"theirs": str(group.pk), "none": "", "other": str(other.pk)}[chosen]

    answer = client.post("/environments/new/", form | {"group": key})

    assert answer.status_code == (302 if chosen == "theirs" else 422)
    assert list(Environment.objects.values_list("group", flat=True)) == [group.pk] * (chosen == "theirs")


def test_form_keeps_a_group_its_owner_has_left(group: Group, teacher: User, client: Client) -> None:
    environment = EnvironmentFactory.create(owner=teacher, visibility=Visibility.GROUP, group=group)
    teacher.groups.clear()
    client.force_login(teacher)
    address = f"/environments/{environment.slug}/edit/"
    form = {"title": "Other", "repository": f"gh/{environment.repository}", "visibility": "group", "rebuild": "never"}

    answer = client.post(address, form | {"group": str(group.pk)})

    assert answer.status_code == 302
    assert (fresh(environment).title, fresh(environment).group) == ("Other", group)


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"visibility": "group", "group": "Statistics"}, 200, None),
        ({"visibility": "group", "group": "Physics"}, 422, "group_unknown"),
        ({"visibility": "group"}, 422, "group_missing"),
    ],
)
def test_api_publishes_for_a_group_of_ones_own(
    group: Group, teacher: User, said: dict[str, Any], status: int, code: str | None
) -> None:
    Group.objects.create(name="Physics")
    environment = EnvironmentFactory.create(owner=teacher, visibility=Visibility.PRIVATE)

    answer = program_of(teacher).patch(f"{ENVIRONMENTS}{environment.slug}/", said, format="json")

    assert (answer.status_code, answer.json().get("code")) == (status, code)
    assert fresh(environment).group == (group if status == 200 else None)


def test_environment_that_is_for_everyone_again_names_no_group(group: Group, teacher: User, now: datetime) -> None:
    environment = EnvironmentFactory.create(owner=teacher, visibility=Visibility.GROUP, group=group)

    catalog.edit(environment, replace(catalog.recipe_of(environment), visibility=Visibility.EVERYONE), now=now)

    assert fresh(environment).group is None


def test_admin_refuses_an_environment_for_no_group(client: Client, administrator: User) -> None:
    client.force_login(administrator)
    tags = {"tags-TOTAL_FORMS": "0", "tags-INITIAL_FORMS": "0"}
    form = {"title": "Other", "provider": "gh", "repository": "a/b", "visibility": "group", "rebuild": "daily"} | tags

    answer = client.post(reverse("admin:environments_environment_add"), form)

    assert "Choose the class or group." in answer.content.decode()
    assert not Environment.objects.exists()


# --- Launching -----------------------------------------------------------------------------------------------


def test_launch_is_run_for_the_group(host: GitHost, group: Group, teacher: User, student: User, now: datetime) -> None:
    environment = published(host, teacher, group, now, repository="public")

    server = launch_environment(student, environment, now=now)

    assert (server.group, server.image_owner, server.image_key) == (group, None, environment.image_key)


def test_launch_meets_a_server_of_ones_own_that_is_there(
    host: GitHost, group: Group, teacher: User, student: User, now: datetime
) -> None:
    environment = published(host, teacher, group, now, repository="public")
    own = catalog.publish(student, recipe(host.url("public")), now=now)
    first = launch_environment(student, own, now=now)

    assert launch_environment(student, environment, now=now) == first


def test_launch_of_a_private_repository_gives_members_the_owners_image(
    host: GitHost, group: Group, teacher: User, student: User, now: datetime
) -> None:
    environment = published(host, teacher, group, now, repository="private")

    server = launch_environment(student, environment, now=now)

    assert (server.image_owner, server.image_key) == (teacher, environment.image_key)


def test_launch_of_a_private_repository_gives_strangers_nothing(
    host: GitHost, group: Group, teacher: User, stranger: User, now: datetime
) -> None:
    environment = published(host, teacher, group, now, repository="private")

    with pytest.raises(EnvironmentsError, match="repository_not_found"):
        launch_environment(stranger, environment, now=now)

    assert not NotebookServer.objects.exists()


def test_launch_of_another_version_of_a_private_repository_needs_a_token_of_ones_own(
    host: GitHost, group: Group, teacher: User, student: User, now: datetime
) -> None:
    environment = published(host, teacher, group, now, repository="private")
    other = LaunchSpec(parse(host.url("private"), ref="main"))

    with pytest.raises(EnvironmentsError, match="repository_not_found"):
        launch_environment(student, environment, now=now, spec=other)


def test_page_asks_no_token_of_members(
    host: GitHost, group: Group, teacher: User, student: User, now: datetime, client: Client
) -> None:
    environment = published(host, teacher, group, now, repository="private")
    client.force_login(student)

    page = client.get(f"/environments/{environment.slug}/").content.decode()

    assert "token of your own" not in page
    assert "Ready in seconds" in page
