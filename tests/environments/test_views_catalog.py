"""The catalog's pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from environments import catalog
from environments.catalog import publish, recipe_of
from environments.models import (
    Build,
    Environment,
    NotebookServer,
    Outcome,
    Rebuild,
    RepositoryTrust,
    Visibility,
)
from tests.environments.recipes import after_deletion, fresh, recipe, work
from tests.factories import BuildFactory, EnvironmentFactory, NotebookServerFactory
from tests.fakes.git_host import GitHost

HTMX = {"HX-Request": "true"}
PAGE = "/environments/"


@pytest.fixture
def host(settings: Settings) -> Iterator[GitHost]:
    """A git host with one repository."""
    with GitHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        host.add("statistics", {"requirements.txt": "numpy\n"})
        yield host


@pytest.fixture
def page(client: Client, student: User) -> Client:
    """The student's browser."""
    client.force_login(student)
    return client


def form_of(repository: str, **fields: str) -> dict[str, str]:
    """The publish form, filled in."""
    filled_in = {"title": "Statistics", "repository": repository, "visibility": "everyone", "rebuild": "daily"}
    return filled_in | fields


class TestList:
    """Finding."""

    def test_show_what_can_be_found(self, page: Client, stranger: User) -> None:
        EnvironmentFactory.create(title="For everyone")
        for visibility in (Visibility.PRIVATE, Visibility.UNLISTED):
            EnvironmentFactory.create(owner=stranger, title="Not for the list", visibility=visibility)

        text = page.get(PAGE).content.decode()

        assert "For everyone" in text
        assert "Not for the list" not in text

    def test_search_narrow_and_sort_together(self, page: Client) -> None:
        for title in ("Zeta statistics", "Alpha statistics", "Statistics untagged", "Physics"):
            environment = EnvironmentFactory.create(title=title)
            if "untagged" not in title:
                catalog.set_tags(environment, ["First term"])

        found = page.get(PAGE, {"q": "statistics", "tag": "first term", "sort": "title"}).context["page"].object_list

        assert [environment.title for environment in found] == ["Alpha statistics", "Zeta statistics"]

    @pytest.mark.parametrize(
        "query",
        [
            "q=" + "x" * 5000,
            "q=%00",
            "sort=owner__password",
            "page=nonsense",
            "page=-1",
            "page=999",
            "tag=%00",
            "q=%FF",
        ],
    )
    def test_pass_over_what_makes_no_sense(self, page: Client, query: str) -> None:
        EnvironmentFactory.create()

        assert page.get(f"{PAGE}?{query}").status_code == 200

    def test_show_page_by_page_what_was_asked_for(self, page: Client) -> None:
        for number in range(30):
            EnvironmentFactory.create(title=f"Statistics {number}")

        text = page.get(PAGE, {"q": "statistics", "page": "2"}).content.decode()

        assert "Page 2 of 2" in text
        assert text.count("<article") == 6
        assert 'rel="prev" href="?q=statistics&amp;page=1"' in text

    @pytest.mark.parametrize(("query", "words"), [("", "Nothing here yet"), ("?q=chemistry", "Nothing of that kind")])
    def test_say_what_to_do_when_there_is_nothing(self, page: Client, query: str, words: str) -> None:
        assert words in page.get(f"{PAGE}{query}").content.decode()

    def test_query_the_same_for_many(
        self, page: Client, stranger: User, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        for environment in EnvironmentFactory.create_batch(30, owner=stranger):
            catalog.set_tags(environment, ["a", "b"])

        with django_assert_max_num_queries(7):
            page.get(PAGE)


class TestDetail:
    """One environment."""

    @pytest.mark.parametrize(
        ("visibility", "status"), [(Visibility.PRIVATE, 404), (Visibility.UNLISTED, 200), (Visibility.EVERYONE, 200)]
    )
    def test_open_to_whom_it_is_for(self, page: Client, stranger: User, visibility: str, status: int) -> None:
        environment = EnvironmentFactory.create(owner=stranger, visibility=visibility)

        assert page.get(f"{PAGE}{environment.slug}/").status_code == status

    def test_show_the_description_as_plain_text_with_its_lines(self, page: Client) -> None:
        environment = EnvironmentFactory.create(description="<script>alert(1)</script>\nsecond\n\nparagraph **two**")

        text = page.get(f"{PAGE}{environment.slug}/").content.decode()

        assert "<p>&lt;script&gt;alert(1)&lt;/script&gt;<br>second</p>" in text
        assert "<p>paragraph **two**</p>" in text

    @pytest.mark.parametrize(
        ("facts", "words"),
        [
            ({"has_image": True}, "Ready in seconds"),
            ({}, "Some minutes the first time"),
            ({"outcome": Outcome.PREPARING}, "Being prepared"),
            ({"has_image": True, "commit": "1" * 40, "newest_commit": "2" * 40}, "There is a newer version"),
            ({"has_image": True, "outcome": Outcome.PREPARING}, "A newer version is being prepared"),
        ],
    )
    def test_say_how_fresh_it_is(self, page: Client, facts: dict[str, object], words: str) -> None:
        environment = EnvironmentFactory.create(**facts)

        assert words in page.get(f"{PAGE}{environment.slug}/").content.decode()

    def test_tell_where_its_version_comes_from(self, page: Client, teacher: User) -> None:
        environment = EnvironmentFactory.create(
            commit="abcdef1" + "0" * 33, made_at=timezone.now(), made_by=teacher, builder="venv", builder_version="7"
        )

        text = page.get(f"{PAGE}{environment.slug}/").content.decode()

        assert all(fact in text for fact in ("abcdef1</abbr>", "Teacher", "(venv 7)"))

    def test_tell_the_owner_alone_why_it_failed(self, page: Client, student: User, stranger: User) -> None:
        failure = {"outcome": Outcome.FAILED, "failure_code": "dockerfile_failed", "failure_facts": {"step": "RUN x"}}
        own, other = (EnvironmentFactory.create(owner=owner, **failure) for owner in (student, stranger))

        texts = [page.get(f"{PAGE}{environment.slug}/").content.decode() for environment in (own, other)]

        assert ["RUN x" in text for text in texts] == [True, False]

    def test_tell_others_nothing_of_a_private_repository_but_its_name(self, page: Client, teacher: User) -> None:
        facts = {"is_private": True, "commit": "abcdef1" + "0" * 33, "has_image": True, "made_at": timezone.now()}
        environment = EnvironmentFactory.create(owner=teacher, newest_commit="2" * 40, **facts)

        text = page.get(f"{PAGE}{environment.slug}/").content.decode()

        assert "you need a token of your own" in text
        assert "abcdef1" not in text

    def test_name_the_original_to_those_who_may_see_it(self, page: Client, stranger: User) -> None:
        hidden = EnvironmentFactory.create(owner=stranger, title="Hidden original", visibility=Visibility.PRIVATE)
        shown = EnvironmentFactory.create(title="Shown original")
        copies = [EnvironmentFactory.create(forked_from=original) for original in (hidden, shown)]

        texts = [page.get(f"{PAGE}{copy.slug}/").content.decode() for copy in copies]

        assert "Hidden original" not in texts[0]
        assert "Shown original" in texts[1]

    def test_offer_link_and_badge_with_its_defaults(self, page: Client) -> None:
        environment = EnvironmentFactory.create(repository="owner/name", urlpath="lab/tree/a.ipynb", memory_mb=512)

        text = page.get(f"{PAGE}{environment.slug}/").content.decode()

        assert "/v2/gh/owner/name/HEAD?urlpath=lab/tree/a.ipynb&amp;memory=512" in text
        assert "reStructuredText" in text

    def test_offer_changes_to_the_owner_alone(self, page: Client, student: User, stranger: User) -> None:
        own, other = (EnvironmentFactory.create(owner=owner) for owner in (student, stranger))

        texts = [page.get(f"{PAGE}{environment.slug}/").content.decode() for environment in (own, other)]

        assert ["/edit/" in text for text in texts] == [True, False]
        assert ["/rebuild/" in text for text in texts] == [True, False]

    def test_answer_htmx_with_the_state_alone(self, page: Client) -> None:
        environment = EnvironmentFactory.create(outcome=Outcome.PREPARING)

        text = page.get(f"{PAGE}{environment.slug}/", headers=HTMX).content.decode()

        assert text.strip().startswith("<section")
        assert 'data-refresh-seconds="5"' in text


@pytest.mark.usefixtures("fake_backends")
class TestLaunch:
    """One click, or two where nobody vouches for it."""

    def test_launch_in_one_click(self, page: Client, student: User, teacher: User, host: GitHost) -> None:
        environment = publish(teacher, recipe(host.url("statistics"), visibility="everyone"), now=timezone.now())

        response = page.post(f"{PAGE}{environment.slug}/launch/")

        server = NotebookServer.objects.get(owner=student)
        assert response["Location"] == f"/servers/{server.pk}/?launching=1"
        assert fresh(environment).launch_count == 1

    def test_ask_before_launching_what_nobody_vouches_for(
        self, page: Client, student: User, stranger: User, host: GitHost
    ) -> None:
        environment = publish(stranger, recipe(host.url("statistics"), visibility="everyone"), now=timezone.now())
        address = f"{PAGE}{environment.slug}/launch/"

        question = page.post(address)
        assert "Stranger has published this as “Statistics”." in question.content.decode()
        assert not NotebookServer.objects.exists()

        page.post(address, {"proposal": question.context["proposal"], "trust": "1"})
        assert NotebookServer.objects.get().owner == student
        assert fresh(environment).launch_count == 1
        assert RepositoryTrust.objects.filter(owner=student).exists()

    def test_ask_again_when_it_became_something_else_meanwhile(
        self, page: Client, stranger: User, host: GitHost
    ) -> None:
        host.add("malice", {"requirements.txt": "malice\n"})
        environment = publish(stranger, recipe(host.url("statistics"), visibility="everyone"), now=timezone.now())
        question = page.post(f"{PAGE}{environment.slug}/launch/")
        catalog.edit(environment, recipe(host.url("malice"), visibility="everyone"), now=timezone.now())

        response = page.post(f"{PAGE}{environment.slug}/launch/", {"proposal": question.context["proposal"]})

        assert response.status_code == 200
        assert "malice" in response.content.decode()
        assert not NotebookServer.objects.exists()

    def test_launch_exactly_the_version_that_was_shown(self, page: Client, stranger: User, host: GitHost) -> None:
        environment = publish(stranger, recipe(host.url("statistics"), visibility="everyone"), now=timezone.now())
        work()
        shown = fresh(environment).commit
        question = page.post(f"{PAGE}{environment.slug}/launch/")
        Environment.objects.update(commit="9" * 40)

        page.post(f"{PAGE}{environment.slug}/launch/", {"proposal": question.context["proposal"]})

        assert NotebookServer.objects.get().commit == shown

    def test_lead_back_to_the_server_one_has_without_asking(self, page: Client, stranger: User, host: GitHost) -> None:
        environment = publish(stranger, recipe(host.url("statistics"), visibility="everyone"), now=timezone.now())
        address = f"{PAGE}{environment.slug}/launch/"
        page.post(address, {"proposal": page.post(address).context["proposal"]})

        response = page.post(address)

        assert response["Location"].startswith(f"/servers/{NotebookServer.objects.get().pk}/")
        assert fresh(environment).launch_count == 1

    def test_compare_with_a_server_that_is_something_else(
        self, page: Client, student: User, teacher: User, host: GitHost
    ) -> None:
        environment = publish(teacher, recipe(host.url("statistics"), visibility="everyone"), now=timezone.now())
        page.post(f"{PAGE}{environment.slug}/launch/")
        Environment.objects.update(memory_mb=512)

        response = page.post(f"{PAGE}{environment.slug}/launch/")

        assert response.status_code == 409
        assert "What changes" in response.content.decode()

    def test_say_on_its_page_why_it_cannot_be_launched(self, page: Client, host: GitHost) -> None:
        environment = EnvironmentFactory.create(provider="git", repository=host.url("gone"))

        response = page.post(f"{PAGE}{environment.slug}/launch/", follow=True)

        assert "There is no repository at" in response.content.decode()
        assert fresh(environment).launch_count == 0

    def test_find_none_of_somebody_elses(self, page: Client, stranger: User) -> None:
        environment = EnvironmentFactory.create(owner=stranger, visibility=Visibility.PRIVATE)

        assert page.post(f"{PAGE}{environment.slug}/launch/").status_code == 404


@pytest.mark.usefixtures("fake_backends")
class TestPublish:
    """Into the catalog."""

    def test_publish_a_repository(self, page: Client, student: User, host: GitHost) -> None:
        said = form_of(
            host.url("statistics"),
            description="One\r\ntwo",
            tags="R, First term,,",
            path="a.ipynb",
            memory="512",
            mounts="data:input:ro",
            rebuild="weekly",
        )

        response = page.post(f"{PAGE}new/", said)

        environment = Environment.objects.get()
        assert response["Location"] == "/environments/statistics/"
        assert (environment.owner, environment.description, environment.rebuild) == (
            student,
            "One\ntwo",
            Rebuild.WEEKLY,
        )
        assert [tag.name for tag in environment.tags.all()] == ["R", "First term"]
        assert (environment.urlpath, environment.memory_mb) == ("lab/tree/a.ipynb", 512)
        assert environment.mounts == "data:input:ro"
        assert Build.objects.count() == 1

    def test_publish_one_of_my_servers(self, page: Client, student: User) -> None:
        build = BuildFactory.create(state=Build.State.SUCCEEDED, finished_at=timezone.now())
        server = NotebookServerFactory.create(owner=student, build=build, image_key=build.image_key, urlpath="lab")

        form = page.get(f"{PAGE}new/?server={server.pk}").context["form"]
        said = {name: form[name].value() or "" for name in form.fields} | {"title": "Mine"}
        page.post(f"{PAGE}new/?server={server.pk}", said)

        environment = Environment.objects.get()
        assert (environment.title, environment.reference) == ("Mine", server.reference)
        assert (environment.commit, environment.has_image) == (server.commit, True)

    @pytest.mark.parametrize("server_id", ["nonsense", "00000000-0000-4000-8000-000000000000"])
    def test_publish_no_server_there_is_not(self, page: Client, server_id: str) -> None:
        assert page.get(f"{PAGE}new/?server={server_id}").status_code == 404

    def test_publish_nobody_elses_server(self, page: Client, stranger: User) -> None:
        server = NotebookServerFactory.create(owner=stranger)

        assert page.get(f"{PAGE}new/?server={server.pk}").status_code == 404

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"title": ""}, "title"),
            ({"title": "x" * 121}, "title"),
            ({"title": "x\x00"}, "title"),
            ({"description": "x" * 2001}, "description"),
            ({"tags": "tag," * 2500}, "tags"),
            ({"tags": "x" * 10_000}, "tags"),
            ({"tags": ",".join(map(str, range(11)))}, "tags"),
            ({"tags": "!?"}, "tags"),
            ({"repository": "file:///etc"}, "repository"),
            ({"ref": "-x"}, "ref"),
            ({"path": "../../etc"}, "path"),
            ({"visibility": "a class"}, "visibility"),
            ({"rebuild": "hourly"}, "rebuild"),
            ({"memory": "-1"}, "memory"),
            ({"cpus": "nan"}, "cpus"),
            ({"mounts": "Not A Name"}, "mounts"),
            ({"mounts": "data:../../etc"}, "mounts"),
            ({"mounts": "\n".join(f"data-{n}" for n in range(21))}, "mounts"),
        ],
    )
    def test_explain_at_the_field_that_is_wrong(self, page: Client, change: dict[str, str], field: str) -> None:
        response = page.post(f"{PAGE}new/", form_of("gh/owner/name") | change)

        assert response.status_code == 422
        assert set(response.context["form"].errors) == {field}
        assert not Environment.objects.exists()

    def test_explain_a_repository_that_is_not_there(self, page: Client, host: GitHost) -> None:
        response = page.post(f"{PAGE}new/", form_of(host.url("nowhere"), tags="kept"))

        assert response.status_code == 422
        assert "There is no repository at" in response.content.decode()
        assert 'value="kept"' in response.content.decode()

    def test_warn_that_others_need_a_token_of_their_own(self, page: Client, student: User) -> None:
        environment = EnvironmentFactory.create(owner=student, is_private=True)
        said = form_of(f"gh/{environment.repository}")

        response = page.post(f"{PAGE}{environment.slug}/edit/", said, follow=True)

        assert "need a token of their own" in response.content.decode()


@pytest.mark.usefixtures("fake_backends")
class TestChange:
    """What its owner does with it."""

    def test_edit_shows_what_it_is_and_saves_the_same(self, page: Client, student: User, host: GitHost) -> None:
        said = recipe(host.url("statistics"), tags=("a", "b"), urlpath="lab/tree/a.ipynb", description="x\n\ny")
        environment = publish(student, said, now=timezone.now())

        form = page.get(f"{PAGE}{environment.slug}/edit/").context["form"]
        page.post(f"{PAGE}{environment.slug}/edit/", {name: form[name].value() or "" for name in form.fields})

        assert recipe_of(fresh(environment)) == said

    def test_edit_what_is_taken_out_in_the_same_moment_is_not_found(
        self, page: Client, student: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        environment = EnvironmentFactory.create(owner=student)
        path = f"{PAGE}{environment.slug}/edit/"
        form = page.get(path).context["form"]
        fields = {name: form[name].value() or "" for name in form.fields}
        monkeypatch.setattr(catalog, "edit", after_deletion(catalog.edit))

        assert page.post(path, fields).status_code == 404

    @pytest.mark.parametrize("action", ["edit", "rebuild", "delete"])
    def test_change_nothing_of_somebody_elses(self, page: Client, stranger: User, action: str) -> None:
        environment = EnvironmentFactory.create(owner=stranger)

        assert page.post(f"{PAGE}{environment.slug}/{action}/").status_code == 403

    def test_fork_leads_to_the_copy(self, page: Client, student: User, stranger: User) -> None:
        environment = EnvironmentFactory.create(owner=stranger)

        response = page.post(f"{PAGE}{environment.slug}/fork/")

        copy = Environment.objects.get(owner=student)
        assert response["Location"] == f"{PAGE}{copy.slug}/edit/"
        assert copy.forked_from == environment

    def test_fork_nothing_that_cannot_be_seen(self, page: Client, stranger: User) -> None:
        environment = EnvironmentFactory.create(owner=stranger, visibility=Visibility.PRIVATE)

        assert page.post(f"{PAGE}{environment.slug}/fork/").status_code == 404

    def test_rebuild_at_once(self, page: Client, student: User, host: GitHost) -> None:
        environment = EnvironmentFactory.create(owner=student, provider="git", repository=host.url("statistics"))

        page.post(f"{PAGE}{environment.slug}/rebuild/")
        work()

        assert fresh(environment).has_image

    def test_say_why_it_cannot_be_rebuilt(self, page: Client, student: User, host: GitHost) -> None:
        environment = EnvironmentFactory.create(owner=student, provider="git", repository=host.url("gone"))

        response = page.post(f"{PAGE}{environment.slug}/rebuild/", follow=True)

        assert "There is no repository at" in response.content.decode()

    def test_delete_on_the_second_word(self, page: Client, student: User) -> None:
        environment = EnvironmentFactory.create(owner=student)

        page.get(f"{PAGE}{environment.slug}/delete/")
        assert Environment.objects.exists()

        page.post(f"{PAGE}{environment.slug}/delete/")
        assert not Environment.objects.exists()


def test_home_shows_the_six_most_used(page: Client) -> None:
    for count in range(8):
        EnvironmentFactory.create(title=f"Used {count} times", launch_count=count)

    text = page.get("/").content.decode()

    assert [f"Used {count} times" in text for count in range(8)] == [False] * 2 + [True] * 6
    assert f'href="{PAGE}"' in text
