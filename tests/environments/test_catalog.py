"""Environments are published, found, edited, forked and taken away; launching one gives what was prepared."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db import connection
from pytest_django import Settings

from accounts.models import User
from environments import catalog, naming
from environments.catalog import edit, find, fork, needs_consent, popular_tags, publish, recipe_of, remove
from environments.errors import EnvironmentsError
from environments.launching import launch, launch_environment, spec_of_environment
from environments.links import read_mount
from environments.models import Build, Environment, EnvironmentTag, NotebookServer, Outcome, RepositoryTrust, Visibility
from environments.values import LaunchSpec, Limits
from tests.environments.recipes import fresh, recipe, work
from tests.factories import EnvironmentFactory, UserFactory
from tests.fakes.git_host import GitHost

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]


@pytest.fixture
def host(settings: Settings) -> Iterator[GitHost]:
    """A git host with two repositories."""
    with GitHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        host.add("statistics", {"requirements.txt": "numpy\n"})
        host.add("physics", {"requirements.txt": "scipy\n"})
        yield host


@pytest.fixture
def published(host: GitHost, teacher: User, now: datetime) -> Environment:
    """A teacher's environment for everyone, prepared."""
    environment = publish(teacher, recipe(host.url("statistics"), visibility=Visibility.EVERYONE), now=now)
    work(now)
    return fresh(environment)


class TestPublish:
    """A recipe becomes an environment."""

    def test_publish_keeps_what_was_said(self, host: GitHost, student: User, now: datetime) -> None:
        said = recipe(
            host.url("statistics"),
            ref="main",
            description="Means and\nmedians",
            tags=("Linear algebra", "R"),
            urlpath="lab/tree/a.ipynb",
            limits=Limits(512, 0.5),
            mounts=(read_mount("data:input:ro"),),
            visibility=Visibility.UNLISTED,
            rebuild="weekly",
        )

        environment = publish(student, said, now=now)

        assert recipe_of(fresh(environment)) == said
        assert environment.owner == student

    def test_publish_has_it_prepared(self, published: Environment, teacher: User, now: datetime) -> None:
        assert (published.outcome, published.has_image) == (Outcome.MADE, True)
        assert (published.commit, published.newest_commit) == (published.build.commit, published.commit)  # type: ignore[union-attr]
        assert (published.made_by, published.made_at) == (teacher, now)
        assert (published.builder, published.builder_version) == ("fake", "1")

    def test_publish_of_a_server_takes_over_its_version(self, host: GitHost, student: User, now: datetime) -> None:
        server = launch(student, recipe(host.url("statistics")).spec, now=now)
        work(now)
        host.commit("statistics", {"requirements.txt": "numpy<2\n"})

        environment = publish(student, catalog.recipe_from(server), now=now, server=server)

        assert (environment.commit, environment.image_key) == (server.commit, server.image_key)
        assert environment.has_image
        assert Build.objects.count() == 1

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"repository": "nowhere"}, "repository_not_found"),
            ({"ref": "no-such-branch"}, "ref_unknown"),
            ({"tags": ("x" * 31,)}, "tag_invalid"),
            ({"tags": ("a,b",)}, "tag_invalid"),
            ({"tags": ("!!",)}, "tag_invalid"),
            ({"tags": tuple(map(str, range(11)))}, "tags_too_many"),
        ],
    )
    def test_publish_refused_leaves_nothing(
        self, host: GitHost, student: User, now: datetime, change: dict[str, str], code: str
    ) -> None:
        repository = host.url(change.pop("repository", "statistics"))

        with pytest.raises(EnvironmentsError) as refusal:
            publish(student, recipe(repository, **change), now=now)

        assert refusal.value.code == code
        assert not Environment.objects.exists()
        assert not Build.objects.exists()

    def test_publish_for_everyone_gives_addresses_that_can_be_read(
        self, host: GitHost, student: User, now: datetime
    ) -> None:
        for_everyone = recipe(host.url("statistics"), title="Été: les Bases!", visibility=Visibility.EVERYONE)

        slugs = [publish(student, for_everyone, now=now).slug for _time in range(3)]

        assert slugs == ["ete-les-bases", "ete-les-bases-2", "ete-les-bases-3"]

    @pytest.mark.parametrize("visibility", [Visibility.PRIVATE, Visibility.UNLISTED])
    def test_publish_for_some_gives_an_address_nobody_guesses(
        self, host: GitHost, student: User, now: datetime, visibility: Visibility
    ) -> None:
        said = recipe(host.url("statistics"), visibility=visibility)

        first, second = (publish(student, said, now=now).slug for _time in range(2))

        assert first.startswith("statistics-")
        assert len(first) == len("statistics-") + 10
        assert first != second

    def test_publish_at_an_address_that_somebody_has_just_taken_gets_the_next(
        self, student: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        choose = naming.free_slug

        def choose_while_somebody_is_quicker(stem: str, taken: Collection[str]) -> str:
            monkeypatch.setattr(naming, "free_slug", choose)
            chosen = choose(stem, taken)
            EnvironmentFactory.create(title="Statistics")
            return chosen

        monkeypatch.setattr(naming, "free_slug", choose_while_somebody_is_quicker)

        assert EnvironmentFactory.create(owner=student, title="Statistics").slug == "statistics-2"

    @pytest.mark.parametrize(
        ("title", "slug"), [("New", "new-2"), ("数学", "environment"), ("-", "environment"), ("x" * 120, "x" * 48)]
    )
    def test_publish_makes_an_address_of_any_title(self, title: str, slug: str) -> None:
        assert EnvironmentFactory.create(title=title).slug == slug


@pytest.mark.django_db(transaction=True)
def test_publish_the_same_title_at_the_same_moment_gives_two_addresses(student: User) -> None:
    barrier = threading.Barrier(4)

    def make() -> None:
        barrier.wait()
        EnvironmentFactory.create(owner=student, title="Statistics")
        connection.close()

    threads = [threading.Thread(target=make) for _thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    slugs = set(Environment.objects.values_list("slug", flat=True))
    assert slugs == {"statistics", "statistics-2", "statistics-3", "statistics-4"}


class TestFind:
    """Who finds what, by which words, in which order."""

    def test_find_own_and_those_for_everyone(self, student: User, stranger: User) -> None:
        for owner in (student, stranger):
            for visibility in Visibility:
                EnvironmentFactory.create(owner=owner, visibility=visibility, title=f"{owner.username} {visibility}")

        found = {environment.title for environment in find(student)}

        assert found == {
            "student private",
            "student group",
            "student unlisted",
            "student everyone",
            "stranger everyone",
        }

    @pytest.mark.parametrize(
        ("text", "is_found"),
        [
            ("intro statistics", True),
            ("STATISTICS", True),
            ("été", True),
            ("ETE", True),
            ("modèle", True),
            ("carrel-tests/pandas", True),
            ("lineaire", True),
            ("statistics chemistry", False),
            ("%", False),
            ("_", False),
            ("", True),
            ("   ", True),
        ],
    )
    def test_find_by_words_wherever_they_stand(self, student: User, text: str, is_found: bool) -> None:
        environment = EnvironmentFactory.create(
            title="Statistics: an Intro", description="Un modele d'Été", repository="carrel-tests/pandas"
        )
        catalog.set_tags(environment, ["Linéaire"])

        assert (environment in find(student, text=text)) is is_found

    def test_find_nothing_that_is_held_for_a_class(self, student: User) -> None:
        EnvironmentFactory.create(owner=student, visibility=Visibility.PRIVATE, is_held=True)

        assert list(find(student)) == []

    def test_find_by_words_that_were_changed(self, student: User) -> None:
        environment = EnvironmentFactory.create(title="Before")
        environment.title = "After"
        environment.save(update_fields=["title"])

        assert [len(find(student, text=text)) for text in ("before", "after")] == [0, 1]

    def test_find_by_tag_however_it_is_spelt(self, student: User) -> None:
        tagged, other = EnvironmentFactory.create_batch(2)
        catalog.set_tags(tagged, ["Café", "tea"])
        catalog.set_tags(other, ["cafeteria"])

        assert list(find(student, tag="CAFE")) == [tagged]

    @pytest.mark.parametrize(
        ("order", "titles"), [("used", "fcba"), ("newest", "fcab"), ("title", "abcf")], ids=["used", "newest", "title"]
    )
    def test_find_in_order(self, student: User, now: datetime, order: str, titles: str) -> None:
        facts = {"a": (1, 2), "b": (2, 1), "c": (3, 3), "f": (0, 4)}
        for title, (count, day) in facts.items():
            environment = EnvironmentFactory.create(title=title, launch_count=count, is_featured=title == "f")
            Environment.objects.filter(pk=environment.pk).update(created_at=now + timedelta(days=day))

        assert "".join(environment.title for environment in find(student, order=order)) == titles

    def test_count_tags_of_what_is_found_only(self, student: User, stranger: User) -> None:
        first, second = EnvironmentFactory.create_batch(2)
        hidden = EnvironmentFactory.create(owner=stranger, visibility=Visibility.PRIVATE)
        catalog.set_tags(first, ["Physics", "intro"])
        catalog.set_tags(second, ["physics"])
        catalog.set_tags(hidden, ["secret", "intro"])

        assert popular_tags(student) == [("Physics", 2), ("intro", 1)]


class TestEdit:
    """The owner changes what it is."""

    def test_edit_words_keeps_the_version(self, published: Environment, now: datetime) -> None:
        before = published.commit
        changed = replace(recipe_of(published), title="Better", tags=("new",))

        edit(published, changed, now=now)

        environment = fresh(published)
        assert (environment.title, environment.slug, environment.commit) == ("Better", "statistics", before)
        assert [tag.name for tag in environment.tags.all()] == ["new"]
        assert list(find(published.owner, text="better")) == [environment]  # type: ignore[arg-type]

    def test_edit_repository_prepares_the_other(self, published: Environment, host: GitHost, now: datetime) -> None:
        edit(published, recipe(host.url("physics")), now=now)

        environment = fresh(published)
        assert (environment.commit, environment.has_image, environment.outcome) == ("", False, Outcome.PREPARING)
        work(now)
        assert fresh(published).repository_url == host.url("physics").removesuffix(".git")

    def test_edit_while_it_is_prepared_gives_that_build_up(self, host: GitHost, student: User, now: datetime) -> None:
        environment = publish(student, recipe(host.url("statistics")), now=now)
        first_build = environment.build

        edit(environment, recipe(host.url("physics")), now=now)

        assert first_build is not None
        first_build.refresh_from_db()
        assert first_build.state == Build.State.CANCELLED

    def test_edit_refused_changes_nothing(self, published: Environment, host: GitHost, now: datetime) -> None:
        with pytest.raises(EnvironmentsError):
            edit(published, recipe(host.url("nowhere"), title="Worse"), now=now)

        environment = fresh(published)
        assert (environment.title, environment.has_image) == ("Statistics", True)


class TestFork:
    """A copy of one's own."""

    def test_fork_copies_all_but_who_sees_it(
        self, published: Environment, student: User, teacher: User, now: datetime
    ) -> None:
        catalog.set_tags(published, ["a", "b"])
        Environment.objects.update(launch_count=7, is_featured=True)

        copy = fresh(fork(fresh(published), owner=student, now=now))

        assert (copy.owner, copy.forked_from, copy.visibility) == (student, published, Visibility.PRIVATE)
        assert (copy.launch_count, copy.is_featured) == (0, False)
        same = ("title", "reference", "rebuild", "commit", "image_key", "has_image", "made_by", "made_at", "builder")
        assert [getattr(copy, name) for name in same] == [getattr(published, name) for name in same]
        assert [tag.name for tag in copy.tags.all()] == ["a", "b"]

    def test_fork_of_a_private_repository_leaves_its_image_to_its_owner(
        self, published: Environment, student: User, now: datetime
    ) -> None:
        Environment.objects.update(is_private=True)

        copy = fork(fresh(published), owner=student, now=now)

        assert (copy.commit, copy.image_key, copy.has_image, copy.made_by) == ("", "", False, None)

    def test_fork_twice_gives_two(self, published: Environment, student: User, now: datetime) -> None:
        first, second = (fork(published, owner=student, now=now) for _time in range(2))

        assert first.slug != second.slug


class TestRemove:
    """Out of the catalog."""

    def test_remove_leaves_servers_and_forks(self, published: Environment, student: User, now: datetime) -> None:
        server = launch_environment(student, published, now=now)
        copy = fork(published, owner=student, now=now)

        remove(published, now=now)

        assert NotebookServer.objects.get() == server
        assert fresh(copy).forked_from is None
        assert not EnvironmentTag.objects.filter(environment=published.pk).exists()

    def test_remove_while_it_is_prepared_cancels_the_build(self, host: GitHost, student: User, now: datetime) -> None:
        environment = publish(student, recipe(host.url("statistics")), now=now)

        remove(environment, now=now)

        assert Build.objects.get().state == Build.State.CANCELLED

    def test_remove_while_a_server_waits_leaves_it_the_build(self, host: GitHost, student: User, now: datetime) -> None:
        environment = publish(student, recipe(host.url("statistics")), now=now)
        launch_environment(student, environment, now=now)

        remove(environment, now=now)

        assert Build.objects.get().state == Build.State.QUEUED


class TestLaunch:
    """What people get."""

    def test_launch_gives_the_version_that_was_prepared(
        self, published: Environment, host: GitHost, student: User, now: datetime
    ) -> None:
        host.commit("statistics", {"requirements.txt": "broken\n"})

        server = launch_environment(student, published, now=now)

        assert (server.commit, server.image_key) == (published.commit, published.image_key)
        assert server.build is None

    def test_launch_needs_no_host_once_it_is_prepared(
        self, published: Environment, student: User, now: datetime, settings: Settings
    ) -> None:
        settings.REPOSITORY_ALLOWED_HOSTS = []

        assert launch_environment(student, published, now=now).commit == published.commit

    def test_launch_uses_its_defaults(self, host: GitHost, student: User, teacher: User, now: datetime) -> None:
        said = recipe(host.url("statistics"), urlpath="lab/tree/a.ipynb", limits=Limits(512, 0.5))
        environment = publish(teacher, said, now=now)

        server = launch_environment(student, environment, now=now)

        assert (server.urlpath, server.limits) == ("lab/tree/a.ipynb", Limits(512, 0.5))

    def test_launch_obeys_the_person(self, published: Environment, student: User, now: datetime) -> None:
        spec = LaunchSpec(published.reference, name="mine", limits=Limits(256))

        server = launch_environment(student, published, now=now, spec=spec)

        assert (server.name, server.memory_mb, server.commit) == ("mine", 256, published.commit)

    def test_launch_leaves_out_shared_files_that_this_person_may_not_use(
        self, host: GitHost, student: User, teacher: User, now: datetime
    ) -> None:
        environment = publish(teacher, recipe(host.url("statistics"), mounts=(read_mount("data"),)), now=now)

        assert spec_of_environment(environment, student).mounts == ()

    def test_launch_counts_servers_and_not_clicks(self, published: Environment, student: User, now: datetime) -> None:
        another = UserFactory.create()

        for person, moment in ((student, 0), (student, 1), (another, 2), (student, 3)):
            launch_environment(person, published, now=now + timedelta(seconds=moment))

        assert fresh(published).launch_count == 2

    def test_launch_of_one_that_was_never_prepared_prepares_it(
        self, host: GitHost, student: User, now: datetime
    ) -> None:
        environment = EnvironmentFactory.create(provider="git", repository=host.url("statistics"))

        server = launch_environment(student, environment, now=now)
        work(now)

        environment = fresh(environment)
        assert (environment.commit, environment.has_image, environment.made_by) == (server.commit, True, student)

    def test_launch_by_another_is_given_no_image_of_a_private_repository(
        self, published: Environment, student: User, teacher: User, now: datetime
    ) -> None:
        Environment.objects.update(is_private=True, repository="https://git.invalid/secret")
        private = fresh(published)

        with pytest.raises(EnvironmentsError):
            launch_environment(student, private, now=now)

        assert not NotebookServer.objects.exists()
        assert launch_environment(teacher, private, now=now).commit == published.commit


class TestConsent:
    """Whom one is asked about before their environment runs with one's own files."""

    @pytest.mark.parametrize(
        ("owner", "is_asked"),
        [("student", False), ("stranger", True), ("teacher", False), ("administrator", False), (None, False)],
    )
    def test_ask_about_those_nobody_vouches_for(
        self, student: User, stranger: User, teacher: User, administrator: User, owner: str | None, is_asked: bool
    ) -> None:
        person = User.objects.get(username=owner) if owner else None
        environment = EnvironmentFactory.create(owner=person)

        asked = needs_consent(student, environment, spec_of_environment(environment, student))

        assert asked is is_asked

    def test_ask_not_about_what_is_recommended_or_trusted(self, student: User, stranger: User) -> None:
        featured, trusted = (EnvironmentFactory.create(owner=stranger, is_featured=each) for each in (True, False))
        RepositoryTrust.objects.create(owner=student, provider="gh", repository=trusted.repository)

        asked = [needs_consent(student, each, LaunchSpec(each.reference)) for each in (featured, trusted)]

        assert asked == [False, False]

    def test_ask_about_shared_files_even_of_a_teacher(self, student: User, teacher: User) -> None:
        environment = EnvironmentFactory.create(owner=teacher)
        spec = LaunchSpec(environment.reference, mounts=(read_mount("data"),))

        assert needs_consent(student, environment, spec)
