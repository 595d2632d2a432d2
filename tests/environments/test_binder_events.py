"""What clients of the event stream are told of a build, by its rows."""

from __future__ import annotations

from datetime import datetime

import pytest

from accounts.models import Scope, User
from accounts.tokens import create_token
from environments.binder_events import Order, Seen, news_of
from environments.models import Build, BuildLogLine
from environments.values import Reference
from tests.factories import BuildFactory


def order_of(build: Build, person: User, now: datetime) -> Order:
    token, _secret = create_token(person, name="test", scopes=[*Scope], days=1, now=now)
    return Order(build.pk, True, Reference("gh", "ada/engine"), token.uuid)


@pytest.mark.parametrize(
    ("state", "said", "told"),
    [
        (Build.State.QUEUED, [], ["waiting"]),
        (Build.State.FETCHING, [], ["fetching"]),
        (Build.State.FETCHING, ["fetching"], ["fetching"]),
        (Build.State.BUILDING, [], []),
        (Build.State.BUILDING, ["fetching"], ["fetching"]),
        (Build.State.BUILDING, ["fetching", "building"], ["fetching", "building"]),
        (Build.State.PUSHING, ["fetching", "building"], ["fetching", "building"]),
    ],
)
def test_phases_never_run_ahead_of_the_log(
    student: User, now: datetime, state: str, said: list[str], told: list[str]
) -> None:
    build = BuildFactory.create(state=state, requested_by=student)
    BuildLogLine.objects.bulk_create(
        BuildLogLine(build=build, sequence=number, phase=phase, text="…") for number, phase in enumerate(said, start=1)
    )

    news = news_of(order_of(build, student, now), Seen(), now=now)

    assert [event["phase"] for event in news.events] == told
