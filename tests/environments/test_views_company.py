"""The pages about company: the owner's buttons, the invitation, and what a guest sees."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from environments.collaborating import let_in, make_invitation
from environments.models import Admission, Collaborator, Invitation, NotebookServer
from environments.visits import note_visit
from tests.factories import NotebookServerFactory, UserFactory, running_server

State = NotebookServer.State


@pytest.fixture
def server(student: User) -> NotebookServer:
    return running_server(owner=student, name="statistics")


@pytest.fixture
def owner(client: Client, student: User) -> Client:
    """The owner's browser."""
    client.force_login(student)
    return client


@pytest.fixture
def guest(stranger: User, server: NotebookServer) -> Client:
    """The browser of somebody who was let in."""
    let_in(server, [stranger], by=server.owner, now=timezone.now())
    return browser_of(stranger)


def browser_of(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


def words_of(browser: Client, path: str) -> str:
    return browser.get(path, follow=True).content.decode()


def link_to(server: NotebookServer, uses: int = 1) -> str:
    lifetime = timedelta(days=7)
    _, token = make_invitation(server, by=server.owner, lifetime=lifetime, uses=uses, now=timezone.now())
    return f"/invitations/{token}/"


# --- The owner ---------------------------------------------------------------------------------------------


def test_invite_by_name_says_who_it_was(owner: Client, server: NotebookServer, stranger: User) -> None:
    response = owner.post(f"/servers/{server.pk}/people/invite/", {"name": "stranger"}, follow=True)

    assert Collaborator.objects.get().person == stranger
    assert "Stranger (stranger) may enter your server now." in response.content.decode()


def test_invite_nobody_says_so(owner: Client, server: NotebookServer) -> None:
    response = owner.post(f"/servers/{server.pk}/people/invite/", {"name": "<nobody>"}, follow=True)

    assert "Nobody called “&lt;nobody&gt;” was found here." in response.content.decode()


def test_remove_puts_out(owner: Client, server: NotebookServer, guest: Client) -> None:
    response = owner.post(f"/servers/{server.pk}/people/{Collaborator.objects.get().pk}/remove/", follow=True)

    assert "Stranger (stranger) is out of your server." in response.content.decode()
    assert guest.get(f"/servers/{server.pk}/").status_code == 404


def test_remove_somebody_of_another_server(owner: Client, server: NotebookServer, stranger: User) -> None:
    other = running_server()
    let_in(other, [stranger], by=other.owner, now=timezone.now())

    response = owner.post(f"/servers/{server.pk}/people/{Collaborator.objects.get().pk}/remove/")

    assert (response.status_code, Collaborator.objects.count()) == (404, 1)


def test_make_a_link_that_works_and_is_shown_once(owner: Client, server: NotebookServer, stranger: User) -> None:
    made = owner.post(f"/servers/{server.pk}/invitations/new/", {"lifetime": "7", "uses": "2"})
    link = re.search(r"http://localhost:8000(/invitations/[^<]+)<", made.content.decode())

    assert link is not None
    assert "no-store" in made["Cache-Control"]
    assert link[1] not in words_of(owner, f"/servers/{server.pk}/")
    assert browser_of(stranger).post(link[1])["Location"] == f"/servers/{server.pk}/"


@pytest.mark.parametrize("fields", [{}, {"lifetime": "9999", "uses": "1"}, {"lifetime": "7", "uses": "0"}])
def test_make_a_link_with_nonsense(owner: Client, server: NotebookServer, fields: dict[str, str]) -> None:
    assert owner.post(f"/servers/{server.pk}/invitations/new/", fields).status_code == 400
    assert not Invitation.objects.exists()


def test_withdraw_a_link(owner: Client, server: NotebookServer, stranger: User) -> None:
    link = link_to(server)
    owner.post(f"/servers/{server.pk}/invitations/{Invitation.objects.get().pk}/revoke/")

    response = browser_of(stranger).get(link)

    assert response.status_code == 410
    assert "This invitation has been withdrawn." in response.content.decode()


def test_page_tells_who_is_in_and_who_was(
    owner: Client, server: NotebookServer, guest: Client, stranger: User, teacher: User
) -> None:
    now = timezone.now()
    let_in(server, [teacher], by=server.owner, now=now)
    note_visit(server.pk, stranger.pk, now=now)
    note_visit(server.pk, teacher.pk, now=now - timedelta(hours=3))

    text = words_of(owner, f"/servers/{server.pk}/")

    assert re.search(r"Stranger\s*<span class=\"status", text)
    assert not re.search(r"Teacher\s*<span class=\"status", text)
    assert "Who was here" in text


def test_people_are_drawn_again_alone(owner: Client, server: NotebookServer, guest: Client) -> None:
    text = words_of(owner, f"/servers/{server.pk}/people/")

    assert "Stranger" in text
    assert "<html" not in text


# --- The invitation ----------------------------------------------------------------------------------------


def test_invitation_asks_and_lets_nobody_in_by_itself(server: NotebookServer, stranger: User) -> None:
    response = browser_of(stranger).get(link_to(server))

    assert "Student invites you to “statistics”" in response.content.decode()
    assert not Collaborator.objects.exists()


def test_invitation_leaks_its_secret_nowhere(server: NotebookServer, stranger: User) -> None:
    response = browser_of(stranger).get(link_to(server))

    assert response["Referrer-Policy"] == "strict-origin"
    assert "no-store" in response["Cache-Control"]


def test_invitation_asks_to_sign_in_and_comes_back(client: Client, server: NotebookServer) -> None:
    link = link_to(server)

    assert client.get(link)["Location"] == f"/accounts/login/?next={link}"
    assert client.post(link).status_code == 302
    assert not Collaborator.objects.exists()


def test_invitation_of_somebody_who_is_in_leads_to_the_server(server: NotebookServer, guest: Client) -> None:
    link = link_to(server)

    assert guest.get(link)["Location"] == guest.post(link)["Location"] == f"/servers/{server.pk}/"
    assert Invitation.objects.get().uses_left == 1


def test_invitation_cannot_be_accepted_by_a_page_elsewhere(server: NotebookServer, stranger: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(stranger)

    assert browser.post(link_to(server)).status_code == 403
    assert not Collaborator.objects.exists()


def test_invitation_that_is_used_up_says_so(server: NotebookServer, stranger: User, teacher: User) -> None:
    link = link_to(server)
    browser_of(stranger).post(link)

    response = browser_of(teacher).post(link)

    assert response.status_code == 410
    assert "has been used by as many people" in response.content.decode()


def test_invitation_to_ones_own_server_says_so(owner: Client, server: NotebookServer) -> None:
    assert "leads to your own server" in owner.get(link_to(server)).content.decode()


# --- The guest ---------------------------------------------------------------------------------------------

OWNERS_ALONE = [
    "start/",
    "stop/",
    "keep/",
    "look/",
    "update/",
    "update/cancel/",
    "roll-back/",
    "delete/",
    "drop-credentials/",
    "people/invite/",
    "invitations/new/",
]


@pytest.mark.parametrize("path", OWNERS_ALONE)
def test_guest_has_none_of_the_owners_buttons(guest: Client, server: NotebookServer, path: str) -> None:
    response = guest.post(f"/servers/{server.pk}/{path}", {"name": "teacher", "lifetime": "7", "uses": "1"})

    server.refresh_from_db()
    assert response.status_code in (403, 404)
    assert (server.state, server.deleted_at) == (State.RUNNING, None)


def test_guest_cannot_put_others_out(guest: Client, server: NotebookServer, teacher: User) -> None:
    let_in(server, [teacher], by=server.owner, now=timezone.now())
    other = Collaborator.objects.get(person=teacher)

    assert guest.post(f"/servers/{server.pk}/people/{other.pk}/remove/").status_code == 403
    assert Collaborator.objects.count() == 2


def test_guest_finds_the_server_on_the_first_page(guest: Client, server: NotebookServer) -> None:
    text = words_of(guest, "/")

    assert "Shared with me" in text
    assert "of Student" in text
    assert f"/servers/{server.pk}/open/" in text


def test_guest_goes_in_with_a_ticket_of_their_own(guest: Client, server: NotebookServer, stranger: User) -> None:
    for path in (f"/servers/{server.pk}/open/", f"/open/{server.subdomain}/"):
        assert guest.get(path)["Location"].startswith(f"{server.origin}/_carrel/enter?")

    assert {admission.user for admission in Admission.objects.all()} == {stranger}


def test_guest_is_told_that_it_sleeps_and_cannot_wake_it(guest: Client, student: User, server: NotebookServer) -> None:
    NotebookServer.objects.filter(pk=server.pk).update(state=State.STOPPED)

    text = words_of(guest, f"/servers/{server.pk}/open/")

    assert "It is not running. Ask Student to start it" in text
    assert "/start/" not in text


def test_guest_sees_neither_log_nor_failure_nor_links(guest: Client, server: NotebookServer) -> None:
    link_to(server)
    NotebookServer.objects.filter(pk=server.pk).update(
        state=State.FAILED, failure_code="build_failed", failure_log="secret line"
    )

    text = words_of(guest, f"/servers/{server.pk}/")

    assert "secret line" not in text
    assert "Open links" not in text
    assert "data-follow" not in text


def test_guest_leaves(guest: Client, server: NotebookServer) -> None:
    asked = guest.get(f"/servers/{server.pk}/leave/")
    before = Collaborator.objects.count()
    left = guest.post(f"/servers/{server.pk}/leave/", follow=True)

    assert (asked.status_code, before, Collaborator.objects.count()) == (200, 1, 0)
    assert "Shared with me" not in left.content.decode()


def test_guest_of_a_deleted_server_finds_nothing(guest: Client, server: NotebookServer) -> None:
    NotebookServer.objects.filter(pk=server.pk).update(deleted_at=timezone.now())

    assert guest.get(f"/servers/{server.pk}/").status_code == 404
    assert "Shared with me" not in words_of(guest, "/")


def test_name_of_a_person_is_text(owner: Client, server: NotebookServer) -> None:
    let_in(server, [UserFactory.create(display_name="<b>Eve</b>")], by=server.owner, now=timezone.now())

    assert "<b>Eve" not in words_of(owner, f"/servers/{server.pk}/")


def test_owner_without_company_is_alone(owner: Client, student: User) -> None:
    server = NotebookServerFactory.create(owner=student)

    assert "Only you can enter this server." in words_of(owner, f"/servers/{server.pk}/")
