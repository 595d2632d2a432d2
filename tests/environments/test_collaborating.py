"""Company in a server: let in by name or by a link, and out again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from allauth.account.models import EmailAddress

from accounts.models import User
from environments import collaborating
from environments.collaborating import (
    accept_invitation,
    find_invitation,
    find_people,
    forget_old_invitations,
    invite,
    is_in,
    leave_server,
    make_invitation,
    remove_collaborator,
    revoke_invitation,
)
from environments.errors import UserError
from environments.models import Admission, Collaborator, Invitation, NotebookServer
from environments.policies import can_enter_server
from environments.tickets import issue_ticket
from tests.factories import UserFactory, running_server

pytestmark = pytest.mark.django_db

WEEK = timedelta(days=7)


@pytest.fixture
def server(student: User) -> NotebookServer:
    return running_server(owner=student)


def link_to(server: NotebookServer, *, uses: int = 1, now: datetime) -> str:
    """The secret of a new invitation."""
    return make_invitation(server, by=server.owner, lifetime=WEEK, uses=uses, now=now)[1]


def code_of(act: Callable[[], object]) -> str:
    """The code of the error this ends in."""
    with pytest.raises(UserError) as caught:
        act()
    return caught.value.code


# --- By name -----------------------------------------------------------------------------------------------


def test_invite_by_username(server: NotebookServer, student: User, stranger: User, now: datetime) -> None:
    collaborator = invite(server, "stranger", by=student, now=now)

    assert (collaborator.person, collaborator.invited_by, collaborator.invited_at) == (stranger, student, now)
    assert list(NotebookServer.objects.enterable_by(stranger)) == [server]


def test_invite_by_confirmed_address(server: NotebookServer, student: User, stranger: User, now: datetime) -> None:
    EmailAddress.objects.create(user=stranger, email="Eve@example.org", verified=True)

    assert invite(server, "eve@example.org ", by=student, now=now).person == stranger


def test_invite_by_an_address_nobody_has_shown_to_be_theirs(
    server: NotebookServer, student: User, stranger: User, now: datetime
) -> None:
    EmailAddress.objects.create(user=stranger, email="dean@example.org", verified=False)
    User.objects.filter(pk=stranger.pk).update(email="dean@example.org")

    assert code_of(lambda: invite(server, "dean@example.org", by=student, now=now)) == "collaborator_unknown"


@pytest.mark.parametrize("name", ["nobody", "", "  ", "a\x00b", "nobody@example.org", "x" * 5000, "inactive"])
def test_invite_somebody_who_does_not_exist(server: NotebookServer, student: User, now: datetime, name: str) -> None:
    UserFactory.create(username="inactive", is_active=False)

    assert code_of(lambda: invite(server, name, by=student, now=now)) == "collaborator_unknown"
    assert not server.collaborators.exists()


def test_invite_tells_people_apart_who_differ_in_case(server: NotebookServer, student: User, now: datetime) -> None:
    UserFactory.create(username="Eve")
    lower = UserFactory.create(username="eve")

    assert invite(server, "eve", by=student, now=now).person == lower
    assert code_of(lambda: invite(server, "EVE", by=student, now=now)) == "collaborator_unknown"


def test_invite_oneself(server: NotebookServer, student: User, now: datetime) -> None:
    assert code_of(lambda: invite(server, "student", by=student, now=now)) == "collaborator_is_owner"


def test_invite_twice_is_once(server: NotebookServer, student: User, stranger: User, now: datetime) -> None:
    for _ in range(2):
        invite(server, "stranger", by=student, now=now)

    assert Collaborator.objects.count() == 1


def test_invite_to_a_copy_to_try(student: User, stranger: User, now: datetime) -> None:
    copy = running_server(owner=student, is_throwaway=True)

    assert code_of(lambda: invite(copy, "stranger", by=student, now=now)) == "copy_alone"
    assert not Collaborator.objects.exists()


def test_invite_more_than_a_server_holds(
    server: NotebookServer, student: User, stranger: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collaborating, "MAX_COLLABORATORS", 1)
    invite(server, "stranger", by=student, now=now)
    UserFactory.create(username="one-more")

    assert code_of(lambda: invite(server, "one-more", by=student, now=now)) == "collaborators_too_many"
    assert server.collaborators.count() == 1


def test_find_names_everybody_who_is_missing(student: User, stranger: User) -> None:
    with pytest.raises(UserError) as caught:
        find_people(["stranger", "nobody", "no-one"], asker=student)

    assert caught.value.facts == {"people": "nobody, no-one"}


def test_find_lets_nobody_guess_who_is_here(student: User, stranger: User) -> None:
    names = [f"guess-{n}" for n in range(collaborating.MAX_MISSES)]
    code_of(lambda: find_people(names, asker=student))

    assert code_of(lambda: find_people(["stranger"], asker=student)) == "people_guessed_too_often"
    assert find_people(["student"], asker=stranger) == [student]


# --- By a link ---------------------------------------------------------------------------------------------


def test_accept_lets_in_and_counts(server: NotebookServer, stranger: User, now: datetime) -> None:
    token = link_to(server, uses=3, now=now)

    accept_invitation(token, person=stranger, now=now)

    assert is_in(server, stranger)
    assert Invitation.objects.get().uses_left == 2


def test_accept_twice_by_one_person_counts_once(server: NotebookServer, stranger: User, now: datetime) -> None:
    token = link_to(server, uses=3, now=now)

    for _ in range(2):
        accept_invitation(token, person=stranger, now=now)

    assert Invitation.objects.get().uses_left == 2


def test_accept_beyond_its_count(server: NotebookServer, stranger: User, teacher: User, now: datetime) -> None:
    token = link_to(server, now=now)
    accept_invitation(token, person=stranger, now=now)

    assert code_of(lambda: accept_invitation(token, person=teacher, now=now)) == "invitation_used"
    assert not is_in(server, teacher)


def test_accept_by_two_who_both_saw_the_last_place(
    server: NotebookServer, stranger: User, teacher: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both were told that there is room; the row decides."""
    token = link_to(server, now=now)
    seen = find_invitation(token, person=teacher, now=now)
    accept_invitation(token, person=stranger, now=now)
    monkeypatch.setattr(collaborating, "find_invitation", lambda *_args, **_options: seen)

    assert code_of(lambda: accept_invitation(token, person=teacher, now=now)) == "invitation_used"
    assert not is_in(server, teacher)


def test_accept_after_it_expired(server: NotebookServer, stranger: User, now: datetime) -> None:
    token = link_to(server, now=now)

    assert code_of(lambda: accept_invitation(token, person=stranger, now=now + WEEK)) == "invitation_expired"


def test_accept_after_it_was_revoked(server: NotebookServer, stranger: User, now: datetime) -> None:
    token = link_to(server, uses=9, now=now)
    revoke_invitation(Invitation.objects.get(), now=now)

    assert code_of(lambda: accept_invitation(token, person=stranger, now=now)) == "invitation_revoked"


@pytest.mark.parametrize("token", ["", "made-up", "\x00", "x" * 5000])
def test_accept_what_is_no_invitation(server: NotebookServer, stranger: User, now: datetime, token: str) -> None:
    link_to(server, now=now)

    assert code_of(lambda: accept_invitation(token, person=stranger, now=now)) == "invitation_unknown"


@pytest.mark.parametrize("loss", [{"deleted_at": True}, {"owner__is_active": False}])
def test_accept_to_a_server_nobody_can_enter(
    server: NotebookServer, student: User, stranger: User, now: datetime, loss: dict[str, bool]
) -> None:
    token = link_to(server, now=now)
    if "deleted_at" in loss:
        NotebookServer.objects.update(deleted_at=now)
    else:
        User.objects.filter(pk=student.pk).update(is_active=False)

    assert code_of(lambda: accept_invitation(token, person=stranger, now=now)) == "invitation_unknown"


def test_accept_to_ones_own_server(server: NotebookServer, student: User, now: datetime) -> None:
    token = link_to(server, now=now)

    assert code_of(lambda: accept_invitation(token, person=student, now=now)) == "invitation_to_own_server"
    assert Invitation.objects.get().uses_left == 1


def test_make_keeps_only_a_hash(server: NotebookServer, now: datetime) -> None:
    token = link_to(server, now=now)

    assert token not in str(Invitation.objects.values().get())


def test_make_more_than_can_be_kept_in_view(server: NotebookServer, now: datetime) -> None:
    for _ in range(collaborating.MAX_OPEN_INVITATIONS):
        link_to(server, now=now)

    assert code_of(lambda: link_to(server, now=now)) == "invitations_too_many"


def test_forget_only_what_is_long_over(server: NotebookServer, now: datetime) -> None:
    link_to(server, now=now)
    link_to(server, now=now - timedelta(days=60))

    forget_old_invitations(now)

    assert Invitation.objects.get().created_at == now


# --- Out again ---------------------------------------------------------------------------------------------


def test_remove_ends_their_leave_and_their_passes(
    server: NotebookServer, student: User, stranger: User, now: datetime
) -> None:
    collaborator = invite(server, "stranger", by=student, now=now)
    issue_ticket(server, user=stranger, session_key="s", session_hash="h", now=now)
    issue_ticket(server, user=student, session_key="s", session_hash="h", now=now)

    remove_collaborator(collaborator, now=now)

    assert not NotebookServer.objects.enterable_by(stranger).exists()
    assert [admission.user for admission in Admission.objects.all()] == [student]


def test_remove_withdraws_links_so_that_nobody_comes_back_by_one(
    server: NotebookServer, stranger: User, now: datetime
) -> None:
    token = link_to(server, uses=9, now=now)
    accept_invitation(token, person=stranger, now=now)

    remove_collaborator(Collaborator.objects.get(), now=now)

    assert code_of(lambda: accept_invitation(token, person=stranger, now=now)) == "invitation_revoked"


def test_leave_withdraws_nothing(server: NotebookServer, stranger: User, now: datetime) -> None:
    token = link_to(server, uses=9, now=now)
    accept_invitation(token, person=stranger, now=now)

    leave_server(server, person=stranger)

    assert not is_in(server, stranger)
    assert accept_invitation(token, person=stranger, now=now) == server


# --- Who may enter -----------------------------------------------------------------------------------------


def test_collaborator_may_enter_this_server_and_no_other(
    server: NotebookServer, student: User, stranger: User, now: datetime
) -> None:
    other = running_server(owner=student)
    invite(server, "stranger", by=student, now=now)

    assert can_enter_server(stranger, NotebookServer.objects.get(pk=server.pk))
    assert not can_enter_server(stranger, other)
    assert not NotebookServer.objects.visible_to(stranger).exists()


def test_nobody_enters_the_server_of_somebody_inactive(
    server: NotebookServer, student: User, stranger: User, now: datetime
) -> None:
    invite(server, "stranger", by=student, now=now)
    User.objects.filter(pk=student.pk).update(is_active=False)

    assert not can_enter_server(stranger, NotebookServer.objects.get(pk=server.pk))
    assert not NotebookServer.objects.enterable_by(stranger).exists()
