"""The live half of the live page: for whoever teaches, and as long as they do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from accounts.models import Role as SiteRole
from accounts.models import User
from classes.consumers import websocket_urlpatterns
from classes.context import AS_STUDENT
from classes.hands import raise_hand
from classes.members import change_role, remove
from classes.models import Course, Membership, Role
from tests.factories import CourseFactory, UserFactory, member

pytestmark = pytest.mark.django_db(transaction=True)

application = URLRouter(websocket_urlpatterns)


@sync_to_async
def people() -> tuple[Course, Membership, Membership]:
    """A class with two teachers, of whom the first is looked at, and a student."""
    course = CourseFactory.create(slug="statistics")
    member(course, "other", Role.TEACHER)
    return course, member(course, "teacher", Role.TEACHER), member(course, "student")


def connection(user: User | AnonymousUser, session: dict[str, Any] | None = None) -> WebsocketCommunicator:
    """A socket of this person to the live page."""
    socket = WebsocketCommunicator(application, "/ws/classes/statistics/live/")
    socket.scope["user"], socket.scope["session"] = user, session or {}
    return socket


async def version(socket: WebsocketCommunicator) -> str:
    """The next version that is told."""
    while True:
        message: dict[str, Any] = await socket.receive_json_from(timeout=5)
        if message["type"] == "status":
            return str(message["version"])


async def test_a_raised_hand_is_told() -> None:
    _course, teacher, student = await people()
    socket = connection(teacher.person)
    await socket.connect()
    before = await version(socket)

    await sync_to_async(raise_hand)(student, now=timezone.now())

    assert await version(socket) != before
    await socket.disconnect()


async def test_a_change_nobody_announced_is_told_all_the_same() -> None:
    _course, teacher, student = await people()
    socket = connection(teacher.person)
    await socket.connect()
    before = await version(socket)

    await sync_to_async(Membership.objects.filter(pk=student.pk).update)(hand_raised_at=timezone.now())

    assert await version(socket) != before
    await socket.disconnect()


async def test_what_the_browser_says_is_ignored() -> None:
    _course, teacher, _student = await people()
    socket = connection(teacher.person)
    await socket.connect()
    await version(socket)

    await socket.send_json_to({"type": "wake", "version": "x"})

    assert await socket.receive_nothing(timeout=0.2)
    await socket.disconnect()


@pytest.mark.parametrize("how", ["role", "removed", "inactive", "deleted class"])
async def test_it_ends_when_the_teacher_is_none_any_more(how: str) -> None:
    course, teacher, _student = await people()
    socket = connection(teacher.person)
    await socket.connect()
    await version(socket)

    if how == "role":
        await sync_to_async(change_role)(teacher, Role.STUDENT, now=timezone.now())
    elif how == "removed":
        await sync_to_async(remove)(teacher, now=timezone.now() + timedelta(seconds=1))
    elif how == "inactive":
        await sync_to_async(User.objects.filter(pk=teacher.person.pk).update)(is_active=False)
    else:
        await sync_to_async(Course.objects.filter(pk=course.pk).update)(deleted_at=timezone.now())
    closing = await socket.receive_output(timeout=5)

    assert (closing["type"], closing["code"]) == ("websocket.close", 4404)
    await socket.disconnect()


@pytest.mark.parametrize("who", ["nobody", "stranger", "student", "teacher as student"])
async def test_it_is_not_there_for_others(who: str) -> None:
    course, teacher, student = await people()
    socket = {
        "nobody": lambda: connection(AnonymousUser()),
        "student": lambda: connection(student.person),
        "teacher as student": lambda: connection(teacher.person, {AS_STUDENT: [str(course.pk)]}),
    }.get(who, lambda: None)() or connection(await sync_to_async(UserFactory.create)())

    assert await socket.connect() == (False, 4404)


@pytest.mark.parametrize("who", ["grader", "administrator"])
async def test_it_is_there_for_graders_and_whoever_runs_the_site(who: str) -> None:
    course, _teacher, _student = await people()
    if who == "grader":
        person = (await sync_to_async(member)(course, "grader", Role.GRADER)).person
    else:
        person = await sync_to_async(UserFactory.create)(role=SiteRole.ADMINISTRATOR)
    socket = connection(person)

    assert (await socket.connect())[0]
    await socket.disconnect()
