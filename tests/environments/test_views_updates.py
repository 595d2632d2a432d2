"""What a server's page says of its version, and the buttons that change it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import strip_tags
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from environments.following import version_of, view_of
from environments.launching import launch
from environments.models import Build, BuildLogLine, NotebookServer, Update
from environments.references import parse
from environments.values import LaunchSpec
from environments.views.versions import Pair, merge_of
from tests.factories import BuildFactory, NotebookServerFactory, running_server, update_of
from tests.fakes.git_host import GitHost

pytestmark = pytest.mark.usefixtures("fake_backends")

State = NotebookServer.State
HTMX = {"HX-Request": "true"}
BEFORE = {
    "previous_provider": "gh",
    "previous_repository": "carrel-tests/example",
    "previous_repository_url": "https://github.com/carrel-tests/example",
    "previous_commit": "0" * 40,
    "previous_image_key": "0" * 64,
}


@pytest.fixture
def page(client: Client, student: User) -> Client:
    client.force_login(student)
    return client


@pytest.fixture
def host(settings: Settings) -> Iterator[GitHost]:
    """A git host with one repository called statistics."""
    with GitHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        host.add("statistics", {"requirements.txt": ""})
        yield host


@pytest.fixture
def launched(host: GitHost, student: User, now: datetime) -> NotebookServer:
    """The student's server, asleep, of the commit there is."""
    server = launch(student, LaunchSpec(parse(host.url("statistics"), ref="main")), now=now)
    NotebookServer.objects.update(state=State.STOPPED)
    return server


def text_of(page: Client, server: NotebookServer) -> str:
    """What a reader sees of the part that changes."""
    content = page.get(f"/servers/{server.pk}/", headers=HTMX).content.decode()
    return " ".join(unescape(strip_tags(content)).split())


def buttons_of(page: Client, server: NotebookServer) -> set[str]:
    """The buttons about versions that are there, by their ids."""
    content = page.get(f"/servers/{server.pk}/", headers=HTMX).content.decode()
    ids = {"look-for-update", "update-server", "update-again", "cancel-update", "roll-back"}
    return ids & set(re.findall(r'id="([\w-]+)"', content))


def merge_report(**kinds: list[str]) -> dict[str, Any]:
    """A report that names these files."""
    names = ("added", "replaced", "deleted", "kept", "beside")
    counted = {kind: {"count": len(kinds.get(kind, [])), "names": kinds.get(kind, [])} for kind in names}
    return {**counted, "targets": [f"{name}.new" for name in kinds.get("beside", [])]}


# --- What is said


@pytest.mark.parametrize(
    ("fields", "words", "buttons"),
    [
        ({"ref": "main"}, "Made from main at 1111111, 3 days ago.", {"look-for-update"}),
        ({"ref": ""}, "Made from the newest version, 1111111, 3 days ago.", {"look-for-update"}),
        ({"ref": "1" * 40}, "Made from the fixed version 1111111, 3 days ago.", set()),
        ({"newest_commit": "1" * 40, "ref": "main"}, "There was nothing newer just now.", {"look-for-update"}),
        ({"newest_commit": "2" * 40, "ref": "main"}, "By now main is at 2222222.", {"update-server"}),
        ({"newest_commit": "2" * 40, "ref": ""}, "By now the repository is at 2222222.", {"update-server"}),
        (
            {"newest_commit": "2" * 40, "ref": ""},
            "Made from 1111111, 3 days ago. There is a newer version",
            {"update-server"},
        ),
        ({"is_rolled_back": True}, "Went back to 1111111, 3 days ago.", {"look-for-update"}),
        (BEFORE, "made from 0000000 again", {"look-for-update", "roll-back"}),
    ],
)
def test_say_which_version_it_is_and_what_can_be_done(
    page: Client, student: User, fields: dict[str, Any], words: str, buttons: set[str]
) -> None:
    now = timezone.now()
    server = running_server(owner=student, version_since=now - timedelta(days=3), looked_at=now, **fields)

    assert words in text_of(page, server)
    assert buttons_of(page, server) == buttons


def test_say_nothing_of_having_looked_before_the_update(page: Client, student: User) -> None:
    now = timezone.now()
    server = running_server(
        owner=student, version_since=now, looked_at=now - timedelta(minutes=9), newest_commit="1" * 40
    )

    assert "nothing newer" not in text_of(page, server)


@pytest.mark.parametrize(
    ("state", "words"),
    [(State.RUNNING, "Save your notebooks before"), (State.STOPPED, "when you start your server the next time")],
)
def test_say_what_an_update_would_do(page: Client, student: User, state: str, words: str) -> None:
    server = NotebookServerFactory.create(owner=student, state=state, newest_commit="2" * 40)

    text = text_of(page, server)

    assert words in text
    assert "Those you have changed stay as they are" in text


@pytest.mark.parametrize(
    ("state", "fields", "words", "buttons"),
    [
        (State.RUNNING, {}, "The new version, 2222222, is being prepared. Your server goes on", {"cancel-update"}),
        (State.STOPPED, {}, "and has it at its next start", {"cancel-update"}),
        (State.RUNNING, {"commit": "1" * 40, "memory_mb": 512}, "The change is being prepared.", {"cancel-update"}),
        (State.RUNNING, {"commit": "1" * 40, "memory_mb": 512}, "Memorythe usual →becomes 512.0 MB", {"cancel-update"}),
        (State.RUNNING, {"is_rollback": True}, "The version before, 2222222, is being prepared", {"cancel-update"}),
        (State.STOPPING, {"was_running": True}, "Your server is stopped, and then started anew", set()),
    ],
)
def test_say_how_far_an_update_has_come(
    page: Client, student: User, state: str, fields: dict[str, Any], words: str, buttons: set[str]
) -> None:
    server = NotebookServerFactory.create(owner=student, state=state, **BEFORE)
    update_of(server, build=BuildFactory.create(state=Build.State.BUILDING), **fields)

    assert words in text_of(page, server)
    assert buttons_of(page, server) == buttons


def test_say_what_else_changes(page: Client, student: User) -> None:
    server = running_server(owner=student)
    update_of(server, ref="v2", memory_mb=2048)

    text = text_of(page, server)

    assert "Versionthe newest →becomes v2" in text
    assert "Memorythe usual →becomes 2.0 GB" in text


def test_say_nothing_of_changes_where_it_is_only_the_commit(page: Client, student: User) -> None:
    server = running_server(owner=student)
    update_of(server)

    assert "becomes" not in text_of(page, server)


def test_say_how_many_wait_before_an_update(page: Client, student: User) -> None:
    BuildFactory.create()
    server = running_server(owner=student)
    update_of(server, build=BuildFactory.create())

    assert "You are number 2 in the queue." in text_of(page, server)


def test_say_why_the_new_version_could_not_be_prepared(page: Client, student: User) -> None:
    server = running_server(owner=student, **BEFORE)
    update_of(server, failure_code="package_not_found", failure_facts={"package": "<nympy>"})

    text = text_of(page, server)

    assert "could not be prepared, so your server stays as it is." in text
    assert "the package <nympy>" in text
    assert buttons_of(page, server) == {"update-again", "cancel-update"}


def test_offer_nothing_about_a_failed_update_while_the_server_is_on_its_way(page: Client, student: User) -> None:
    server = NotebookServerFactory.create(owner=student, state=State.STARTING)
    update_of(server, failure_code="build_failed")

    assert buttons_of(page, server) == set()


def test_say_what_became_of_the_files(page: Client, student: User) -> None:
    report = merge_report(added=["a", "b", "c"], replaced=["d", "e"], beside=["<b>lesson2</b>.ipynb"])
    server = running_server(owner=student, merge_report=report)

    text = text_of(page, server)

    assert "3 files added, 2 files brought up to date." in text
    assert "You had changed <b>lesson2</b>.ipynb: yours is untouched" in text
    assert "beside it as <b>lesson2</b>.ipynb.new." in text


@pytest.mark.parametrize(("days", "is_open"), [(0, True), (2, False)])
def test_say_for_a_day_what_became_of_the_files_without_being_asked(
    page: Client, student: User, days: int, is_open: bool
) -> None:
    since = timezone.now() - timedelta(days=days)
    server = running_server(owner=student, merge_report=merge_report(added=["a"]), version_since=since)

    content = page.get(f"/servers/{server.pk}/").content.decode()

    assert ('id="merge" open' in content) is is_open


def test_say_why_the_files_could_not_be_brought_up_to_date(page: Client, student: User) -> None:
    server = running_server(owner=student, merge_report={"failure_code": "refresh_failed", "failure_facts": {}})

    assert "It is tried again at the next start." in text_of(page, server)


def test_say_that_files_are_being_brought_up_to_date(page: Client, student: User) -> None:
    server = NotebookServerFactory.create(owner=student, state=State.STARTING, files_image_key="0" * 64)

    assert "Bringing your files up to the new version." in text_of(page, server)


def test_say_nothing_of_versions_during_a_launch(page: Client, student: User) -> None:
    server = NotebookServerFactory.create(owner=student, state=State.STARTING)

    assert "Made from" not in text_of(page, server)


def test_offer_no_way_back_while_the_server_stops(page: Client, student: User) -> None:
    server = NotebookServerFactory.create(owner=student, state=State.STOPPING, **BEFORE)

    assert "roll-back" not in buttons_of(page, server)


def test_offer_the_way_back_at_once_when_the_new_version_does_not_start(page: Client, student: User) -> None:
    server = NotebookServerFactory.create(owner=student, state=State.FAILED, failure_code="start_failed", **BEFORE)

    content = page.get(f"/servers/{server.pk}/").content.decode()

    assert 'id="version-before" open' in content


def test_show_the_log_of_the_update_that_is_being_prepared(page: Client, student: User) -> None:
    old, new = BuildFactory.create(state=Build.State.SUCCEEDED), BuildFactory.create(state=Build.State.BUILDING)
    BuildLogLine.objects.create(build=new, sequence=1, phase="building", text="Collecting pandas")
    server = running_server(owner=student, build=old)
    update_of(server, build=new)

    content = page.get(f"/servers/{server.pk}/").content.decode()
    view = view_of(str(server.pk), user=student, build_id=None, after=0)

    assert f'data-build="{new.pk}"' in content
    assert view is not None
    assert (view.build_id, [line.text for line in view.lines]) == (str(new.pk), ["Collecting pandas"])


def test_reload_without_scripts_while_an_update_is_being_prepared(page: Client, student: User) -> None:
    preparing, failed = running_server(owner=student), running_server(owner=student)
    update_of(preparing)
    update_of(failed, failure_code="build_failed")

    texts = [page.get(f"/servers/{server.pk}/").content.decode() for server in (preparing, failed)]

    assert ['http-equiv="refresh"' in text for text in texts] == [True, False]


def test_version_changes_with_everything_that_is_said_of_updates(student: User) -> None:
    server = running_server(owner=student)
    versions = [version_of(server)]

    def note(**columns: Any) -> None:
        NotebookServer.objects.filter(pk=server.pk).update(**columns)
        versions.append(version_of(NotebookServer.objects.get(pk=server.pk)))

    note(looked_at=timezone.now())
    note(newest_commit="2" * 40)
    update = update_of(server)
    note()
    Update.objects.filter(pk=update.pk).update(was_running=True)
    note()
    Update.objects.filter(pk=update.pk).update(failure_code="build_failed")
    note()
    note(pending_update=None, commit="2" * 40)
    note(version_since=timezone.now())
    note(merge_report=merge_report(added=["a"]))

    assert len(set(versions)) == len(versions)


def test_query_as_often_with_an_update(
    page: Client, student: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    server = running_server(owner=student, **BEFORE, merge_report=merge_report(added=["a"]))
    update_of(server, build=BuildFactory.create(state=Build.State.BUILDING))

    # The session, the person, the server with all this, its mounts and whether there could be some,
    # what the files take and may, the log, its company, and who knocks.
    with django_assert_max_num_queries(12):
        page.get(f"/servers/{server.pk}/")


# --- What became of the files, in words


@pytest.mark.parametrize(
    ("report", "summary"),
    [
        (merge_report(added=["a"]), "1 file added."),
        (merge_report(replaced=["a"], deleted=["b", "c"]), "1 file brought up to date, 2 files removed."),
        (merge_report(), "No file of yours had to change."),
        (merge_report(beside=["a"]), ""),
        (merge_report(kept=["a"]), ""),
    ],
)
def test_summary_counts_what_there_is(report: dict[str, Any], summary: str) -> None:
    merge = merge_of(report)

    assert merge is not None
    assert merge.summary == summary


def test_pairs_are_the_first_few_and_the_rest_is_counted() -> None:
    merge = merge_of(merge_report(beside=[str(n) for n in range(7)]))

    assert merge is not None
    assert (merge.pairs[0], len(merge.pairs)) == (Pair("0", "0.new"), 5)
    assert merge.more == "And 2 more, with the new versions beside them in the same way."


def test_kept_files_are_counted() -> None:
    merge = merge_of(merge_report(kept=["a", "b"]))

    assert merge is not None
    assert merge.kept == "2 files that you had changed or deleted are left as they are."


# --- The buttons


def test_look_finds_what_is_there_now(page: Client, launched: NotebookServer, host: GitHost) -> None:
    host.commit("statistics", {"new.txt": "2"})

    response = page.post(f"/servers/{launched.pk}/look/", follow=True)

    assert "There is a newer version" in response.content.decode()
    assert response.redirect_chain == [(f"/servers/{launched.pk}/", 302)]


def test_look_explains_why_it_cannot(page: Client, launched: NotebookServer, host: GitHost) -> None:
    host.make_private("statistics")

    response = page.post(f"/servers/{launched.pk}/look/", follow=True, headers=HTMX)

    assert "There is no repository at" in response.content.decode()


def test_update_takes_the_newest_version_there_is_now(page: Client, launched: NotebookServer, host: GitHost) -> None:
    host.commit("statistics", {"new.txt": "2"})
    page.post(f"/servers/{launched.pk}/look/")
    commit = host.commit("statistics", {"new.txt": "3"})

    response = page.post(f"/servers/{launched.pk}/update/", follow=True)

    assert Update.objects.get().commit == commit
    assert "is being prepared" in response.content.decode()


def test_update_explains_why_it_cannot(page: Client, launched: NotebookServer, host: GitHost) -> None:
    host.commit("statistics", {"new.txt": "2"})
    NotebookServer.objects.update(state=State.STOPPING)

    response = page.post(f"/servers/{launched.pk}/update/", follow=True)

    assert "That is not possible while" in response.content.decode()
    assert not Update.objects.exists()


def test_cancel_stays_with_the_present_version(page: Client, student: User) -> None:
    server = running_server(owner=student)
    update_of(server)

    response = page.post(f"/servers/{server.pk}/update/cancel/")

    assert response["Location"] == f"/servers/{server.pk}/"
    assert not Update.objects.exists()


def test_roll_back_asks_for_the_version_before(page: Client, student: User) -> None:
    server = running_server(owner=student, **BEFORE)

    page.post(f"/servers/{server.pk}/roll-back/")

    update = Update.objects.get()
    assert (update.commit, update.is_rollback) == ("0" * 40, True)


def test_roll_back_explains_why_it_cannot(page: Client, student: User) -> None:
    server = running_server(owner=student)

    response = page.post(f"/servers/{server.pk}/roll-back/", follow=True)

    assert "There is no version before this one" in response.content.decode()


@pytest.mark.parametrize("action", ["look", "update", "update/cancel", "roll-back"])
def test_change_nothing_by_get(page: Client, student: User, action: str) -> None:
    server = running_server(owner=student)

    assert page.get(f"/servers/{server.pk}/{action}/").status_code == 405
