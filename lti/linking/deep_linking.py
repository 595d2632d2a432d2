"""Choosing what to add to a course: opened by a platform's message, and answered once by a message of ours.

A picker stays in the platform's frame, where no session of ours is kept. What it knows of its person is one row, found
by the token in its address together with the cookie of the browser that came.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.db import transaction

from accounts.models import User
from classes.errors import CourseError
from classes.models import Role
from classes.policies import Standing, standing_of
from lti import audit, contexts, keys, logins, people, tool
from lti.claims import DEEP_LINKING_CLAIM, LTI, VERSION, Message
from lti.errors import LtiError
from lti.linking import copies
from lti.linking.offers import Offer
from lti.logins import fingerprint
from lti.models import Context, Deployment, Picking

LIFETIME = timedelta(hours=1)
AGAIN = timedelta(minutes=2)
"""How long the same choice gets the same answer: an impatient second click has the browser forget the first."""
ANSWER_LIFETIME = timedelta(minutes=5)
RESPONSE = "LtiDeepLinkingResponse"
MAX_CHOSEN = 50


@dataclass(frozen=True, slots=True)
class Answer:
    """What the browser takes back to the platform."""

    return_url: str
    token: str


@transaction.atomic
def begin(deployment: Deployment, message: Message, *, browser: str, now: datetime) -> str:
    """Open a picker for whom a message brings, in this browser. Returns the token of its address.

    Raises LtiError `test_person`, `picker_not_teacher`, `picker_no_course`, and what `people` and `contexts.enrol`
    raise; then nothing has been made.
    """
    if message.is_test_person:
        raise LtiError("test_person")
    wanted = message.deep_linking
    if message.role != Role.TEACHER:
        raise LtiError("picker_not_teacher")
    if message.context is None:
        raise LtiError("picker_no_course")
    if wanted is None:
        raise LtiError("message_malformed", detail="nothing asks for a choice")
    context = contexts.recognise(deployment, message.context, now=now)
    contexts.note_services(context, message.services)
    copies.note_origin(context, message.custom)
    person = people.recognise(deployment.platform, message, now=now)
    contexts.enrol(context, person, message.role, now=now)
    token = secrets.token_urlsafe(32)
    Picking.objects.create(
        context=context,
        person=person,
        token_hash=fingerprint(token),
        browser_hash=fingerprint(browser),
        return_url=wanted.return_url,
        data=wanted.data or "",
        takes_many=wanted.takes_many,
        takes_columns=wanted.takes_columns,
        expires_at=now + LIFETIME,
    )
    return token


def find(token: str, *, browser: str, now: datetime) -> Picking:
    """The picker of this address in this browser. Raises LtiError `picker_stale`, and what says whom we let in."""
    rows = Picking.objects.select_related("person__user", "person__platform", "context__course")
    rows = rows.select_related("context__deployment__platform")
    found = rows.filter(token_hash=fingerprint(token), browser_hash=fingerprint(browser), expires_at__gt=now).first()
    if found is None or not browser:
        raise LtiError("picker_stale", detail="unknown, expired or of another browser")
    logins.check_active(found.person.platform)
    people.check_may_come(found.person.user)
    return found


def standing_in(picking: Picking, *, now: datetime) -> Standing | None:
    """As what they choose; None while the course is no class. They come in where somebody else has connected it.

    Raises LtiError `picker_not_teacher` where they are a student here, or by their platform's latest word, and
    CourseError as `contexts.enrol` does.
    """
    context = picking.context
    if context.course is None:
        return None
    if context.course.deleted_at is not None:
        raise CourseError("course_deleted", course=context.course.title)
    if not context.enrolments.filter(person=picking.person, role=Role.TEACHER).exists():
        raise LtiError("picker_not_teacher", detail="no teacher over there any more")
    standing = standing_of(picking.person.user, context.course)
    if standing is None:
        contexts.enrol(context, picking.person, Role.TEACHER, now=now)
        standing = standing_of(picking.person.user, context.course)
    if standing is None or not standing.is_staff:
        raise LtiError("picker_not_teacher", detail="no teacher here")
    return standing


def check_open(picking: Picking) -> None:
    """Raise LtiError `picker_used` for one that was answered."""
    if picking.answered_at is not None:
        raise LtiError("picker_used")


def answer(picking: Picking, offers: Sequence[Offer], *, url: str, now: datetime) -> Answer:
    """What goes back for this choice; nothing chosen is a choice as well. `url` is where each link leads.

    Raises LtiError `picker_too_many`, and `picker_used` for another choice than the first, or one too late.
    """
    if len(offers) > (MAX_CHOSEN if picking.takes_many else 1):
        raise LtiError("picker_too_many", most=MAX_CHOSEN if picking.takes_many else 1)
    chosen = sorted(offer.key for offer in offers)
    waiting = Picking.objects.filter(pk=picking.pk, answered_at=None)
    if waiting.update(answered_at=now, chosen=chosen):
        _note(picking, len(chosen), now=now)
    else:
        picking.refresh_from_db(fields=["answered_at", "chosen"])
        at = picking.answered_at
        if at is None or picking.chosen != chosen or now > at + AGAIN:
            raise LtiError("picker_used")
        now = at
    items = [offer.item(url=url, with_column=picking.takes_columns) for offer in offers]
    return Answer(picking.return_url, _signed(picking, items, at=now))


def origins_of(picking: Picking) -> list[str]:
    """Whose pages may show the picker: the platform's, also where its schools have addresses of their own."""
    return list(dict.fromkeys([*picking.person.platform.origins, origin_of(picking.return_url)]))


def origin_of(url: str) -> str:
    """Where an address is."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def has_open(context: Context, user: User, *, now: datetime) -> bool:
    """Whether they have a picker open that waits until the course is a class."""
    return Picking.objects.filter(context=context, person__user=user, answered_at=None, expires_at__gt=now).exists()


def _note(picking: Picking, count: int, *, now: datetime) -> None:
    if count:
        person, name = picking.person, str(picking.context)
        audit.note("links_placed", platform=person.platform, actor=person.user, now=now, context=name, count=count)


def _signed(picking: Picking, items: list[dict[str, object]], *, at: datetime) -> str:
    deployment, platform = picking.context.deployment, picking.person.platform
    issued = int(at.timestamp())
    claims: dict[str, object] = {
        "iss": platform.client_id,
        "aud": [platform.issuer],
        "iat": issued,
        "exp": issued + int(ANSWER_LIFETIME.total_seconds()),
        "nonce": picking.nonce,
        f"{LTI}message_type": RESPONSE,
        f"{LTI}version": VERSION,
        f"{LTI}deployment_id": deployment.deployment_id,
        f"{DEEP_LINKING_CLAIM}content_items": items,
    }
    if picking.data:
        claims[f"{DEEP_LINKING_CLAIM}data"] = picking.data
    key = keys.signing_key(platform, now=at)
    return tool.sign(claims, kid=key.kid, private_pem=key.private_pem)
