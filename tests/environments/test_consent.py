"""A person's word before a launch: made for one person, one commit and one use, and for an hour."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from accounts.models import User
from environments.consent import (
    LIFETIME,
    Proposal,
    needs_consent,
    note_use,
    read_agreement,
    sign_proposal,
    trust_repository,
    was_used,
)
from environments.errors import UserError
from environments.values import LaunchSpec, Limits, MountWish, Reference, ResolvedRepository

pytestmark = pytest.mark.django_db

REFERENCE = Reference("gh", "ada/engine", "main")
PROPOSAL = Proposal(
    LaunchSpec(REFERENCE, urlpath="lab/tree/a.ipynb", name="mine", limits=Limits(512, 0.5)),
    ResolvedRepository("https://github.com/ada/engine", "1" * 40, "main"),
)


def test_agreement_is_exactly_what_was_proposed(student: User, now: datetime) -> None:
    signed = sign_proposal(PROPOSAL, user=student, now=now)

    assert read_agreement(signed, user=student, now=now).proposal == PROPOSAL


def test_agreement_counts_until_it_was_used(student: User, now: datetime) -> None:
    signed = sign_proposal(PROPOSAL, user=student, now=now)
    first, second = (read_agreement(signed, user=student, now=now) for _ in range(2))
    other = read_agreement(sign_proposal(PROPOSAL, user=student, now=now), user=student, now=now)

    note_use(first)

    assert (was_used(second), was_used(other)) == (True, False)


def test_agreement_refuses_the_word_of_another(student: User, stranger: User, now: datetime) -> None:
    signed = sign_proposal(PROPOSAL, user=student, now=now)

    with pytest.raises(UserError, match="consent_invalid"):
        read_agreement(signed, user=stranger, now=now)


def test_agreement_refuses_what_is_too_old(student: User, now: datetime) -> None:
    signed = sign_proposal(PROPOSAL, user=student, now=now)

    with pytest.raises(UserError, match="consent_expired"):
        read_agreement(signed, user=student, now=now + LIFETIME + timedelta(seconds=1))


@pytest.mark.parametrize("position", [0, 20, -1])
def test_agreement_refuses_what_was_changed(student: User, now: datetime, position: int) -> None:
    signed = sign_proposal(PROPOSAL, user=student, now=now)
    changed = list(signed)
    changed[position] = "A" if changed[position] != "A" else "B"

    with pytest.raises(UserError, match="consent_invalid"):
        read_agreement("".join(changed), user=student, now=now)


@pytest.mark.parametrize("text", ["", "nonsense", "a:b:c", "." * 10_000])
def test_agreement_refuses_what_is_no_proposal(student: User, now: datetime, text: str) -> None:
    with pytest.raises(UserError, match="consent_invalid"):
        read_agreement(text, user=student, now=now)


def test_trust_makes_asking_needless_for_every_version(student: User, stranger: User) -> None:
    trust_repository(student, REFERENCE)

    newest = LaunchSpec(Reference("gh", "ada/engine"))
    assert not needs_consent(student, newest)
    assert needs_consent(stranger, newest)
    assert needs_consent(student, LaunchSpec(Reference("gh", "ada/other")))


@pytest.mark.parametrize(
    "more",
    [
        {"mounts": (MountWish("data", "shared/data", True),)},
        {"collaborators": ("bob",)},
        {"with_credentials": True},
    ],
)
def test_trust_does_not_cover_what_a_link_wants_besides(student: User, more: dict[str, object]) -> None:
    trust_repository(student, REFERENCE)

    assert needs_consent(student, LaunchSpec(REFERENCE, **more))  # type: ignore[arg-type]
