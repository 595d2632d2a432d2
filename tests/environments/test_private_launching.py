"""Private repositories launched with a person's own token: theirs alone, from the first question to the last line."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from urllib.parse import quote

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from environments import backends, builds
from environments.builders.fake import FakeBuilder
from environments.errors import EnvironmentsError
from environments.git_credentials import keep_credential, remove_credential
from environments.launching import launch
from environments.models import Build, BuildLogLine, GitCredential, NotebookServer
from environments.references import parse
from environments.references.credentials import spellings_of
from environments.servers import carry_out_build, start_server
from environments.starting import carry_out_start
from environments.values import BuildEvent, BuildPhase, BuildRequest, Credential, LaunchSpec
from tests.environments.api_client import BUILDS, program_of
from tests.factories import BuildFactory, NotebookServerFactory
from tests.fakes.git_host import GitHost

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

TOKEN = "correct-horse-battery"


class TalkativeBuilder(FakeBuilder):
    """Prints what it was given to fetch with, in every spelling."""

    def work(self, request: BuildRequest) -> Generator[BuildEvent, None, None]:
        for spelling in spellings_of(request.credential):
            yield BuildEvent(BuildPhase.FETCHING, f"fatal: {spelling} is no good")


@pytest.fixture
def host(settings: Settings) -> Iterator[GitHost]:
    """A git host with a public repository and one that asks for ada's token."""
    with GitHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        for name in ("public", "private"):
            host.add(name, {"requirements.txt": ""})
        host.make_private("private", username="ada", password=TOKEN)
        yield host


def keep(person: User, host: GitHost, now: datetime, *, password: str = TOKEN) -> GitCredential:
    """Have this person's token for the host kept."""
    return keep_credential(person, address=host.base_url, username="ada", password=password, now=now)


def launched(person: User, host: GitHost, now: datetime, *, repository: str = "private") -> NotebookServer:
    """A server of this person, made from a repository of the host."""
    return launch(person, LaunchSpec(parse(host.url(repository))), now=now)


def build_of(server: NotebookServer) -> Build:
    """The build it waits or waited for, as it is now."""
    server.refresh_from_db()
    assert server.build is not None
    return Build.objects.get(pk=server.build.pk)


def requests() -> list[BuildRequest]:
    """What the builder was asked to make."""
    builder = backends.builder()
    assert isinstance(builder, FakeBuilder)
    return builder.requests


# --- Launching -----------------------------------------------------------------------------------------------


def test_launch_builds_with_ones_own_token(host: GitHost, student: User, now: datetime) -> None:
    keep(student, host, now)

    server = launched(student, host, now)
    carry_out_build(build_of(server))

    assert (server.is_private, build_of(server).is_private) == (True, True)
    assert build_of(server).state == Build.State.SUCCEEDED
    assert [request.credential for request in requests()] == [Credential(host.base_url, "ada", TOKEN)]


def test_launch_builds_what_is_public_without_a_token(host: GitHost, student: User, now: datetime) -> None:
    keep(student, host, now)

    server = launched(student, host, now, repository="public")
    carry_out_build(build_of(server))

    assert (server.is_private, build_of(server).is_private) == (False, False)
    assert [request.credential for request in requests()] == [None]


@pytest.mark.parametrize(("password", "code"), [("wrong", "credential_refused"), ("", "repository_not_found")])
def test_launch_refused_leaves_nothing(host: GitHost, student: User, now: datetime, password: str, code: str) -> None:
    if password:
        keep(student, host, now, password=password)

    with pytest.raises(EnvironmentsError) as refusal:
        launched(student, host, now)

    assert (refusal.value.code, refusal.value.status) == (code, 422)
    assert not NotebookServer.objects.exists()
    assert not Build.objects.exists()


def test_launch_form_says_what_a_private_repository_needs(host: GitHost, student: User, client: Client) -> None:
    client.force_login(student)

    page = client.post("/", {"repository": host.url("private")}).content.decode()

    assert "under “Private repositories”" in page
    assert f'href="/account/repositories/new/?address={quote(host.url("private"), safe="")}"' in page


def test_launch_form_offers_no_token_for_what_none_can_help(host: GitHost, student: User, client: Client) -> None:
    client.force_login(student)

    page = client.post("/", {"repository": host.url("public"), "ref": "nothing"}).content.decode()

    assert "/account/repositories/" not in page


def test_launch_by_somebody_else_finds_nothing(host: GitHost, student: User, stranger: User, now: datetime) -> None:
    keep(student, host, now)
    carry_out_build(build_of(launched(student, host, now)))

    with pytest.raises(EnvironmentsError, match="repository_not_found"):
        launched(stranger, host, now)


def test_launch_by_somebody_else_with_a_token_shares_nothing(
    host: GitHost, student: User, stranger: User, now: datetime
) -> None:
    for person in (student, stranger):
        keep(person, host, now)

    servers = [launched(person, host, now) for person in (student, stranger)]

    assert servers[0].commit == servers[1].commit
    assert servers[0].image_key != servers[1].image_key
    assert [build_of(server).requested_by for server in servers] == [student, stranger]


# --- Building ----------------------------------------------------------------------------------------------


def test_build_fails_when_the_token_was_removed_meanwhile(host: GitHost, student: User, now: datetime) -> None:
    kept = keep(student, host, now)
    server = launched(student, host, now)
    remove_credential(kept)

    carry_out_build(build_of(server))

    assert requests() == []
    assert build_of(server).failure_code == "credential_missing"
    assert (server.state, server.failure_code) == (NotebookServer.State.FAILED, "credential_missing")
    assert server.failure is not None
    assert host.address in server.failure.sentence


def test_build_fails_when_nobody_asks_for_it_any_more(now: datetime) -> None:
    build = BuildFactory.create(is_private=True, requested_by=None)

    carry_out_build(build)

    build.refresh_from_db()
    assert build.failure_code == "credential_missing"


def test_build_fails_when_the_key_was_changed(host: GitHost, student: User, settings: Settings, now: datetime) -> None:
    keep(student, host, now)
    server = launched(student, host, now)
    settings.SECRET_KEY = "another" * 10

    carry_out_build(build_of(server))

    assert build_of(server).failure_code == "credential_unreadable"


def test_build_needs_no_token_for_what_was_made_meanwhile(host: GitHost, student: User, now: datetime) -> None:
    kept = keep(student, host, now)
    server = launched(student, host, now)
    list(backends.builder().build(BuildRequest("other", server.image_key, server.resolved, 60)))
    remove_credential(kept)

    carry_out_build(build_of(server))

    assert build_of(server).state == Build.State.SUCCEEDED


def test_build_again_uses_the_token_again(host: GitHost, student: User, now: datetime) -> None:
    keep(student, host, now)
    server = launched(student, host, now)
    carry_out_build(build_of(server))
    backends.builder().discard(server.image_key)
    NotebookServer.objects.update(state=NotebookServer.State.STOPPED)
    server.refresh_from_db()

    start_server(server, now=now)
    carry_out_start(server)
    carry_out_build(build_of(server))

    assert [request.credential is not None for request in requests()] == [True, True]
    assert {request.image_key for request in requests()} == {server.image_key}


def test_build_writes_the_token_into_no_line(
    use_backends: Callable[..., None], host: GitHost, student: User, now: datetime
) -> None:
    use_backends(builder=TalkativeBuilder)
    keep(student, host, now)

    server = launched(student, host, now)
    carry_out_build(build_of(server))

    lines = [line.text for line in builds.log_after(build_of(server), 0)]
    spellings = spellings_of(Credential(host.base_url, "ada", TOKEN))
    assert lines.count("fatal: [hidden] is no good") == len(spellings)
    assert not [line for line in lines for spelling in spellings if spelling in line]


# --- Seeing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_server", [True, False])
def test_private_build_is_for_whoever_asked_for_it_alone(student: User, stranger: User, has_server: bool) -> None:
    build = BuildFactory.create(is_private=True, requested_by=student)
    if has_server:
        NotebookServerFactory.create(owner=stranger, build=build)

    assert Build.objects.visible_to(student).get() == build
    assert not Build.objects.visible_to(stranger).exists()


def test_private_build_log_is_for_whoever_asked_for_it_alone(student: User, stranger: User) -> None:
    build = BuildFactory.create(is_private=True, requested_by=student)
    BuildLogLine.objects.create(build=build, sequence=1, phase="building", text="hello")

    answers = [program_of(person).get(f"{BUILDS}{build.pk}/log/") for person in (student, stranger)]

    assert [answer.status_code for answer in answers] == [200, 404]
    assert "hello" not in answers[1].content.decode()
