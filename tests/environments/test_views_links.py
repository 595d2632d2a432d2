"""Following a launch link: what is shown, what it takes to go on, and that nothing happens before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.test import Client, RequestFactory
from pytest_django import Settings

from accounts.models import User
from environments.consent import trust_repository
from environments.models import Build, NotebookServer, RepositoryTrust, Update, Volume
from environments.references import parse
from environments.views.links import launch_link
from tests.factories import NotebookServerFactory, SharedVolumeFactory, UserFactory, running_server
from tests.fakes.git_host import GitHost

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

State = NotebookServer.State
EDIT = re.compile(r'href="(/\?[^"]+#describe)"')
PROPOSAL = re.compile(r'name="proposal" value="([^"]+)"')


@pytest.fixture
def host(settings: Settings) -> Iterator[GitHost]:
    with GitHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        host.add("statistics", {"requirements.txt": "numpy\n"})
        yield host


@pytest.fixture
def page(client: Client, student: User) -> Client:
    cache.clear()
    client.force_login(student)
    return client


def link(host: GitHost, query: str = "", name: str = "statistics") -> str:
    return f"/v2/git/{quote(host.url(name), safe='')}/HEAD{query}"


def proposal_on(page: Client, address: str) -> str:
    match = PROPOSAL.search(page.get(address).content.decode())
    assert match
    return match[1]


def test_link_leads_a_stranger_through_sign_in_and_back(client: Client, host: GitHost) -> None:
    address = link(host, "?urlpath=lab/tree/a%20b.ipynb")

    response = client.get(address)

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/?next=/v2/git/")
    assert "urlpath%3Dlab/tree/a%2520b.ipynb" in response["Location"]


def test_link_survives_sign_in_letter_by_letter(host: GitHost, rf: RequestFactory) -> None:
    raw = link(host, "?labpath=a%2Fb.ipynb")
    request = rf.get(raw)
    request.user = AnonymousUser()
    request.scope = {"raw_path": raw.partition("?")[0].encode()}  # type: ignore[attr-defined]

    response = launch_link(request, spec="what a server has decoded")

    assert parse_qs(urlsplit(response["Location"]).query)["next"] == [raw]


def test_link_asks_before_anything_happens(page: Client, host: GitHost) -> None:
    commit = host.commit("statistics", {"a.ipynb": "{}"})

    response = page.get(link(host, "?urlpath=lab/tree/a.ipynb"))

    text = response.content.decode()
    assert response.status_code == 200
    assert host.url("statistics").removesuffix(".git") in text
    assert commit[:7] in text
    assert "lab/tree/a.ipynb" in text
    assert [model.objects.count() for model in (NotebookServer, Build, Volume)] == [0, 0, 0]


def test_word_launches_what_was_shown(page: Client, student: User, host: GitHost) -> None:
    shown = host.commit("statistics", {"a.ipynb": "{}"})
    proposal = proposal_on(page, link(host, "?server=mine&idle=30"))
    host.commit("statistics", {"requirements.txt": "numpy\nevil\n"})

    response = page.post("/launch/", {"proposal": proposal, "server": "other", "urlpath": "elsewhere"})

    server = NotebookServer.objects.get()
    assert response["Location"] == f"/servers/{server.pk}/?launching=1"
    assert (server.owner, server.name, server.idle_minutes, server.commit) == (student, "mine", 30, shown)


def test_word_given_twice_makes_one_server(page: Client, host: GitHost) -> None:
    proposal = proposal_on(page, link(host))

    answers = [page.post("/launch/", {"proposal": proposal}) for _ in range(2)]

    assert answers[0]["Location"] == answers[1]["Location"]
    assert NotebookServer.objects.count() == 1


def test_word_given_again_after_the_server_is_gone_does_nothing(page: Client, host: GitHost) -> None:
    proposal = proposal_on(page, link(host))
    page.post("/launch/", {"proposal": proposal})
    NotebookServer.objects.all().delete()

    response = page.post("/launch/", {"proposal": proposal})

    assert response.status_code == 409
    assert not NotebookServer.objects.exists()


def test_word_that_came_to_nothing_can_be_given_again(page: Client, student: User, host: GitHost) -> None:
    proposal = proposal_on(page, link(host, "?server=mine"))
    taken = NotebookServerFactory.create(owner=student, name="mine")
    refused = page.post("/launch/", {"proposal": proposal, "trust": "1"})
    NotebookServer.objects.filter(pk=taken.pk).delete()

    response = page.post("/launch/", {"proposal": proposal})

    assert (refused.status_code, response.status_code) == (409, 302)
    assert not RepositoryTrust.objects.exists()


def test_word_of_another_person_does_nothing(page: Client, host: GitHost, stranger: User) -> None:
    proposal = proposal_on(page, link(host))
    page.force_login(stranger)

    response = page.post("/launch/", {"proposal": proposal})

    assert response.status_code == 403
    assert not NotebookServer.objects.exists()


def test_trust_launches_without_asking_and_can_be_taken_back(page: Client, student: User, host: GitHost) -> None:
    page.post("/launch/", {"proposal": proposal_on(page, link(host, "?server=first")), "trust": "1"})

    trusted = page.get(link(host, "?server=second"))
    listing = page.get("/trusted-repositories/").content.decode()
    page.post(f"/trusted-repositories/{RepositoryTrust.objects.get().pk}/forget/")
    asked_again = page.get(link(host, "?server=third"))

    assert trusted.status_code == 302
    assert "statistics" in listing
    assert b"proposal" in asked_again.content
    assert set(NotebookServer.objects.values_list("name", flat=True)) == {"first", "second"}


def test_trust_of_another_cannot_be_taken_back(page: Client, stranger: User) -> None:
    trust_repository(stranger, parse("gh/a/b"))

    response = page.post(f"/trusted-repositories/{RepositoryTrust.objects.get().pk}/forget/")

    assert response.status_code == 404
    assert RepositoryTrust.objects.exists()


def test_link_leads_into_a_server_that_runs(page: Client, student: User, host: GitHost) -> None:
    reference = parse(host.url("statistics"))
    server = running_server(
        owner=student, name="mine", provider="git", repository=reference.repository, repository_url=host.url("x")
    )

    response = page.get(link(host, "?server=mine&urlpath=lab/tree/b.ipynb"))

    assert response["Location"] == f"/servers/{server.pk}/open/?by=form&next=lab%2Ftree%2Fb.ipynb"


def test_link_does_not_wake_a_server_that_sleeps(page: Client, student: User, host: GitHost) -> None:
    reference = parse(host.url("statistics"))
    server = NotebookServerFactory.create(owner=student, name="mine", provider="git", repository=reference.repository)

    response = page.get(link(host, "?server=mine"))

    server.refresh_from_db()
    assert response["Location"] == f"/servers/{server.pk}/"
    assert server.state == State.STOPPED


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/v2/git/file%3A%2F%2F%2Fetc/HEAD", 400),
        ("/v2/git/%2Fetc/HEAD", 400),
        ("/v2/gh/a/b/HEAD?memory=lots", 400),
        ("/v2/gh/a/b/HEAD?urlpath=../../x", 400),
        ("/v2/gh/a/b/HEAD?urlpath=https%3A%2F%2Fevil.example", 400),
        ("/v2/gh/a/b/HEAD?server=%FF", 400),
        ("/v2/git/http%3A%2F%2F10.0.0.1%2Fx/HEAD", 403),
        ("/v2/gh/a/b/HEAD?x=" + "y" * 9000, 414),
        ("/v2/nonsense/a", 400),
    ],
)
def test_link_that_means_nothing_says_so(page: Client, address: str, status: int) -> None:
    response = page.get(address)

    text = response.content.decode()
    assert response.status_code == status
    assert "Nothing was started" in text
    assert not NotebookServer.objects.exists()


def test_link_to_what_is_not_there_says_so(page: Client, host: GitHost) -> None:
    response = page.get(link(host, name="nowhere"))

    assert response.status_code == 422
    assert "There is no repository" in response.content.decode()


def test_link_to_a_host_that_is_down_says_so_on_a_page_that_arrives(page: Client, host: GitHost) -> None:
    address = link(host)
    host.stop()

    response = page.get(address)

    assert response.status_code == 422
    assert "did not answer" in response.content.decode()


def test_question_offers_to_change_something(page: Client, host: GitHost) -> None:
    text = page.get(link(host, "?server=mine")).content.decode()

    assert "/?repository=git%2F" in text
    assert "name=mine#describe" in text


@pytest.mark.parametrize("name", ["data", "nothing"])
def test_link_with_files_one_may_not_use_is_refused_before_the_question(
    page: Client, host: GitHost, stranger: User, name: str
) -> None:
    SharedVolumeFactory.create(owner=stranger, name="data")

    response = page.get(link(host, f"?mount={name}"))

    assert response.status_code == 403
    assert f"There are no shared files “{name}” that you may use." in response.content.decode()


@pytest.mark.parametrize("query", ["?credentials=1&collaborator=ada", "?public=1&credentials=1"])
def test_link_that_asks_for_what_cannot_be_together_is_refused_before_the_question(
    page: Client, host: GitHost, query: str
) -> None:
    UserFactory.create(username="ada")

    response = page.get(link(host, query))

    assert response.status_code in (400, 409)
    assert "This cannot be launched" in response.content.decode()


def test_question_says_all_that_the_server_would_take(page: Client, host: GitHost) -> None:
    text = page.get(link(host, "?memory=1536&cpus=1&idle=45&lifetime=300")).content.decode()

    facts = dict(zip(re.findall("<dt>(.*?)</dt>", text), re.findall("<dd>(.*?)</dd>", text), strict=True))
    assert {facts[name] for name in ("Memory", "Stops when nobody uses it for", "Stops in any case after")} == {
        "1.5\xa0GB",
        "45 minutes",
        "5 hours",
    }
    assert facts["Processors"] == "1"


def test_word_launches_with_the_shared_files_that_were_shown(page: Client, student: User, host: GitHost) -> None:
    shared = SharedVolumeFactory.create(owner=student, name="data")
    proposal = proposal_on(page, link(host, "?mount=data:input:ro"))

    page.post("/launch/", {"proposal": proposal})

    mount = NotebookServer.objects.get().mounts.get()
    assert (mount.volume, mount.path, mount.read_only) == (shared, "input", True)


def test_link_that_asks_for_other_files_shows_what_would_change(page: Client, student: User, host: GitHost) -> None:
    SharedVolumeFactory.create(owner=student, name="data")
    page.post("/launch/", {"proposal": proposal_on(page, link(host))})

    text = page.get(link(host, "?mount=data:input:ro")).content.decode()

    assert "Change “" in text
    assert "“data” in the folder input, to read" in text


def test_word_gives_a_server_the_files_that_were_shown(page: Client, student: User, host: GitHost) -> None:
    SharedVolumeFactory.create(owner=student, name="data")
    page.post("/launch/", {"proposal": proposal_on(page, link(host))})
    NotebookServer.objects.update(state=NotebookServer.State.STOPPED)
    proposal = proposal_on(page, link(host, "?mount=data"))

    page.post("/launch/", {"proposal": proposal, "choice": "update"})

    assert [wish.volume for wish in Update.objects.get().wishes] == ["data"]


def test_link_that_asks_for_files_one_may_not_use_changes_no_server(
    page: Client, stranger: User, host: GitHost
) -> None:
    SharedVolumeFactory.create(owner=stranger, name="data")
    page.post("/launch/", {"proposal": proposal_on(page, link(host))})

    assert page.get(link(host, "?mount=data")).status_code == 403


def test_change_something_keeps_all_that_the_link_says(page: Client, student: User, host: GitHost) -> None:
    SharedVolumeFactory.create(owner=student, name="data")
    UserFactory.create(username="ada")
    query = "?memory=1G&idle=30&mount=data:input:ro&collaborator=ada&server=mine"
    question = page.get(link(host, query)).content.decode()
    edit = EDIT.search(question)
    assert edit

    form = page.get(unescape(edit[1])).context["form"]

    values = {name: form[name].value() for name in ("name", "memory", "idle", "mounts", "collaborators")}
    assert values == {
        "name": "mine",
        "memory": "1024",
        "idle": "30",
        "mounts": ["data:input:ro"],
        "collaborators": "ada",
    }
