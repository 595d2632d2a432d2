"""A class on the Docker runtime and, beside it, the same class on JupyterHub with DockerSpawner.

What is compared: the time from asking for a server over the API, as a click does, until a cell of a new kernel has
printed, all through the gateway or the hub's proxy; one person alone, and everybody in the same second. And the
time from asking for the stop until the container is gone. Both run on the same engine, from the same image (the
hub's has `jupyterhub` in it besides, without which its servers do not run), with the same limits and a volume for
the home. People are told that their server is up by what tells the pages of either. The two take turns, and neither
has anything to do while the other is measured.

What is not: the pages in a browser, which load the same JupyterLab from either; pulling and building images; a hub
on Kubernetes. Carrel asks more of the engine for each server (a network of its own, a second volume, no
capabilities) and of its git host (which commit it is to be), all of which is in its figures. Networks are taken away
after the stop, within seconds, which is not.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import docker
import psutil

from benchmarks.jupyterhub import JupyterHub
from benchmarks.people import Member, Person, admit, all_at_once, timed
from environments.engine import INSTALLATION_LABEL
from environments.processes import INSTALLATION, installation_label
from tests.engine import BASE_IMAGE
from tests.fakes.git_host import GitHost
from tests.stack import Stack

PREFIX = "carrel-benchmark/"


@dataclass(frozen=True)
class Row:
    """One line of the table: what it shows, and what part of the peer's figure it may be."""

    title: str
    goal: float | None = None


ROWS = {
    "one": Row("one person, from click to cell", 0.6),
    "one stop": Row("one person, stopping"),
    "class median": Row("everybody at once, from click to cell, median"),
    "class p95": Row("everybody at once, from click to cell, p95", 0.7),
    "class last": Row("everybody at once, from click to cell, slowest"),
    "class stop": Row("everybody at once, until the last has stopped", 0.2),
    "processor": Row("processor time of the machine for each of these"),
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

    def figures(self) -> dict[str, float]:
        """By the keys of `ROWS`: seconds, and how many failed. Raises SystemExit when nobody got there."""
        if not self.each:
            raise SystemExit("\n".join(self.failures))
        return {
            "one": statistics.median(self.one),
            "one stop": statistics.median(self.one_stop),
            "class median": statistics.median(self.each),
            "class p95": statistics.quantiles(self.each, n=20, method="inclusive")[-1],
            "class last": max(self.each),
            "class stop": statistics.median(self.until_all_stopped),
            "processor": statistics.median(self.processor),
            "failed": len(self.failures),
        }


def measure(*, rounds: int, people: int, peer: Path | None) -> dict[str, Side]:
    """What was measured of Carrel and, with a folder for it, of JupyterHub."""
    names = [f"person-{number}" for number in range(people)]
    with ExitStack() as resources:
        host = resources.enter_context(GitHost())
        stack = resources.enter_context(_stack_for(host))
        [alone] = _members(stack, host, ["alone"])
        sides = {"carrel": Side(alone, _members(stack, host, names))}
        _once(alone)
        if peer is not None:
            hub = resources.enter_context(closing(JupyterHub(peer, _image_of(stack))))
            hub.start()
            [somebody] = hub.people(["alone"])
            sides["jupyterhub"] = Side(somebody, hub.people(names))
            _once(somebody)
        for part in (Side.measure_alone, Side.measure_class):
            for number in range(rounds):
                for side in list(sides.values())[:: 1 if number % 2 == 0 else -1]:
                    part(side)
        return sides


def report(figures: Mapping[str, Mapping[str, float]]) -> None:
    """Print the table."""
    ours, peers = figures["carrel"], figures.get("jupyterhub")
    print(f"{'seconds':50}{'Carrel':>9}" + (f"{'JupyterHub':>12}{'ratio':>8}   goal" if peers else ""))
    for key, row in ROWS.items():
        print(f"{row.title:50}{ours[key]:9.2f}" + (_beside(ours[key], peers[key], row.goal) if peers else ""))


def _beside(ours: float, peers: float, goal: float | None) -> str:
    ratio = ours / peers if peers else 0.0
    verdict = f"   at most {goal}: {'met' if ratio <= goal else 'missed'}" if goal else ""
    return f"{peers:12.2f}{ratio:8.2f}{verdict}"


def _once(person: Person) -> None:
    """The first time, when an image may have to be made, is not measured."""
    person.launch()
    person.stop()


def _busy_seconds() -> float:
    """Processor time everything on this machine has used, whoever it was."""
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice)


# --- Carrel ------------------------------------------------------------------------------------------------


@contextmanager
def _stack_for(host: GitHost) -> Iterator[Stack]:
    """A stack whose servers run on the engine; nothing of it is left in there afterwards."""
    host.add("class", {"Dockerfile": f"FROM {BASE_IMAGE}\n"})
    stack = Stack(
        RUNTIME="docker",
        IMAGE_PREFIX=PREFIX,
        REPOSITORY_ALLOWED_HOSTS=host.address,
        API_REQUESTS_PER_MINUTE="0",
        PYTHONDONTWRITEBYTECODE="",  # Installed software is compiled, and so is the hub's.
    )
    with ExitStack() as endings:
        endings.callback(stack.close)
        endings.callback(_empty_engine, stack)
        endings.callback(stack.stop)
        stack.start()
        yield stack


def _members(stack: Stack, host: GitHost, names: Sequence[str]) -> list[Member]:
    return [Member(stack, credentials, host.url("class")) for credentials in admit(stack, names)]


def _image_of(stack: Stack) -> str:
    """The image the stack has made from the repository."""
    return str(docker.from_env().images.list(filters={"label": _label(stack)})[0].tags[0])


def _empty_engine(stack: Stack) -> None:
    """Remove every container, network, volume and image the stack has made."""
    engine, label = docker.from_env(), _label(stack)
    for container in engine.containers.list(all=True, filters={"label": label}):
        container.remove(force=True, v=True)
    for network in engine.networks.list(filters={"label": label}):
        network.remove()
    for volume in engine.volumes.list(filters={"label": label}):
        volume.remove()
    for image in engine.images.list(filters={"label": label}):
        engine.images.remove(str(image.id), force=True)


def _label(stack: Stack) -> str:
    """What everything this stack makes in the engine is labelled with."""
    return f"{INSTALLATION_LABEL}={installation_label(stack.data_directory)[INSTALLATION]}"
