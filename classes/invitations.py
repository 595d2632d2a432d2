"""Letting oneself into a class by a link or a code, and the making and withdrawing of these."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.urls import reverse

from accounts.models import User
from classes.errors import CourseError
from classes.expected import welcome
from classes.guessing import check_guesses, count_miss
from classes.members import admit, check_going_on
from classes.models import Course, Invitation, Joined, Membership, Role, Section

ALPHABET = "CDFGHJKMNPQRTWXY3479"
"""Nothing that is taken for another when it is read from a slide, and no vowels, so that no code is a word."""
CODE_LENGTH = 8
"""34 bits. Whoever guesses is stopped after `guessing.MAX_MISSES`; a million codes open at once would still be safe."""
CODE_TRIES = 5
MAX_OPEN_INVITATIONS = 50
STUDENT_DAYS, STAFF_DAYS = 366, 7
STUDENT_USES, STAFF_USES = 5000, 5
"""Who comes by one for teachers or graders sees everybody's work: it is for few people and short."""


def tidy(code: str) -> str:
    """A code as it is stored, of one as people type it; empty if it cannot be one."""
    letters = "".join(code.split()).replace("-", "").upper()
    return letters if len(letters) == CODE_LENGTH and set(letters) <= set(ALPHABET) else ""


def readable(code: str) -> str:
    """A code as it is shown: in two halves."""
    middle = CODE_LENGTH // 2
    return f"{code[:middle]}-{code[middle:]}"


def address_of(invitation: Invitation) -> str:
    """The link that says the same as the code."""
    return f"{settings.PUBLIC_URL}{reverse('classes:invitation-join', args=[readable(invitation.code)])}"


def join_address() -> str:
    """Where a code is typed."""
    return f"{settings.PUBLIC_URL}{reverse('classes:course-join')}"


def make_invitation(
    course: Course,
    *,
    by: User,
    role: Role = Role.STUDENT,
    section: Section | None = None,
    lifetime: timedelta,
    uses: int | None = None,
    now: datetime,
) -> Invitation:
    """A new invitation for so many people; for any number if `uses` is None, which students' may be.

    Raises CourseError `course_over`, `invitation_too_wide` and `invitations_too_many`.
    """
    check_going_on(course)
    days, most = (STUDENT_DAYS, STUDENT_USES) if role == Role.STUDENT else (STAFF_DAYS, STAFF_USES)
    is_endless = uses is None and role != Role.STUDENT
    if is_endless or lifetime > timedelta(days=days) or (uses or 1) > most:
        raise CourseError("invitation_too_wide", role=str(role.label).lower(), uses=most, days=days)
    if course.invitations.open(now).count() >= MAX_OPEN_INVITATIONS:
        raise CourseError("invitations_too_many", most=MAX_OPEN_INVITATIONS)
    facts = {"role": role, "section": section, "made_by": by, "created_at": now, "uses_left": uses}
    for _attempt in range(CODE_TRIES):
        try:
            with transaction.atomic():
                return Invitation.objects.create(course=course, code=_code(), expires_at=now + lifetime, **facts)
        except IntegrityError:
            continue  # That code is somebody else's.
    raise AssertionError("codes are made at random")


def find_invitation(code: str, *, person: User, now: datetime) -> Invitation:
    """The invitation of this code, if this person may still come by it, or is in the class already.

    Raises CourseError `invitation_unknown`, `invitation_revoked`, `invitation_expired`, `invitation_used`,
    `invitation_course_over`, `member_was_removed`, and `people_guessed_too_often`.
    """
    check_guesses(person)
    known = Invitation.objects.filter(course__deleted_at=None).select_related("course__owner", "section")
    invitation = known.filter(code=tidy(code)).first() if tidy(code) else None
    if invitation is None:
        count_miss(person)
        raise CourseError("invitation_unknown")
    if not is_in(invitation.course, person):
        _check_welcome(invitation, person)
        _check_open(invitation, now=now)
    return invitation


def accept_invitation(code: str, *, person: User, now: datetime) -> Membership:
    """Let this person into the class of this code; it counts one less, unless they are in already.

    The invitation's row is locked first, so of two who take the last place at once one is refused, and somebody who
    presses the button twice takes one place. Raises what `find_invitation` raises.
    """
    found = find_invitation(code, person=person, now=now)
    welcome(person, now=now)  # Whoever is on the list comes as what the list says, and takes nobody's place.
    with transaction.atomic():
        locked = Invitation.objects.select_for_update(of=("self",)).select_related("course", "section")
        invitation = locked.get(pk=found.pk)
        course = invitation.course
        membership = course.memberships.present().filter(person=person).first()
        if membership is not None:
            return membership
        _check_open(invitation, now=now)
        if not Invitation.objects.open(now).filter(pk=invitation.pk).update(uses_left=F("uses_left") - 1):
            raise CourseError("invitation_used", course=course.title)
        role, section = Role(invitation.role), invitation.section
        return admit(course, person, role=role, section=section, joined_by=Joined.LINK, now=now)


def revoke_invitation(invitation: Invitation, *, now: datetime) -> None:
    """Let nobody come by it any more. Who has come stays."""
    Invitation.objects.filter(pk=invitation.pk, revoked_at=None).update(revoked_at=now)


def is_in(course: Course, person: User) -> bool:
    """Whether this person is in the class now."""
    return course.memberships.present().filter(person=person).exists()


def _code() -> str:
    return "".join(secrets.choice(ALPHABET) for _letter in range(CODE_LENGTH))


def _check_welcome(invitation: Invitation, person: User) -> None:
    if invitation.course.memberships.filter(person=person, was_removed=True).exists():
        raise CourseError("member_was_removed", course=invitation.course.title)


def _check_open(invitation: Invitation, *, now: datetime) -> None:
    course = invitation.course
    if course.is_over:
        raise CourseError("invitation_course_over", course=course.title)
    if invitation.revoked_at is not None:
        raise CourseError("invitation_revoked", course=course.title)
    if invitation.expires_at <= now:
        raise CourseError("invitation_expired", course=course.title)
    if invitation.uses_left == 0:
        raise CourseError("invitation_used", course=course.title)
