"""From Carrel's own pages into a running server."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from environments.models import Admission, NotebookServer
from environments.tickets import redeem_ticket
from environments.views.opening import path_in_server
from tests.factories import NotebookServerFactory, running_server


@pytest.fixture
def page(client: Client, student: User) -> Client:
    client.force_login(student)
    return client


@pytest.mark.parametrize(
    ("urlpath", "path"),
    [
        ("lab", "/lab"),
        ("/lab/tree/a.ipynb", "/lab/tree/a.ipynb"),
        ("tree/b?reset", "/tree/b?reset"),
        ("//evil.example/", "/evil.example/"),
        ("\\\\evil.example", "/evil.example"),
        (" \t//evil.example", "/evil.example"),
        ("/\r\n/evil.example", "/evil.example"),
        ("https://evil.example", "/https://evil.example"),
    ],
)
def test_make_a_path_of_any_urlpath(urlpath: str, path: str) -> None:
    assert path_in_server(urlpath) == path


def test_enter_running_server_with_a_ticket_of_its_own(page: Client, student: User) -> None:
    server = running_server(owner=student, urlpath="lab/tree/first.ipynb")

    response = page.get(f"/servers/{server.pk}/open/")

    target = urlsplit(response["Location"])
    query = parse_qs(target.query)
    assert f"{target.scheme}://{target.netloc}{target.path}" == f"{server.origin}/_carrel/enter"
    assert query["next"] == ["/lab/tree/first.ipynb"]
    assert redeem_ticket(query["ticket"][0], subdomain=server.subdomain, now=timezone.now())


def test_go_on_from_a_form_by_a_page_between(page: Client, student: User) -> None:
    server = running_server(owner=student)

    response = page.get(f"/servers/{server.pk}/open/?by=form&next=lab/tree/b.ipynb")

    assert response.status_code == 200  # A redirect to another origin at the end of a form is refused by browsers.
    assert f'content="0;url=/servers/{server.pk}/open/?next=lab%2Ftree%2Fb.ipynb"' in response.content.decode()
    assert not Admission.objects.exists()


def test_bind_ticket_to_the_session(page: Client, student: User) -> None:
    server = running_server(owner=student)

    page.get(f"/servers/{server.pk}/open/")

    admission = Admission.objects.get(server=server)
    assert (admission.user, admission.session_key) == (student, page.session.session_key)
    assert admission.ticket_expires_at - timezone.now() < timedelta(seconds=31)


def test_leak_ticket_neither_by_cache_nor_by_referrer(page: Client, student: User) -> None:
    server = running_server(owner=student)

    response = page.get(f"/servers/{server.pk}/open/")

    assert response["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response["Cache-Control"]


def test_open_what_was_asked_for(page: Client, student: User) -> None:
    server = running_server(owner=student)

    response = page.get(f"/servers/{server.pk}/open/", {"next": "/lab/tree/ä b.ipynb"})

    assert parse_qs(urlsplit(response["Location"]).query)["next"] == ["/lab/tree/ä b.ipynb"]


@pytest.mark.parametrize("state", [state for state in NotebookServer.State if state != "running"])
def test_go_to_its_page_and_start_nothing_when_it_does_not_run(page: Client, student: User, state: str) -> None:
    server = NotebookServerFactory.create(owner=student, state=state)

    response = page.get(f"/servers/{server.pk}/open/", {"next": "lab/tree/a"})

    server.refresh_from_db()
    assert response["Location"] == f"/servers/{server.pk}/?next=lab%2Ftree%2Fa"
    assert server.state == state
    assert Admission.objects.count() == 0


def test_open_by_address_for_a_browser_the_gateway_sent(page: Client, student: User) -> None:
    server = running_server(owner=student)

    response = page.get(f"/open/{server.subdomain}/", {"next": "/lab"})

    assert response["Location"].startswith(f"{server.origin}/_carrel/enter?")


def test_tell_strangers_no_more_of_a_server_than_of_none(client: Client, stranger: User) -> None:
    server = running_server()
    client.force_login(stranger)

    answers = [client.get(f"/open/{name}/") for name in (server.subdomain, "no-such-server")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content.replace(server.subdomain.encode(), b"") == answers[1].content.replace(
        b"no-such-server", b""
    )


def test_ask_for_sign_in_and_come_back(client: Client) -> None:
    response = client.get("/open/first-abc/?next=/lab")

    assert response["Location"] == "/accounts/login/?next=/open/first-abc/%3Fnext%3D/lab"
