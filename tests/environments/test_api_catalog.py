"""The catalog over the API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from accounts.models import User
from environments import catalog
from environments.catalog import publish
from environments.models import Build, Environment, NotebookServer, Outcome, Rebuild, Visibility
from tests.environments.api_client import ENVIRONMENTS, SERVERS, make_example, program_of
from tests.environments.recipes import after_deletion, fresh, recipe, work
from tests.factories import BuildFactory, EnvironmentFactory, NotebookServerFactory

pytestmark = pytest.mark.usefixtures("fake_backends")


@pytest.fixture
def program(student: User) -> APIClient:
    """A program of the student's."""
    return program_of(student)


@pytest.fixture(autouse=True)
def examples(settings: Settings, tmp_path: Path) -> None:
    """Two repositories, `example/one` and `example/two`."""
    settings.CARREL_DATA = tmp_path
    for name in ("one", "two"):
        make_example(tmp_path, name)


def titles(body: dict[str, Any]) -> list[str]:
    """Of the environments that were found."""
    return [environment["title"] for environment in body["results"]]


class TestFind:
    """Reading."""

    def test_list_ones_own_and_those_for_everyone(self, program: APIClient, student: User, stranger: User) -> None:
        EnvironmentFactory.create(title="mine", owner=student, visibility=Visibility.PRIVATE)
        EnvironmentFactory.create(title="everyone's", owner=stranger)
        for visibility in (Visibility.PRIVATE, Visibility.UNLISTED):
            EnvironmentFactory.create(title="theirs", owner=stranger, visibility=visibility)

        assert set(titles(program.get(ENVIRONMENTS).json())) == {"mine", "everyone's"}

    def test_search_narrow_sort_and_page(self, program: APIClient) -> None:
        for title in ("c", "a", "b", "other"):
            environment = EnvironmentFactory.create(title=title, description="" if title == "other" else "Statistics")
            catalog.set_tags(environment, ["First term"])

        body = program.get(f"{ENVIRONMENTS}?q=STATISTICS&tag=first+term&sort=title&limit=2&offset=1").json()

        assert (body["count"], titles(body)) == (3, ["b", "c"])

    @pytest.mark.parametrize("query", ["sort=owner", "q=" + "x" * 201, "q=%00", "limit=0"])
    def test_refuse_what_makes_no_sense(self, program: APIClient, query: str) -> None:
        response = program.get(f"{ENVIRONMENTS}?{query}")

        assert (response.status_code, response.json()["code"]) == (400, "invalid")

    def test_give_what_a_launch_takes(self, program: APIClient) -> None:
        EnvironmentFactory.create(provider="gh", repository="a/b", ref="feature/x", urlpath="lab/tree/first.ipynb")

        environment = program.get(ENVIRONMENTS).json()["results"][0]

        given = {name: environment[name] for name in ("repository", "ref", "urlpath")}
        assert given == {"repository": "gh/a/b", "ref": "feature/x", "urlpath": "lab/tree/first.ipynb"}

    def test_ask_the_database_as_much_for_many(
        self, program: APIClient, student: User, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        program.get(ENVIRONMENTS)
        for environment in EnvironmentFactory.create_batch(10, owner=student, made_by=student):
            catalog.set_tags(environment, ["a", "b"])

        with django_assert_num_queries(4):  # The token, the count, the environments, their tags.
            program.get(ENVIRONMENTS)

    @pytest.mark.parametrize("name", ["pk", "slug"])
    def test_retrieve_one_that_is_not_listed(self, program: APIClient, stranger: User, name: str) -> None:
        environment = EnvironmentFactory.create(owner=stranger, visibility=Visibility.UNLISTED)

        body = program.get(f"{ENVIRONMENTS}{getattr(environment, name)}/").json()

        assert (body["id"], body["is_mine"]) == (str(environment.pk), False)

    def test_tell_what_it_is_made_from(self, program: APIClient, teacher: User) -> None:
        environment = publish(teacher, recipe("example/one", visibility="everyone"), now=timezone.now())
        work()

        body = program.get(f"{ENVIRONMENTS}{environment.slug}/").json()

        assert (body["freshness"], body["rebuild_outcome"], body["made_by"]) == ("ready", "made", "Teacher")
        assert body["commit"] == body["newest_commit"] == fresh(environment).commit
        assert body["url"] == f"http://testserver/environments/{environment.slug}/"

    def test_tell_others_no_commit_of_a_private_repository(self, program: APIClient, teacher: User) -> None:
        facts = {"is_private": True, "commit": "1" * 40, "newest_commit": "2" * 40, "has_image": True}
        environment = EnvironmentFactory.create(owner=teacher, **facts)

        body = program.get(f"{ENVIRONMENTS}{environment.pk}/").json()

        assert (body["is_private"], body["commit"], body["newest_commit"]) == (True, None, None)

    def test_tell_the_owner_alone_why_it_failed(self, program: APIClient, student: User, stranger: User) -> None:
        failure = {"outcome": Outcome.FAILED, "failure_code": "disk_full"}
        own, other = (EnvironmentFactory.create(owner=owner, **failure) for owner in (student, stranger))

        reasons = [program.get(f"{ENVIRONMENTS}{each.pk}/").json()["reason"] for each in (own, other)]

        assert reasons[0]["code"] == "disk_full"
        assert reasons[1] is None


class TestPublish:
    """Making and changing."""

    def test_publish_a_repository(self, program: APIClient, student: User) -> None:
        said = {
            "title": "One",
            "description": "x\ny",
            "tags": ["R", "first term"],
            "repository": "example/one",
            "urlpath": "lab/tree/a.ipynb",
            "memory_mb": 512,
            "cpus": 0.5,
            "idle_minutes": 5,
            "lifetime_minutes": 60,
            "mounts": ["data:input:ro"],
            "visibility": "unlisted",
            "rebuild": "weekly",
        }

        response = program.post(ENVIRONMENTS, said, format="json")

        assert response.status_code == 201
        assert {name: response.json()[name] for name in said} == said
        assert Environment.objects.get().owner == student
        assert Build.objects.count() == 1

    def test_publish_is_private_unless_said_otherwise(self, program: APIClient) -> None:
        body = program.post(ENVIRONMENTS, {"title": "One", "repository": "example/one"}, format="json").json()

        assert (body["visibility"], body["rebuild"]) == (Visibility.PRIVATE, Rebuild.DAILY)

    def test_publish_one_of_my_servers(self, program: APIClient, student: User) -> None:
        build = BuildFactory.create(state=Build.State.SUCCEEDED, finished_at=timezone.now())
        server = NotebookServerFactory.create(owner=student, build=build, image_key=build.image_key, memory_mb=256)

        body = program.post(ENVIRONMENTS, {"title": "Mine", "server": str(server.pk)}, format="json").json()

        assert (body["repository"], body["memory_mb"]) == ("gh/carrel-tests/example", 256)
        assert (body["freshness"], body["commit"]) == ("ready", server.commit)

    @pytest.mark.parametrize(
        ("said", "status", "code"),
        [
            ({}, 400, "invalid"),
            ({"title": ""}, 400, "invalid"),
            ({"title": "x" * 121}, 400, "invalid"),
            ({"title": "x\x00"}, 400, "invalid"),
            ({"description": "x" * 2001}, 400, "invalid"),
            ({"repository": None}, 400, "invalid"),
            ({"repository": "file:///etc"}, 400, "repository_local_forbidden"),
            ({"repository": "example/nowhere"}, 422, "repository_not_found"),
            ({"tags": "a, b"}, 400, "invalid"),
            ({"tags": ["x" * 10_000]}, 400, "invalid"),
            ({"tags": ["x"] * 51}, 400, "invalid"),
            ({"tags": ["x" * 31]}, 400, "tag_invalid"),
            ({"tags": list(map(str, range(11)))}, 400, "tags_too_many"),
            ({"mounts": ["Not A Name"]}, 400, "volume_name_invalid"),
            ({"mounts": ["data:../.."]}, 400, "mount_path_invalid"),
            ({"visibility": "class"}, 400, "invalid"),
            ({"cpus": "nan"}, 400, "invalid"),
            ({"owner": "admin"}, 400, "invalid"),
            ({"is_featured": True}, 400, "invalid"),
            ({"server": "00000000-0000-4000-8000-000000000000"}, 400, "invalid"),
        ],
    )
    def test_publish_refused_leaves_nothing(
        self, program: APIClient, said: dict[str, Any], status: int, code: str
    ) -> None:
        body = {"title": "One", "repository": "example/one"} | said if said else {}

        response = program.post(ENVIRONMENTS, body, format="json")

        assert (response.status_code, response.json()["code"]) == (status, code)
        assert not Environment.objects.exists()

    def test_publish_nobody_elses_server(self, program: APIClient, stranger: User) -> None:
        server = NotebookServerFactory.create(owner=stranger)

        response = program.post(ENVIRONMENTS, {"title": "Theirs", "server": str(server.pk)}, format="json")

        assert response.json()["fields"] == {"server": ["You have no such server."]}

    def test_change_what_is_taken_out_in_the_same_moment_is_not_found(
        self, program: APIClient, student: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        environment = EnvironmentFactory.create(owner=student)
        monkeypatch.setattr(catalog, "edit", after_deletion(catalog.edit))

        response = program.patch(f"{ENVIRONMENTS}{environment.pk}/", {"title": "After"}, format="json")

        assert (response.status_code, response.json()["code"]) == (404, "not_found")

    def test_change_what_is_said_and_nothing_else(self, program: APIClient, student: User) -> None:
        said = recipe("example/one", tags=("a",), description="Before", urlpath="lab")
        environment = publish(student, said, now=timezone.now())
        work()

        body = program.patch(f"{ENVIRONMENTS}{environment.pk}/", {"title": "After", "memory_mb": 256}, format="json")

        changed = body.json()
        assert (changed["title"], changed["memory_mb"]) == ("After", 256)
        kept = {name: changed[name] for name in ("description", "tags", "urlpath", "freshness")}
        assert kept == {"description": "Before", "tags": ["a"], "urlpath": "lab", "freshness": "ready"}

    def test_change_of_the_version_prepares_it(self, program: APIClient, student: User) -> None:
        environment = publish(student, recipe("example/one", ref="main"), now=timezone.now())
        work()

        body = program.patch(f"{ENVIRONMENTS}{environment.pk}/", {"ref": ""}, format="json").json()

        assert (body["ref"], body["freshness"], body["commit"]) == ("", "preparing", None)

    @pytest.mark.parametrize(("method", "action"), [("patch", ""), ("delete", ""), ("post", "rebuild/")])
    def test_change_nothing_of_somebody_elses(
        self, program: APIClient, stranger: User, method: str, action: str
    ) -> None:
        environment = EnvironmentFactory.create(owner=stranger)

        response = getattr(program, method)(f"{ENVIRONMENTS}{environment.pk}/{action}", {"title": "x"}, format="json")

        assert (response.status_code, response.json()["code"]) == (403, "permission_denied")

    def test_fork_is_mine(self, program: APIClient, student: User, stranger: User) -> None:
        environment = EnvironmentFactory.create(owner=stranger)

        body = program.post(f"{ENVIRONMENTS}{environment.pk}/fork/").json()

        assert (body["is_mine"], body["visibility"]) == (True, "private")
        assert body["forked_from"] == str(environment.pk)

    def test_rebuild_prepares_the_newest(self, program: APIClient, student: User) -> None:
        environment = EnvironmentFactory.create(owner=student, provider="example", repository="one")

        response = program.post(f"{ENVIRONMENTS}{environment.pk}/rebuild/")

        assert (response.status_code, response.json()["freshness"]) == (202, "preparing")

    def test_delete(self, program: APIClient, student: User) -> None:
        environment = EnvironmentFactory.create(owner=student)

        assert program.delete(f"{ENVIRONMENTS}{environment.slug}/").status_code == 204
        assert not Environment.objects.exists()


class TestLaunch:
    """`POST /servers/` with an environment."""

    @pytest.mark.parametrize("name", ["pk", "slug"])
    def test_launch_what_it_offers(self, program: APIClient, teacher: User, name: str) -> None:
        said = recipe("example/one", urlpath="lab/tree/a.ipynb", visibility="everyone")
        environment = publish(teacher, said, now=timezone.now())
        work()

        response = program.post(SERVERS, {"environment": str(getattr(environment, name))}, format="json")

        assert response.status_code == 201
        assert (response.json()["urlpath"], response.json()["commit"]) == (
            "lab/tree/a.ipynb",
            fresh(environment).commit,
        )
        assert fresh(environment).launch_count == 1

    def test_launch_it_as_i_like(self, program: APIClient, teacher: User) -> None:
        environment = publish(teacher, recipe("example/one", visibility="everyone"), now=timezone.now())
        Environment.objects.update(memory_mb=2048, idle_minutes=30)
        mine = {"environment": environment.slug, "name": "mine", "memory_mb": 256, "urlpath": "lab"}

        body = program.post(SERVERS, mine, format="json").json()

        assert {name: body[name] for name in ("name", "memory_mb", "urlpath", "idle_minutes")} == {
            "name": "mine",
            "memory_mb": 256,
            "urlpath": "lab",
            "idle_minutes": 30,
        }

    def test_launch_a_copy_to_try(self, program: APIClient, teacher: User) -> None:
        environment = publish(teacher, recipe("example/one", visibility="everyone"), now=timezone.now())
        work()

        body = program.post(SERVERS, {"environment": environment.slug, "public": True}, format="json").json()

        assert (body["public"], body["commit"]) == (True, fresh(environment).commit)

    @pytest.mark.parametrize(
        ("said", "status", "code"),
        [
            ({"environment": "nowhere"}, 422, "environment_not_found"),
            ({"environment": "hidden"}, 422, "environment_not_found"),
            ({"environment": "x", "repository": "example/one"}, 400, "invalid"),
            ({"environment": "x", "ref": "main"}, 400, "invalid"),
            ({"environment": ""}, 400, "invalid"),
            ({}, 400, "invalid"),
        ],
    )
    def test_launch_refused(
        self, program: APIClient, stranger: User, said: dict[str, str], status: int, code: str
    ) -> None:
        EnvironmentFactory.create(owner=stranger, slug="hidden", visibility=Visibility.PRIVATE)

        response = program.post(SERVERS, said, format="json")

        assert (response.status_code, response.json()["code"]) == (status, code)
        assert not NotebookServer.objects.exists()
