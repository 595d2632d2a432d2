"""A launch, from what a browser brings to where it is sent: checked whole before anything is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.urls import reverse

from accounts.models import User
from classes.models import Course, Role
from classes.policies import Standing
from lti import claims, contexts, fetching, logins, people, platforms, tool
from lti.claims import Expected, Message
from lti.errors import LtiError
from lti.linking import copies
from lti.linking.leading import Destination, Found, destination
from lti.models import Context, Deployment, Platform, ResourceLink
from lti.passback import outbox
from lti.rosters import syncing
from lti.targets import Target


@dataclass(frozen=True, slots=True)
class Posted:
    """What a platform has a browser post to us."""

    state: str
    id_token: str
    error: str

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Posted:
        """From the fields of the request."""
        return cls(given.get("state", ""), given.get("id_token", ""), given.get("error", ""))


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who has come, and where to. `is_new` is somebody for whom an account was just made."""

    user: User
    url: str
    is_new: bool = False
    has_no_role: bool = False
    is_closed: bool = False
    """Whether what the link leads to is not to be seen by them now."""


def verify(posted: Posted, *, browser: str, public_url: str, now: datetime) -> tuple[Deployment, Message]:
    """What a launch says, and from where, if all of it may be believed; its login is used up then.

    Raises LtiError, and LtiFailure `platform_unreachable`.
    """
    attempt = logins.begun(posted.state, browser=browser, now=now)
    platform = attempt.platform
    logins.check_active(platform)
    if posted.error:
        raise LtiError("platform_refused", detail=f"the platform says {tool.error_code(posted.error)}")
    said = tool.claims_of(posted.id_token, _key(posted.id_token, platform))
    expected = Expected(platform.issuer, platform.client_id, public_url)
    message = claims.read_message(said, expected, now=now)
    tool.check_message(said)
    deployment = platform.deployments.filter(deployment_id=message.deployment_id).first()
    if deployment is None:
        platforms.note_unknown_deployment(platform, message.deployment_id, now=now)
        raise LtiError("deployment_unknown", platform=platform.name, deployment=message.deployment_id)
    logins.end(attempt, nonce=message.nonce, browser=browser, now=now)
    deployment.platform = platform
    return deployment, message


@transaction.atomic
def arrive(deployment: Deployment, message: Message, *, now: datetime) -> Arrival:
    """Have whom a launch brings be here, in the class of their course, and say where they go.

    Raises LtiError and CourseError for whom it cannot bring anywhere; then nothing has been made.
    """
    if message.is_test_person:
        raise LtiError("test_person")
    context = _context(deployment, message, now=now)
    is_new = people.is_unused(people.known(deployment.platform, message.sub))
    person = people.recognise(deployment.platform, message, now=now)
    if context is None:
        return Arrival(person.user, reverse("classes:course-list"), is_new)
    membership = contexts.enrol(context, person, message.role, now=now)
    link = _note_place(context, message, now=now)
    if context.course is None:
        return Arrival(person.user, reverse("lti:context-connect", args=[context.pk]), is_new)
    if membership is None:
        return Arrival(person.user, reverse("classes:course-list"), is_new, has_no_role=True)
    target = Target.read(link.parameters if link is not None else message.custom)
    found = destination(target, Standing(context.course, membership, Role(membership.role)), now=now)
    if link is not None:
        contexts.note_assignment(link, found.assignment)
        outbox.note_link(link)
    outbox.catch_up(context, None if message.role == Role.TEACHER else person)
    url = _page(context.course, message, target, found, link)
    return Arrival(person.user, url, is_new, is_closed=found.found == Found.CLOSED)


def _note_place(context: Context, message: Message, *, now: datetime) -> ResourceLink | None:
    """Keep what a message says of the course, and of the link in it that somebody came by, if they came by one."""
    contexts.note_services(context, message.services)
    copies.note_origin(context, message.custom)
    link, said = None, Target.read(message.custom)
    if message.resource_link is not None:
        link = contexts.note_link(context, message.resource_link, message.services, said, now=now)
    if message.role == Role.TEACHER:
        syncing.wish(context, now=now)
    return link


def _key(token: str, platform: Platform) -> fetching.Key:
    kid = tool.key_id_of(token)
    key = fetching.key_named(kid, url=platform.jwks_url)
    if key is None:
        raise LtiError("message_untrusted", detail="kid is of no key that the platform publishes")
    return key


def _context(deployment: Deployment, message: Message, *, now: datetime) -> Context | None:
    """The course somebody comes from. Raises LtiError `context_unconnected` for all but teachers of a new one."""
    if message.context is None:
        return None
    found = contexts.find(deployment, message.context)
    is_connected = found is not None and found.course is not None
    if not is_connected and message.role != Role.TEACHER:
        name = message.context.title or message.context.label or message.context.id
        raise LtiError("context_unconnected", context=name)
    return contexts.recognise(deployment, message.context, now=now)


def _page(
    course: Course, message: Message, target: Target | None, found: Destination, link: ResourceLink | None
) -> str:
    """Where the link leads; one that says nothing of that leads to the page of the class its address is of."""
    if link is not None and found.found == Found.LOST:
        return reverse("lti:link", args=[link.pk])
    if target is not None:
        return found.url
    first = reverse("classes:course-detail", args=[course.slug])
    return message.target if message.target.startswith(first) and ".." not in message.target else first
