"""People on the list of a class who have no account yet: let in once they sign in and are who the list says.

`welcome` is asked at each sign-in, when an address is confirmed (`accounts.arriving`), and by the list of classes, for
whoever was signed in all the while.
"""

from __future__ import annotations

from datetime import datetime

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction

from accounts.models import User
from accounts.people import find_person
from classes.kept_work import take_over
from classes.members import admit
from classes.models import ExpectedMember, Joined, Role


def is_proof(who: str, role: Role) -> bool:
    """Whether signing in under this name is enough to come into a class in this role.

    A confirmed address always is. A username is for students, where people do not choose their own.
    """
    return "@" in who or (role == Role.STUDENT and not settings.SIGNUP_OPEN)


def welcome(person: User, *, now: datetime) -> None:
    """Let this person into the classes that wait for them. Where they are already they stay as they are."""
    addresses = EmailAddress.objects.filter(user=person, verified=True).values_list("email", flat=True)
    names = [person.username.lower(), *(address.lower() for address in addresses)]
    waiting = ExpectedMember.objects.waited_for().filter(who__in=names)
    for expected in waiting.select_related("course", "section"):
        if is_proof(expected.who, Role(expected.role)) and find_person(expected.who) == person:
            _let_in(expected, person, now=now)


@transaction.atomic
def _let_in(expected: ExpectedMember, person: User, *, now: datetime) -> None:
    role = Role(expected.role)
    course = expected.course
    membership = admit(course, person, role=role, section=expected.section, joined_by=Joined.ROSTER, now=now)
    take_over(course, expected.who, membership, now=now)
    expected.delete()
