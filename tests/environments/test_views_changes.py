"""Asking for something else under a name one has: what is shown, and what comes of each answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import quote

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from environments.launching import launch
from environments.models import Build, NotebookServer, Update
from environments.references import parse
from environments.values import LaunchSpec, Limits
from tests.fakes.git_host import GitHost

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

State = NotebookServer.State
PROPOSAL = re.compile(r'name="proposal" value="([^"]+)"')


@pytest.fixture
def host(settings: Settings) -> Iterator[GitHost]:
    """A git host with two repositories."""
    with GitHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        host.add("statistics", {"requirements.txt": "numpy\n"})
        host.add("physics", {"requirements.txt": "scipy\n"})
        yield host


@pytest.fixture
def page(client: Client, student: User) -> Client:
    """The student's browser."""
    cache.clear()
    client.force_login(student)
    return client


@pytest.fixture
def mine(host: GitHost, student: User, now: datetime) -> NotebookServer:
    """The student's server “mine”, asleep, made from statistics."""
    launch(student, LaunchSpec(parse(host.url("statistics")), name="mine", limits=Limits(memory_mb=512)), now=now)
    NotebookServer.objects.update(state=State.STOPPED)
    return NotebookServer.objects.get()


def link(host: GitHost, name: str, query: str) -> str:
    return f"/v2/git/{quote(host.url(name), safe='')}/HEAD?server=mine&{query}"


def proposal_on(page: Client, address: str) -> str:
    match = PROPOSAL.search(page.get(address).content.decode())
    assert match
    return match[1]


def test_link_that_asks_for_more_shows_what_would_change(page: Client, host: GitHost, mine: NotebookServer) -> None:
    response = page.get(link(host, "statistics", "memory=1G&urlpath=lab/tree/a.ipynb"))

    text = response.content.decode()
    assert "512.0" in text
    assert "1.0" in text
    assert "In bad hands" not in text
    assert f"/servers/{mine.pk}/?next=lab" in text


@pytest.mark.parametrize(("query", "is_warned"), [("memory=1G", True), ("idle=45", False)])
def test_link_that_needs_another_start_says_so(
    page: Client, host: GitHost, mine: NotebookServer, query: str, is_warned: bool
) -> None:
    NotebookServer.objects.update(state=State.RUNNING)

    text = page.get(link(host, "statistics", query)).content.decode()

    assert ("Your server is started anew for this." in text) == is_warned


def test_update_to_another_repository_opens_what_the_link_says(
    page: Client, host: GitHost, mine: NotebookServer
) -> None:
    NotebookServer.objects.update(urlpath="lab/tree/old.ipynb")

    proposal = proposal_on(page, link(host, "physics", ""))
    page.post("/launch/", {"proposal": proposal, "choice": "update"})

    assert Update.objects.get().urlpath == ""


def test_link_to_another_repository_says_what_it_could_do(page: Client, host: GitHost, mine: NotebookServer) -> None:
    text = page.get(link(host, "physics", "")).content.decode()

    assert host.url("physics").removesuffix(".git").split("://")[1] in text
    assert "In bad hands" in text


def test_nothing_changes_before_the_answer(page: Client, host: GitHost, mine: NotebookServer) -> None:
    builds = Build.objects.count()

    page.get(link(host, "physics", "memory=2G"))

    mine.refresh_from_db()
    assert (mine.state, mine.memory_mb, mine.pending_update) == (State.STOPPED, 512, None)
    assert (NotebookServer.objects.count(), Build.objects.count()) == (1, builds)


def test_answer_updates_the_server_in_place(page: Client, host: GitHost, mine: NotebookServer) -> None:
    proposal = proposal_on(page, link(host, "physics", "memory=1G"))

    response = page.post("/launch/", {"proposal": proposal, "choice": "update"})

    mine.refresh_from_db()
    assert response["Location"] == f"/servers/{mine.pk}/"
    assert mine.pending_update is not None
    assert mine.pending_update.reference == parse(host.url("physics"))
    assert mine.pending_update.memory_mb == 1024
    assert NotebookServer.objects.count() == 1


def test_answer_updates_to_the_version_that_was_shown(page: Client, host: GitHost, mine: NotebookServer) -> None:
    shown = host.commit("physics", {"a.txt": "1"})
    proposal = proposal_on(page, link(host, "physics", ""))
    host.commit("physics", {"a.txt": "2"})

    page.post("/launch/", {"proposal": proposal, "choice": "update"})

    mine.refresh_from_db()
    assert mine.pending_update is not None
    assert mine.pending_update.commit == shown


def test_answer_launches_another_beside_it(page: Client, host: GitHost, mine: NotebookServer, student: User) -> None:
    proposal = proposal_on(page, link(host, "statistics", "memory=1G"))
    newest = host.commit("statistics", {"requirements.txt": "numpy<2\n"})

    response = page.post("/launch/", {"proposal": proposal, "choice": "another", "name": "mine-2"})

    mine.refresh_from_db()
    other = NotebookServer.objects.get(name="mine-2")
    assert response["Location"] == f"/servers/{other.pk}/?launching=1"
    assert (other.owner, other.memory_mb, other.commit) == (student, 1024, newest)
    assert (mine.memory_mb, mine.pending_update) == (512, None)


def test_answer_with_a_name_that_cannot_be_launches_nothing(page: Client, host: GitHost, mine: NotebookServer) -> None:
    proposal = proposal_on(page, link(host, "statistics", "memory=1G"))

    response = page.post("/launch/", {"proposal": proposal, "choice": "another", "name": "../x"})

    assert response.status_code == 400
    assert NotebookServer.objects.count() == 1


def test_answer_given_twice_makes_one_server(page: Client, host: GitHost, mine: NotebookServer) -> None:
    answer = {"proposal": proposal_on(page, link(host, "statistics", "memory=1G")), "choice": "another", "name": "two"}

    answers = [page.post("/launch/", answer) for _ in range(2)]

    assert answers[0]["Location"] == answers[1]["Location"]
    assert NotebookServer.objects.count() == 2


def test_word_about_a_new_server_updates_none(page: Client, host: GitHost, student: User, now: datetime) -> None:
    proposal = proposal_on(page, link(host, "physics", ""))
    launch(student, LaunchSpec(parse(host.url("statistics")), name="mine"), now=now)
    NotebookServer.objects.update(state=State.STOPPED)

    response = page.post("/launch/", {"proposal": proposal, "choice": "update"})

    assert response.status_code == 409
    assert NotebookServer.objects.get().pending_update is None


def test_word_about_the_server_of_another_updates_nothing(
    page: Client, host: GitHost, mine: NotebookServer, stranger: User
) -> None:
    proposal = proposal_on(page, link(host, "physics", ""))
    NotebookServer.objects.update(owner=stranger)

    response = page.post("/launch/", {"proposal": proposal, "choice": "update"})

    mine.refresh_from_db()
    assert response.status_code == 409
    assert mine.pending_update is None


def test_server_on_its_way_cannot_be_updated_and_says_so(page: Client, host: GitHost, mine: NotebookServer) -> None:
    NotebookServer.objects.update(state=State.STARTING)

    text = page.get(link(host, "statistics", "memory=1G")).content.decode()

    assert "update-in-place" not in text
    assert "just being started or stopped" in text


def test_form_shows_what_would_change(page: Client, host: GitHost, mine: NotebookServer) -> None:
    response = page.post("/", {"repository": host.url("physics"), "name": "mine", "ref": "", "path": ""})

    mine.refresh_from_db()
    assert response.status_code == 409
    assert "update-in-place" in response.content.decode()
    assert mine.pending_update is None
