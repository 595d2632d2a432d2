"""The first page, and launching from it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from environments.models import NotebookServer, Visibility
from environments.naming import server_name
from environments.values import Reference
from tests.factories import BuildFactory, EnvironmentFactory, NotebookServerFactory, running_server
from tests.fakes.git_host import GitHost

State = NotebookServer.State
HTMX = {"HX-Request": "true"}


@pytest.fixture
def host(settings: Settings) -> Iterator[GitHost]:
    with GitHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        host.add("statistics", {"requirements.txt": "numpy\n"})
        yield host


@pytest.fixture
def page(client: Client, student: User) -> Client:
    client.force_login(student)
    return client


@pytest.mark.django_db
def test_say_what_carrel_is_to_a_stranger(client: Client) -> None:
    text = client.get("/").content.decode()

    assert "Nothing to install" in text
    assert "/accounts/login/" in text


@pytest.mark.django_db
@pytest.mark.parametrize("is_open", [True, False])
def test_offer_an_account_only_when_sign_up_is_open(client: Client, settings: Settings, is_open: bool) -> None:
    settings.SIGNUP_OPEN = is_open

    text = client.get("/").content.decode()

    assert ("/accounts/signup/" in text) is is_open


def test_show_ready_environments_first_to_a_new_person(page: Client) -> None:
    EnvironmentFactory.create(title="First steps")

    text = page.get("/").content.decode()

    assert text.index("First steps") < text.index("My servers")


def test_show_own_servers_first_to_somebody_who_has_some(page: Client, student: User) -> None:
    EnvironmentFactory.create(title="First steps")
    NotebookServerFactory.create(owner=student)

    text = page.get("/").content.decode()

    assert text.index("My servers") < text.index("First steps")


def test_hide_what_belongs_to_others(page: Client, stranger: User) -> None:
    NotebookServerFactory.create(owner=stranger, name="secret-server")
    EnvironmentFactory.create(owner=stranger, title="Secret recipe", visibility=Visibility.PRIVATE)

    text = page.get("/").content.decode()

    assert "secret-server" not in text
    assert "Secret recipe" not in text


def test_list_last_used_server_first(page: Client, student: User) -> None:
    running_server(owner=student, name="yesterday", last_activity_at=timezone.now() - timedelta(days=1))
    running_server(owner=student, name="today")

    text = page.get("/").content.decode()

    assert text.index(">today<") < text.index(">yesterday<")


@pytest.mark.parametrize(
    ("state", "buttons", "missing"),
    [
        (State.QUEUED, {"Watch", "Cancel", "Delete"}, {"Open", "Start"}),
        (State.BUILDING, {"Watch", "Cancel", "Delete"}, {"Open", "Start"}),
        (State.STARTING, {"Watch", "Cancel", "Delete"}, {"Open", "Start"}),
        (State.RUNNING, {"Open", "Stop", "Delete"}, {"Start", "Cancel"}),
        (State.STOPPING, {"Delete"}, {"Open", "Start", "Stop", "Cancel"}),
        (State.STOPPED, {"Start", "Delete"}, {"Open", "Stop", "Cancel"}),
        (State.FAILED, {"Try again", "Delete"}, {"Open", "Stop", "Cancel"}),
    ],
)
def test_offer_what_each_state_allows(
    page: Client, student: User, state: str, buttons: set[str], missing: set[str]
) -> None:
    NotebookServerFactory.create(owner=student, state=state)

    row = page.get("/", headers=HTMX).content.decode()

    assert {words for words in buttons if f"{words}<span" in row} == buttons
    assert {words for words in missing if f"{words}<span" in row} == set()


@pytest.mark.parametrize(
    ("state", "seconds"), [(State.BUILDING, 3), (State.STOPPING, 3), (State.RUNNING, 60), (State.STOPPED, 0)]
)
def test_refresh_as_often_as_something_changes(page: Client, student: User, state: str, seconds: int) -> None:
    NotebookServerFactory.create(owner=student, state=state)

    text = page.get("/").content.decode()

    assert f'data-refresh-seconds="{seconds}"' in text


def test_answer_htmx_with_the_list_alone(page: Client, student: User) -> None:
    NotebookServerFactory.create(owner=student, name="mine")

    text = page.get("/", headers=HTMX).content.decode()

    assert text.strip().startswith("<section")
    assert "mine" in text
    assert 'id="messages" hx-swap-oob="innerHTML"' in text


def test_query_the_same_for_many_servers(
    page: Client, student: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    NotebookServerFactory.create_batch(30, owner=student)
    EnvironmentFactory.create_batch(30)

    with django_assert_max_num_queries(11):
        page.get("/")


def test_query_the_same_for_many_that_wait(
    page: Client, student: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _number in range(15):
        NotebookServerFactory.create(owner=student, state=State.QUEUED)
        NotebookServerFactory.create(owner=student, state=State.QUEUED, build=BuildFactory.create())

    with django_assert_max_num_queries(19):
        text = page.get("/").content.decode()

    assert text.count("You are number 15 in the queue.") == 2


def test_say_in_the_list_when_a_server_stops(page: Client, student: User) -> None:
    running_server(owner=student, idle_minutes=5)
    running_server(owner=student, idle_minutes=60, lifetime_minutes=30)
    NotebookServerFactory.create(owner=student)

    text = page.get("/").content.decode()

    assert text.count("if nothing happens in it until then.") == 1
    assert text.count("whatever happens in it.") == 1
    assert text.count("ending-near") == 1


def test_launch_repository_and_go_to_its_page(page: Client, student: User, host: GitHost, fake_backends: None) -> None:
    form = {"repository": host.url("statistics"), "path": "week 1/first.ipynb", "name": "my-statistics"}

    response = page.post("/", form)

    server = NotebookServer.objects.get(owner=student)
    assert response["Location"] == f"/servers/{server.pk}/?launching=1"
    assert (server.name, server.urlpath) == ("my-statistics", "lab/tree/week%201/first.ipynb")


def test_wake_server_that_sleeps_and_open_what_was_asked_for(page: Client, student: User, fake_backends: None) -> None:
    reference = Reference("gh", "carrel-tests/example")
    server = NotebookServerFactory.create(owner=student, name=server_name(reference), urlpath="lab/tree/other.ipynb")

    response = page.post("/", {"repository": "gh/carrel-tests/example", "path": "first.ipynb"})

    server.refresh_from_db()
    assert response["Location"] == f"/servers/{server.pk}/?launching=1&next=lab%2Ftree%2Ffirst.ipynb"
    assert server.is_on_the_way


def test_open_server_that_runs_already(page: Client, student: User) -> None:
    server = running_server(owner=student, name=server_name(Reference("gh", "carrel-tests/example")))

    response = page.post("/", {"repository": "https://github.com/carrel-tests/example"})

    assert response["Location"].startswith(f"/servers/{server.pk}/open/")


@pytest.mark.parametrize(
    ("form", "field", "sentence"),
    [
        ({"repository": ""}, "repository", "Paste the address"),
        ({"repository": "file:///etc"}, "repository", "own disk"),
        ({"repository": "ext::sh -c id"}, "repository", "“ext"),
        ({"repository": "--upload-pack=id"}, "repository", "is not an address"),
        ({"repository": "https://user:secret@example.org/x"}, "repository", "password or token"),
        ({"repository": "gh/owner/name", "ref": "-x"}, "ref", "branch, tag or commit"),
        ({"repository": "gh/owner/name", "path": "../../etc/passwd"}, "path", "is not a path inside"),
        ({"repository": "gh/owner/name", "path": "https://evil.example"}, "path", "would lead away"),
        ({"repository": "gh/owner/name", "name": "No Spaces"}, "name", "cannot be the name"),
    ],
)
def test_explain_at_the_field_that_is_wrong(page: Client, form: dict[str, str], field: str, sentence: str) -> None:
    response = page.post("/", form)

    text = response.content.decode()
    error = text[text.index(f'id="id_{field}_error"') :][:900]
    assert response.status_code == 422
    assert sentence in error
    assert NotebookServer.objects.count() == 0


def test_keep_what_was_typed_when_launching_fails(page: Client, host: GitHost) -> None:
    form = {"repository": host.url("nothing-here"), "ref": "v1", "path": "a.ipynb", "name": "kept"}

    text = page.post("/", form).content.decode()

    assert "There is no repository at" in text
    assert all(f'value="{value}"' in text for value in form.values())
    assert '<details class="disclosure" open>' in text


@pytest.mark.django_db
def test_have_strangers_sign_in_before_they_launch(client: Client) -> None:
    response = client.post("/", {"repository": "gh/owner/name"})

    assert response["Location"] == "/accounts/login/?next=/"


def test_prefill_form_from_a_link_without_launching(page: Client) -> None:
    text = page.get("/?repository=gh/owner/name&path=<b>.ipynb").content.decode()

    assert 'value="gh/owner/name"' in text
    assert 'value="&lt;b&gt;.ipynb"' in text
    assert NotebookServer.objects.count() == 0


def test_refuse_other_methods(page: Client) -> None:
    assert page.delete("/").status_code == 405


HUBS = ["mybinder binder https://mybinder.org mybinder.org"]


def test_offer_no_other_hub_where_none_is_listed(page: Client) -> None:
    assert 'name="hub"' not in page.get("/").content.decode()


def test_lead_to_the_hub_that_was_chosen_by_the_page_that_asks(page: Client, settings: Settings) -> None:
    settings.HUBS = HUBS
    form = {"repository": "https://github.com/owner/name", "path": "first.ipynb", "hub": "mybinder"}

    response = page.post("/", form)

    assert response["Location"] == "/v2/gh/owner/name/HEAD?urlpath=lab/tree/first.ipynb&hub=mybinder"
    assert "https://mybinder.org/v2/gh/owner/name/HEAD" in page.get(response["Location"]).content.decode()
    assert not NotebookServer.objects.exists()


def test_refuse_a_hub_that_is_not_listed(page: Client, settings: Settings) -> None:
    settings.HUBS = HUBS

    response = page.post("/", {"repository": "https://github.com/owner/name", "hub": "elsewhere"})

    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["hub"]
