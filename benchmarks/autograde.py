"""How many submissions are graded in a second, beside `nbgrader autograde` with the same notebooks in the same run.

    python -m benchmarks.autograde [--submissions 30] [--workers 2] [--rounds 3] [--only process] [--json]

Carrel grades as it is deployed: workers as processes of their own, which share a database (SQLite, in a directory that
is gone afterwards), each submission with a kernel of its own, as processes and in sealed containers. A round lasts from
when the workers are told to begin until the last has found nothing more to do. `nbgrader autograde` is one process that
takes one submission after the other, from its start to its end. They take turns. All have to give the same points, or
nothing is printed.

Memory is what a worker and its engine take at most, without kernels: each page counted once, a page that n processes
share as 1/n for each.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.grading import ENGINE, NAME, POINTS, RELEASED, SUBMITTED
from tests.assignments.nbgrader_files import notebook

COMMAND = (sys.executable, "-m", "benchmarks.grading")
SAMPLE_SECONDS = 0.1
PATIENCE_SECONDS = 600
SANDBOXES = ("process", "docker")
PEER = "nbgrader"
GOALS = {"process": 2.0, "docker": 1.0}
TITLES = {
    "process": "Carrel, kernels as processes",
    "docker": "Carrel, kernels in containers",
    PEER: "nbgrader autograde, one after the other",
}


@dataclass
class Side:
    """One way to grade, and what was found."""

    grade: Callable[[], Round]
    rounds: list[Round] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """Medians of its rounds."""
        return {
            "per second": round(statistics.median(each.per_second for each in self.rounds), 3),
            "megabytes": round(statistics.median(each.megabytes for each in self.rounds)),
        }


@dataclass(frozen=True)
class Round:
    """One time that all were graded."""

    per_second: float
    megabytes: float


def main() -> None:
    """Measure and print."""
    options = _options()
    with ExitStack() as resources:
        data = resources.enter_context(_installation(options.submissions))
        sides = {
            name: Side(resources.enter_context(carrel(data, options.submissions, options.workers, sandbox=name)))
            for name in SANDBOXES
            if options.only in (None, name)
        }
        sides[PEER] = Side(resources.enter_context(nbgrader(options.submissions)))
        for number in range(options.rounds):
            for side in list(sides.values())[:: 1 if number % 2 == 0 else -1]:
                side.rounds.append(side.grade())
    figures = {name: side.figures() for name, side in sides.items()}
    if options.json:
        print(json.dumps(vars(options) | {"figures": figures}, indent=2))
        return
    report(figures, options)


def report(figures: Mapping[str, Mapping[str, float]], options: argparse.Namespace) -> None:
    """Print the table."""
    print(
        f"{options.submissions} submissions, {options.workers} workers, {options.rounds} rounds, {os.cpu_count()} cores"
    )
    print(f"{'':44}{'each second':>12}{'ratio':>8}{'MB':>7}   goal")
    for name, found in figures.items():
        ratio = found["per second"] / figures[PEER]["per second"]
        print(
            f"{TITLES[name]:44}{found['per second']:12.2f}{ratio:8.2f}{found['megabytes']:7.0f}{_verdict(name, found)}"
        )


def _verdict(name: str, found: Mapping[str, float]) -> str:
    goal = GOALS.get(name)
    return f"   at least {goal:g}: {'met' if found['per second'] >= goal else 'missed'}" if goal else ""


# --- Carrel ------------------------------------------------------------------------------------------------


@contextmanager
def carrel(data: Path, submissions: int, workers: int, *, sandbox: str) -> Iterator[Callable[[], Round]]:
    """Workers of this installation that stand ready."""
    with ExitStack() as ends:
        running = [ends.enter_context(_worker(data, sandbox)) for _ in range(workers)]
        yield lambda: _graded(running, submissions)


@contextmanager
def _installation(submissions: int) -> Iterator[Path]:
    """The data directory of one with a class that has submitted."""
    with tempfile.TemporaryDirectory(prefix="carrel-autograde-", ignore_cleanup_errors=True) as place:
        data = Path(place)
        filling = [*COMMAND, "fill", str(submissions)]
        subprocess.run(filling, env=_environment(data, "process"), check=True, timeout=PATIENCE_SECONDS)
        yield data


def _environment(data: Path, sandbox: str) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "EMBEDDED": "true",
        "CARREL_DATA": str(data),
        "SECRET_KEY": "not-a-secret-only-to-measure-with-" + "x" * 40,
        "PORT": "8000",
        "RUNTIME": sandbox,
        "BUILDER": "benchmarks.grading.OneImage",
        "REDIS_URL": "memory://localhost/",
    }


@contextmanager
def _worker(data: Path, sandbox: str) -> Iterator[subprocess.Popen[str]]:
    worker = subprocess.Popen(
        [*COMMAND, "work"],
        env=_environment(data, sandbox),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        _expect(worker, "ready")
        yield worker
    finally:
        assert worker.stdin is not None
        with suppress(BrokenPipeError):
            worker.stdin.close()
        worker.wait(PATIENCE_SECONDS)


def _graded(workers: Sequence[subprocess.Popen[str]], submissions: int) -> Round:
    """Have everything asked for again, which is not measured, and graded, which is."""
    _tell(workers[0], "ask")
    _expect(workers[0], "asked")
    with watched(workers[0].pid) as memory:
        began = time.monotonic()
        for worker in workers:
            _tell(worker, "work")
        for worker in workers:
            _expect(worker, "done")
        seconds = time.monotonic() - began
    _tell(workers[0], "check")
    _expect(workers[0], f"{submissions} right")
    return Round(submissions / seconds, memory.megabytes)


def _tell(worker: subprocess.Popen[str], word: str) -> None:
    assert worker.stdin is not None
    worker.stdin.write(f"{word}\n")
    worker.stdin.flush()


def _expect(worker: subprocess.Popen[str], word: str) -> None:
    assert worker.stdout is not None
    said = worker.stdout.readline().strip()
    if said != word:
        raise SystemExit(f"a worker says {said!r} rather than {word!r}")


# --- nbgrader ----------------------------------------------------------------------------------------------


@contextmanager
def nbgrader(submissions: int) -> Iterator[Callable[[], Round]]:
    """A course directory of nbgrader's with the same notebooks in it."""
    with tempfile.TemporaryDirectory(prefix="nbgrader-autograde-") as place:
        course = Path(place)
        _put(RELEASED, course / "source" / NAME)
        _run(course, "generate_assignment", NAME)
        for number in range(submissions):
            _put(SUBMITTED, course / "submitted" / f"student-{number}" / NAME)
        yield lambda: _graded_by_nbgrader(course, submissions)


def _graded_by_nbgrader(course: Path, submissions: int) -> Round:
    shutil.rmtree(course / "autograded", ignore_errors=True)
    began = time.monotonic()
    megabytes = _run(course, "autograde", NAME, "--force")
    seconds = time.monotonic() - began
    _run(course, "export", f"--to={course / 'grades.csv'}")
    rows = (course / "grades.csv").read_text().splitlines()
    column = rows[0].split(",").index("raw_score")
    right = sum(float(row.split(",")[column]) == POINTS for row in rows[1:])
    if right != submissions:
        raise SystemExit(f"nbgrader gave {right} of {submissions} the points they earned")
    return Round(submissions / seconds, megabytes)


def _run(course: Path, *arguments: str) -> float:
    """Run nbgrader, and return how many megabytes it took at most."""
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    with (course / "nbgrader.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "nbgrader", *arguments],
            cwd=course,
            env={**os.environ, "PATH": programs},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        with watched(process.pid) as memory:
            status = process.wait(PATIENCE_SECONDS)
    if status:
        raise SystemExit((course / "nbgrader.log").read_text())
    return memory.megabytes


def _put(name: str, folder: Path) -> None:
    folder.mkdir(parents=True)
    shutil.copy(notebook(name), folder / "problem1.ipynb")


# --- Memory ------------------------------------------------------------------------------------------------


class Memory:
    """What a process and its engine took at most."""

    def __init__(self) -> None:
        self.megabytes = 0.0

    def look(self, process: psutil.Process) -> None:
        """Measure once."""
        found = [process, *filter(_is_engine, process.children(recursive=True))]
        self.megabytes = max(self.megabytes, sum(map(_megabytes, found)))


@contextmanager
def watched(pid: int) -> Iterator[Memory]:
    """The memory of the process and its engine while this lasts."""
    memory, over = Memory(), threading.Event()

    def watch() -> None:
        while not over.wait(SAMPLE_SECONDS):
            with suppress(psutil.Error):
                memory.look(psutil.Process(pid))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        over.set()
        thread.join()


def _is_engine(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return ENGINE in process.cmdline()
    return False


def _megabytes(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        return float(process.memory_full_info().pss) / 1024**2
    return 0.0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", type=int, default=30)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=SANDBOXES, help="measure this sandbox only, beside nbgrader")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
