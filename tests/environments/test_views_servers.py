"""One server's page, and its buttons."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.template import Context, Template
from django.test import Client
from django.utils import timezone
from django.utils.html import strip_tags
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from environments.following import View, version_of, view_of
from environments.models import Build, BuildLogLine, NotebookServer
from environments.views.stopping import Ending, ending_of
from tests.factories import BuildFactory, NotebookServerFactory, running_server

State = NotebookServer.State
HTMX = {"HX-Request": "true"}


@pytest.fixture
def page(client: Client, student: User) -> Client:
    client.force_login(student)
    return client


def log(build: Build, count: int) -> None:
    lines = [BuildLogLine(build=build, sequence=n, phase="building", text=f"line <{n}>") for n in range(1, count + 1)]
    BuildLogLine.objects.bulk_create(lines)


@pytest.mark.parametrize(
    ("state", "build_state", "words"),
    [
        (State.BUILDING, "queued", "Waiting for a free place to prepare"),
        (State.BUILDING, "fetching", "Fetching the files"),
        (State.BUILDING, "building", "The first time takes a few minutes"),
        (State.QUEUED, None, "Waiting for a free place to start"),
        (State.STARTING, "succeeded", "Starting your server"),
        (State.RUNNING, "succeeded", "Your server is ready"),
        (State.STOPPING, "succeeded", "Your files are kept"),
        (State.STOPPED, None, "Your server is asleep"),
    ],
)
def test_say_what_is_happening(page: Client, student: User, state: str, build_state: str | None, words: str) -> None:
    build = BuildFactory.create(state=build_state) if build_state else None
    server = NotebookServerFactory.create(owner=student, state=state, build=build)

    text = page.get(f"/servers/{server.pk}/").content.decode()

    assert words in text


@pytest.mark.parametrize(
    ("state", "code", "kind"),
    [(State.FAILED, "start_failed", "error"), (State.STOPPED, "mount_withdrawn", "warning")],
)
def test_say_why_it_is_not_running_as_loud_as_it_is_bad(
    page: Client, student: User, state: str, code: str, kind: str
) -> None:
    server = NotebookServerFactory.create(
        owner=student, state=state, failure_code=code, failure_facts={"name": "data", "path": "shared/data"}
    )

    text = page.get(f"/servers/{server.pk}/").content.decode()

    assert f'class="note note-{kind}"' in text


def test_say_how_many_wait_before(page: Client, student: User) -> None:
    BuildFactory.create(state="queued")
    server = NotebookServerFactory.create(owner=student, state=State.QUEUED, build=BuildFactory.create(state="queued"))

    text = page.get(f"/servers/{server.pk}/").content.decode()

    assert "You are number 2 in the queue." in text


def test_explain_failure_with_next_step_and_last_lines(page: Client, student: User) -> None:
    failure = {"failure_code": "package_not_found", "failure_facts": {"package": "<nympy>"}}
    build = BuildFactory.create(state="failed", **failure)
    log(build, 30)
    server = NotebookServerFactory.create(owner=student, state=State.FAILED, build=build, **failure)

    text = page.get(f"/servers/{server.pk}/", headers=HTMX).content.decode()

    assert "the package &lt;nympy&gt;" in text
    assert "Correct its name or version" in text
    assert "line &lt;30&gt;" in text
    assert "line &lt;18&gt;" not in text
    assert "Try again" in text


def test_show_the_end_of_the_servers_own_log_when_it_failed_to_start(page: Client, student: User) -> None:
    server = NotebookServerFactory.create(
        owner=student, state=State.FAILED, failure_code="start_failed", failure_log="ImportError: no module"
    )

    text = page.get(f"/servers/{server.pk}/").content.decode()

    assert "ImportError: no module" in text


def test_render_log_so_that_a_socket_can_go_on_after_it(page: Client, student: User) -> None:
    build = BuildFactory.create(state="building")
    log(build, 3)
    server = NotebookServerFactory.create(owner=student, state=State.BUILDING, build=build)

    text = page.get(f"/servers/{server.pk}/").content.decode()

    assert f'data-build="{build.pk}" data-after="3" open' in text
    assert "<span>line &lt;1&gt;</span><span>line &lt;2&gt;</span>" in text


def test_show_only_the_end_of_a_long_log(page: Client, student: User) -> None:
    build = BuildFactory.create(state="building")
    log(build, 700)
    server = NotebookServerFactory.create(owner=student, state=State.BUILDING, build=build)

    text = page.get(f"/servers/{server.pk}/").content.decode()

    assert text.count("<span>line ") == 500
    assert "Earlier lines are left out." in text


def test_answer_htmx_with_the_state_alone(page: Client, student: User) -> None:
    server = running_server(owner=student)

    text = page.get(f"/servers/{server.pk}/", headers=HTMX).content.decode()

    assert text.strip().startswith("<section")
    assert f'data-version="{version_of(server)}"' in text


def test_reload_without_scripts_only_while_something_changes(page: Client, student: User) -> None:
    on_the_way = NotebookServerFactory.create(
        owner=student, state=State.BUILDING, build=BuildFactory.create(state="building")
    )
    running = running_server(owner=student)

    texts = [page.get(f"/servers/{server.pk}/").content.decode() for server in (on_the_way, running)]

    assert ['http-equiv="refresh"' in text for text in texts] == [True, False]


def test_open_by_itself_only_for_somebody_who_launched(page: Client, student: User) -> None:
    server = running_server(owner=student)

    texts = [page.get(f"/servers/{server.pk}/{query}").content.decode() for query in ("?launching=1", "")]

    assert [f'data-auto-open="/servers/{server.pk}/open/"' in text for text in texts] == [True, False]


def test_keep_the_way_to_what_was_asked_for(page: Client, student: User) -> None:
    server = running_server(owner=student)

    text = page.get(f"/servers/{server.pk}/?next=lab/tree/a.ipynb").content.decode()

    assert f"/servers/{server.pk}/open/?next=lab%2Ftree%2Fa.ipynb" in text


@pytest.mark.parametrize("state", State.values)
def test_query_a_bounded_number_of_times(
    page: Client, student: User, state: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    build = BuildFactory.create(state="building" if state == State.BUILDING else "succeeded")
    log(build, 50)
    server = NotebookServerFactory.create(owner=student, state=state, build=build)

    with django_assert_max_num_queries(18):
        page.get(f"/servers/{server.pk}/")


def test_start_server_and_open_it_when_it_runs(page: Client, student: User, fake_backends: None) -> None:
    server = NotebookServerFactory.create(owner=student)

    response = page.post(f"/servers/{server.pk}/start/", {"next": "lab/tree/a b.ipynb"})

    server.refresh_from_db()
    assert response["Location"] == f"/servers/{server.pk}/?launching=1&next=lab%2Ftree%2Fa+b.ipynb"
    assert server.is_on_the_way


def test_explain_why_a_server_cannot_start_now(page: Client, student: User) -> None:
    server = NotebookServerFactory.create(owner=student, state=State.STOPPING)

    response = page.post(f"/servers/{server.pk}/start/", follow=True)

    assert "That is not possible while" in response.content.decode()


@pytest.mark.parametrize(("back", "expected"), [("home", "/"), ("", None), ("https://evil.example", None)])
def test_stop_server_and_go_back(page: Client, student: User, back: str, expected: str | None) -> None:
    server = running_server(owner=student)

    response = page.post(f"/servers/{server.pk}/stop/", {"back": back})

    server.refresh_from_db()
    assert response["Location"] == (expected or f"/servers/{server.pk}/")
    assert server.state == State.STOPPING


def test_ask_before_deleting_what_goes_and_what_stays(page: Client, student: User) -> None:
    server = NotebookServerFactory.create(owner=student)

    text = page.get(f"/servers/{server.pk}/delete/").content.decode()

    server.refresh_from_db()
    assert "Deleted:" in text
    assert "Kept:" in text
    assert server.deleted_at is None


def test_delete_server(page: Client, student: User) -> None:
    server = NotebookServerFactory.create(owner=student, name="old")

    response = page.post(f"/servers/{server.pk}/delete/", follow=True)

    server.refresh_from_db()
    assert server.deleted_at is not None
    assert "The server “old” is deleted." in response.content.decode()
    assert page.get(f"/servers/{server.pk}/").status_code == 404


def test_leave_build_and_with_it_the_queue(page: Client, student: User) -> None:
    build = BuildFactory.create(state="queued", requested_by=student)
    server = NotebookServerFactory.create(owner=student, state=State.QUEUED, build=build)

    response = page.post(f"/builds/{build.pk}/cancel/")

    server.refresh_from_db()
    assert response["Location"] == "/"
    assert server.state == State.STOPPED


@pytest.mark.parametrize(
    ("clock", "started", "words"),
    [
        ("14:00", {"idle_minutes": 65}, "Stops at 15:05 if nothing happens"),
        ("23:30", {"idle_minutes": 65}, "Stops tomorrow at 00:35 if nothing happens"),
        ("14:00", {"idle_minutes": 3 * 24 * 60}, "Stops on 5 March at 14:00 if nothing happens"),
        ("14:00", {"idle_minutes": 65, "lifetime_minutes": 30}, "Stops at 14:30, whatever happens in it."),
    ],
)
def test_tell_when_a_server_stops_in_the_readers_zone(
    student: User, clock: str, started: dict[str, int], words: str
) -> None:
    now = datetime.fromisoformat(f"2026-03-02T{clock}:00+09:00")
    server = running_server(started_at=now, last_activity_at=now, **started)
    ending = ending_of(server, now=now)
    assert ending is not None

    with timezone.override(ZoneInfo("Asia/Tokyo")):
        sentence = Template("{% load environments %}{% ending_sentence ending now %}").render(
            Context({"ending": ending, "now": now})
        )

    assert words in " ".join(strip_tags(sentence).split())


def test_tell_that_a_server_stops_now(now: datetime) -> None:
    ending = Ending(now, is_fixed=False, is_near=True)

    sentence = Template("{% load environments %}{% ending_sentence ending now %}").render(
        Context({"ending": ending, "now": now + timedelta(seconds=5)})
    )

    assert "Stops any moment now if nothing happens" in " ".join(strip_tags(sentence).split())


@pytest.mark.parametrize(("minutes", "is_near"), [(9, True), (11, False)])
def test_warn_before_a_server_stops(page: Client, student: User, minutes: int, is_near: bool) -> None:
    server = running_server(owner=student, idle_minutes=minutes)

    text = page.get(f"/servers/{server.pk}/").content.decode()

    assert ("ending-near" in text) is is_near


def test_keep_server_for_two_hours(page: Client, student: User) -> None:
    server = running_server(owner=student)

    response = page.post(f"/servers/{server.pk}/keep/", {"until": "2"})

    server.refresh_from_db()
    assert response["Location"] == f"/servers/{server.pk}/"
    assert server.keep_until is not None
    assert timedelta(minutes=119) < server.keep_until - timezone.now() <= timedelta(hours=2)


def test_keep_server_until_the_morning_of_the_reader(page: Client, student: User) -> None:
    User.objects.update(time_zone="Asia/Tokyo")
    server = running_server(owner=student)

    page.post(f"/servers/{server.pk}/keep/", {"until": "morning"})

    server.refresh_from_db()
    assert server.keep_until is not None
    assert server.keep_until.astimezone(ZoneInfo("Asia/Tokyo")).time() == time(8)


def test_keep_server_no_longer(page: Client, student: User) -> None:
    server = running_server(owner=student, keep_until=timezone.now() + timedelta(hours=5))
    offered = page.get(f"/servers/{server.pk}/").content.decode()

    page.post(f"/servers/{server.pk}/keep/", {"until": ""})

    server.refresh_from_db()
    assert "Take that back" in offered
    assert server.keep_until is None


def test_offer_nothing_against_the_end_of_a_lifetime(page: Client, student: User) -> None:
    server = running_server(owner=student, lifetime_minutes=30)

    text = page.get(f"/servers/{server.pk}/").content.decode()

    assert "That cannot be put off." in text
    assert 'name="until"' not in text


def test_offer_nothing_where_nothing_ends(page: Client, student: User, settings: Settings) -> None:
    settings.SERVER_IDLE_MINUTES = settings.SERVER_LIFETIME_MINUTES = 0
    server = running_server(owner=student)

    text = page.get(f"/servers/{server.pk}/").content.decode()

    assert "It runs until you stop it." in text
    assert 'name="until"' not in text


@pytest.mark.parametrize("until", ["3", "evening", "2030-01-01", "\x00"])
def test_keep_refuses_what_was_not_offered(page: Client, student: User, until: str) -> None:
    server = running_server(owner=student)

    response = page.post(f"/servers/{server.pk}/keep/", {"until": until})

    server.refresh_from_db()
    assert response.status_code == 400
    assert server.keep_until is None


def test_keep_explains_why_it_cannot(page: Client, student: User) -> None:
    server = NotebookServerFactory.create(owner=student)

    response = page.post(f"/servers/{server.pk}/keep/", {"until": "1"}, headers=HTMX, follow=True)

    text = response.content.decode()
    assert text.strip().startswith("<section")
    assert "That is not possible while" in text


def test_page_offers_no_keeping_where_the_site_has_none(page: Client, student: User, settings: Settings) -> None:
    settings.SERVER_KEEP_HOURS = 0
    server = running_server(owner=student, idle_minutes=60)

    text = page.get(f"/servers/{server.pk}/").content.decode()

    assert "if nothing happens in it until then" in text
    assert 'id="keep-server"' not in text


def test_open_page_is_told_of_the_warning(student: User) -> None:
    server = running_server(owner=student, idle_minutes=60)

    def seen() -> View:
        view = view_of(str(server.pk), user=student, build_id=None, after=0)
        assert view is not None
        return view

    before = seen()
    NotebookServer.objects.update(last_activity_at=timezone.now() - timedelta(minutes=51))

    assert seen().version != before.version


def test_version_changes_with_the_end_and_the_warning(student: User) -> None:
    now = timezone.now()
    server = running_server(owner=student, idle_minutes=60)

    versions = []
    for last_activity_at in (now, now - timedelta(minutes=2), now - timedelta(minutes=55)):
        server.last_activity_at = last_activity_at
        versions.append(version_of(server))

    assert len(set(versions)) == 3


@pytest.mark.parametrize("action", ["start", "stop", "keep"])
def test_change_nothing_by_get(page: Client, student: User, action: str) -> None:
    server = running_server(owner=student)

    assert page.get(f"/servers/{server.pk}/{action}/").status_code == 405


def test_change_nothing_without_a_csrf_token(student: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(student)
    server = running_server(owner=student)

    response = client.post(f"/servers/{server.pk}/stop/")

    server.refresh_from_db()
    assert response.status_code == 403
    assert server.state == State.RUNNING


@pytest.mark.parametrize(
    "query", [{"next": "x" * 5000}, {"launching": "<script>"}, {"next": "\x00\r\nSet-Cookie: a=b"}]
)
def test_survive_hostile_queries(page: Client, student: User, query: dict[str, Any]) -> None:
    server = running_server(owner=student)

    response = page.get(f"/servers/{server.pk}/", query)

    assert response.status_code == 200
    assert b"<script>" not in response.content


def test_find_no_server_that_does_not_exist(page: Client) -> None:
    assert page.get(f"/servers/{uuid4()}/").status_code == 404


def test_undelete_brings_a_server_back_to_the_list(client: Client, student: User) -> None:
    server = NotebookServerFactory.create(owner=student, name="calculus", deleted_at=timezone.now())
    client.force_login(student)

    offered = client.get("/").content.decode()
    client.post(f"/servers/{server.pk}/undelete/")

    assert "Bring back" in offered
    assert NotebookServer.objects.visible_to(student).get() == server


def test_undelete_is_nobody_elses(client: Client, student: User, stranger: User) -> None:
    server = NotebookServerFactory.create(owner=student, deleted_at=timezone.now())
    client.force_login(stranger)

    assert client.post(f"/servers/{server.pk}/undelete/").status_code == 404


def test_key_is_shown_and_taken_away(page: Client, student: User) -> None:
    server = running_server(owner=student, with_credentials=True)

    shown = page.get(f"/servers/{server.pk}/").content.decode()
    page.post(f"/servers/{server.pk}/key/drop/")

    server.refresh_from_db()
    assert "Take the key away" in shown
    assert (server.with_credentials, server.credentials_dropped_at) == (False, None)


def test_loss_of_the_key_is_told_until_it_was_read(page: Client, student: User, now: datetime) -> None:
    server = running_server(owner=student, credentials_dropped_at=now)

    told = page.get(f"/servers/{server.pk}/").content.decode()
    page.post(f"/servers/{server.pk}/key/drop/")
    afterwards = page.get(f"/servers/{server.pk}/").content.decode()

    assert "Your key was taken out" in told
    assert "Your key was taken out" not in afterwards
