"""A class on the Docker runtime and, beside it, the same class on JupyterHub with DockerSpawner.

What is compared: the time from asking for a server over the API, as a click does, until a cell of a new kernel has
printed, all through the gateway or the hub's proxy; one person alone, and everybody in the same second. And the
time from asking for the stop until the container is gone. Where that is asked for, also what a person waits whose
server was reserved and is up when they click, beside what they wait for at the peer, which knows no such thing.
Both run on the same engine, from the same image (the hub's has `jupyterhub` in it besides, without which its servers
do not run), with the same limits and a volume for the home. People are told that their server is up by what tells
the pages of either. The two take turns, and neither has anything to do while the other is measured.

What is not: the pages in a browser, which load the same JupyterLab from either; pulling and building images; a hub
on Kubernetes. Carrel asks more of the engine for each server (a network of its own, a second volume, no
capabilities) and of its git host (which commit it is to be), all of which is in its figures. Networks are taken away
after the stop, within seconds, which is not.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from django.conf import settings

from benchmarks.jupyterhub import JupyterHub
from benchmarks.people import Member, Person, admit, all_at_once, timed
from tests.docker_stack import InEngine, labels_of, new_prefix
from tests.engine import BASE_IMAGE
from tests.fakes.git_host import GitHost
from tests.stack import Stack

REPOSITORY = "class"
SETTLED_SECONDS = 5
"""How long the last of the servers that were started ahead has been up when people come: by default it is minutes."""


@dataclass(frozen=True)
class Row:
    """One line of the table: what it shows, and what part of the peer's figure it may be.

    `beside` is the figure of the peer's to compare with, where that is another.
    """

    title: str
    goal: float | None = None
    beside: str = ""


ROWS = {
    "one": Row("one person, from click to cell", 0.6),
    "one stop": Row("one person, stopping"),
    "class median": Row("everybody at once, from click to cell, median"),
    "class p95": Row("everybody at once, from click to cell, p95", 0.7),
    "class last": Row("everybody at once, from click to cell, slowest"),
    "class stop": Row("everybody at once, until the last has stopped", 0.2),
    "processor": Row("processor time of the machine for each of these"),
    "one prewarmed": Row("one person, whose server is up already", 0.1, beside="one"),
    "class prewarmed p95": Row("everybody at once, their servers up already, p95", 0.15, beside="class p95"),
    "failed": Row("failures"),
}


@dataclass
class Side:
    """One of the two: the people who use it, and what they found."""

    alone: Person
    everybody: Sequence[Person]
    one: list[float] = field(default_factory=list)
    one_stop: list[float] = field(default_factory=list)
    each: list[float] = field(default_factory=list)
    until_all_stopped: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    one_prewarmed: list[float] = field(default_factory=list)
    each_prewarmed: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def measure_alone(self) -> None:
        """One round of one person."""
        self.one.append(timed(self.alone.launch))
        self.one_stop.append(timed(self.alone.stop))

    def measure_class(self) -> None:
        """One round of everybody."""
        before = _busy_seconds()
        started = all_at_once([person.launch for person in self.everybody])
        self.processor.append((_busy_seconds() - before) / len(self.everybody))
        stopped = all_at_once([person.stop for person in self.everybody])
        self.each += started.seconds
        self.until_all_stopped.append(stopped.until_all_seconds)
        self.failures += started.failures + stopped.failures

    def measure_prewarmed(self, prewarm: Callable[[], None]) -> None:
        """One round of one person, and one of everybody, whose servers `prewarm` has started before."""
        prewarm()
        self.one_prewarmed.append(timed(self.alone.launch))
        self.alone.stop()
        started = all_at_once([person.launch for person in self.everybody])
        stopped = all_at_once([person.stop for person in self.everybody])
        self.each_prewarmed += started.seconds
        self.failures += started.failures + stopped.failures

    def figures(self) -> dict[str, float]:
        """By the keys of `ROWS`: seconds, and how many failed. Raises SystemExit when nobody got there."""
        if not self.each:
            raise SystemExit("\n".join(self.failures))
        prewarmed = {}
        if self.each_prewarmed:
            prewarmed = {
                "one prewarmed": statistics.median(self.one_prewarmed),
                "class prewarmed p95": _p95(self.each_prewarmed),
            }
        return prewarmed | {
            "one": statistics.median(self.one),
            "one stop": statistics.median(self.one_stop),
            "class median": statistics.median(self.each),
            "class p95": _p95(self.each),
            "class last": max(self.each),
            "class stop": statistics.median(self.until_all_stopped),
            "processor": statistics.median(self.processor),
            "failed": len(self.failures),
        }


def measure(*, rounds: int, people: int, peer: Path | None, prewarmed: bool = False) -> dict[str, Side]:
    """What was measured of Carrel, also with servers that were started before, and with a folder of JupyterHub."""
    names = [f"person-{number}" for number in range(people)]
    settings.configure(DOCKER_HOST=os.environ.get("DOCKER_HOST", ""), SECRET_KEY="unused")  # To ask the engine by.
    with ExitStack() as resources:
        host = resources.enter_context(GitHost())
        host.add(REPOSITORY, {"Dockerfile": f"FROM {BASE_IMAGE}\n"})
        stack = resources.enter_context(closing(ClassStack(host)))
        stack.start()
        [alone] = _members(stack, host, ["alone"])
        members = _members(stack, host, names)
        sides = {"carrel": Side(alone, members)}
        _once(alone)
        if peer is not None:
            hub = resources.enter_context(closing(JupyterHub(peer, stack.images()[0].tags[0])))
            hub.start()
            [somebody] = hub.people(["alone"])
            sides["jupyterhub"] = Side(somebody, hub.people(names))
            _once(somebody)
        for part in (Side.measure_alone, Side.measure_class):
            for number in range(rounds):
                for side in list(sides.values())[:: 1 if number % 2 == 0 else -1]:
                    part(side)
        for _number in range(rounds if prewarmed else 0):
            sides["carrel"].measure_prewarmed(lambda: _prewarm(stack, host, [*members, alone], ["alone", *names]))
        return sides


def report(figures: Mapping[str, Mapping[str, float]]) -> None:
    """Print the table."""
    ours, peers = figures["carrel"], figures.get("jupyterhub")
    print(f"{'seconds':50}{'Carrel':>9}" + (f"{'JupyterHub':>12}{'ratio':>8}   goal" if peers else ""))
    for key, row in ROWS.items():
        if key in ours:
            beside = _beside(ours[key], peers[row.beside or key], row.goal) if peers else ""
            print(f"{row.title:50}{ours[key]:9.2f}{beside}")


def _beside(ours: float, peers: float, goal: float | None) -> str:
    ratio = ours / peers if peers else 0.0
    verdict = f"   at most {goal}: {'met' if ratio <= goal else 'missed'}" if goal else ""
    return f"{peers:12.2f}{ratio:8.2f}{verdict}"


def _p95(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=20, method="inclusive")[-1]


def _once(person: Person) -> None:
    """The first time, when an image may have to be made, is not measured."""
    person.launch()
    person.stop()


def _busy_seconds() -> float:
    """Processor time everything on this machine has used, whoever it was."""
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice)


# --- Carrel ------------------------------------------------------------------------------------------------


class ClassStack(InEngine, Stack):
    """An embedded installation whose servers run on the engine, set up by its operator for a class."""

    def __init__(self, host: GitHost) -> None:
        self._prefix = new_prefix()
        super().__init__(
            RUNTIME="docker",
            IMAGE_PREFIX=self._prefix,
            REPOSITORY_ALLOWED_HOSTS=host.address,
            PYTHONDONTWRITEBYTECODE="",  # What is installed is compiled, as the hub is.
        )

    @property
    def labels(self) -> dict[str, str]:
        """What everything it makes in the engine is labelled with."""
        return labels_of(str(self.data_directory), (self.data_directory / "carrel.env").read_text())

    @property
    def image_prefix(self) -> str:
        """What the names of its images begin with."""
        return self._prefix

    def close(self) -> None:
        """End everything, and remove what it made in the engine."""
        with ExitStack() as endings:
            endings.callback(super().close)
            endings.callback(self.remove_everything)
            self.stop()


def _prewarm(stack: Stack, host: GitHost, members: Sequence[Member], names: Sequence[str]) -> None:
    """Have the servers of these people started for a time that comes, and return once all of them run."""
    command = [sys.executable, "-m", "benchmarks.make_reservations", host.url(REPOSITORY), *names]
    subprocess.run(command, env=stack.environment, check=True, timeout=120)
    for member in members:
        member.await_up()
    time.sleep(SETTLED_SECONDS)


def _members(stack: Stack, host: GitHost, names: Sequence[str]) -> list[Member]:
    return [Member(stack, credentials, host.url(REPOSITORY)) for credentials in admit(stack, names)]
