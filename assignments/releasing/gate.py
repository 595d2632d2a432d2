"""The check of a source before it is given out: asked for by a row, carried out by a worker under a lease.

It looks at the notebooks without running them, makes the release that students would get, and then runs tests over the
teacher's own solution, which must get everything, and over the students' version, which must get nothing; each twice.
Whatever is wrong with the notebooks is a finding of a check that was done. It fails only where it could not be done.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import User
from assignments import artefacts
from assignments.errors import AssignmentError
from assignments.files import SUFFIX, Bundle
from assignments.models import Assignment, GateRun, Source
from assignments.notebooks.cells import read as read_notebook
from assignments.releasing.findings import GATE_WORDS, Finding, worst_first
from assignments.running import engine, grading_runs
from assignments.running.engine import CellRow, ScoredCell, Snippet
from assignments.running.executing import Ending, Flag, execute
from assignments.running.grading_runs import (
    Run,
    Terms,
    bundle_in,
    data_of,
    find_image,
    notebooks_of,
    read_bundle,
    written,
)
from environments.errors import EnvironmentsError, SystemFailure, UserError
from environments.leases import kept_alive, lease_from
from environments.models import Outcome
from environments.queueing import enqueue
from environments.sandboxes.base import KernelConnection
from environments.scratch import scratch
from environments.values import Image

__all__ = [
    "GATE_WORDS",
    "Finding",
    "ask_gate_run",
    "carry_out_gate_run",
    "findings_of",
    "tend_gate_runs",
    "waits_for_environment",
]

logger = logging.getLogger(__name__)

TASK = "assignments.tasks.check_source"
MAX_TRIES = 3
RUNS = 2
"""How often each version is run: what comes by chance shows by then, more often than not."""
AUTOTESTS = "autotests.yml"
"""What tells nbgrader how to write tests. Students do not get it."""
_NOT_ABOUT_THE_SOURCE = grading_runs.NOT_ABOUT_THE_NOTEBOOKS | {"artefact_missing"}
_TELLING_CHARACTERS = 12
_MOST_FILE_BYTES = 1_000_000
_MOST_WORDS = 300

Clock = Callable[[], datetime]
State = GateRun.State

_ENVIRONMENT = "source__assignment__course__environment__"
_WAITS_FOR_ENVIRONMENT = Q(**{f"{_ENVIRONMENT}commit": "", f"{_ENVIRONMENT}outcome": Outcome.PREPARING})
"""Of a class that is so new that there is nothing yet in which notebooks could run."""


class _Taken(Exception):
    """Another worker has it by now."""


# --- Asking ------------------------------------------------------------------------------------------------


def ask_gate_run(source: Source, *, by: User | None, now: datetime) -> GateRun:
    """Have a source checked. Asking while that is under way is asking once."""
    try:
        with transaction.atomic():
            run = GateRun.objects.create(source=source, asked_by=by, asked_at=now)
            enqueue(TASK, run.pk)
    except IntegrityError:
        return source.gate_runs.get(state__in=(State.WAITING, State.RUNNING))
    return run


def tend_gate_runs(*, now: datetime) -> None:
    """Take back what dead workers had, and ask for what waits. Safe to repeat."""
    for run in GateRun.objects.filter(state=State.RUNNING, lease_until__lt=now):
        _give_back(run, AssignmentError("grading_interrupted"), now=now)
    waiting = GateRun.objects.filter(state=State.WAITING).exclude(_WAITS_FOR_ENVIRONMENT)
    for key in waiting.order_by("asked_at").values_list("pk", flat=True)[:20]:
        enqueue(TASK, key)


def waits_for_environment(run: GateRun) -> bool:
    """Whether it begins once the environment of its class is prepared, which is under way for the first time."""
    return GateRun.objects.filter(_WAITS_FOR_ENVIRONMENT, pk=run.pk, state=State.WAITING).exists()


def findings_of(run: GateRun) -> list[Finding]:
    """What it found, worst first."""
    return [Finding.from_row(stored) for stored in run.findings]


# --- Carrying out ------------------------------------------------------------------------------------------


def carry_out_gate_run(run: GateRun, *, clock: Clock = timezone.now) -> None:
    """Check the source, unless another worker does or it has to wait. Safe to call in any number of processes."""
    claimed = _claim(run, now=clock())
    if claimed is None:
        return
    try:
        with kept_alive(lambda: _renewed(claimed, now=clock())):
            checked = _check(claimed)
        _finish(claimed, checked, now=clock())
    except _Taken:
        logger.info("gate run %s was taken over", claimed.pk)
    except UserError as error:
        end = _give_back if error.code in grading_runs.NOT_ABOUT_THE_NOTEBOOKS else _fail
        end(claimed, error, now=clock())
    except SystemFailure as trouble:
        logger.warning("gate run %s could not be carried out: %s", claimed.pk, trouble)
        _give_back(claimed, trouble, now=clock())


def _claim(run: GateRun, *, now: datetime) -> GateRun | None:
    waiting = GateRun.objects.filter(pk=run.pk, state=State.WAITING).exclude(
        pk__in=GateRun.objects.filter(_WAITS_FOR_ENVIRONMENT)
    )
    worker = uuid.uuid4()
    claimed = waiting.update(
        state=State.RUNNING, worker=worker, tries=F("tries") + 1, lease_until=lease_from(now), began_at=now
    )
    if not claimed:
        return None
    return GateRun.objects.select_related("source__assignment__course__environment").get(pk=run.pk)


@dataclass(frozen=True, slots=True)
class _Made:
    """A release as it would be given out."""

    bundle: Bundle
    gradebook: bytes
    cells: tuple[CellRow, ...]


@dataclass(frozen=True, slots=True)
class _Checked:
    """What came of a check."""

    findings: list[Finding]
    made: _Made | None = None
    image_key: str = ""


def _check(run: GateRun) -> _Checked:
    assignment, source = run.source.assignment, read_bundle(run.source.bundle)
    image, findings = _image(assignment)
    with scratch("gate") as place:
        folder = written(source, place / "source")
        linted = engine.lint(folder, name=assignment.name).findings
        findings += [Finding(**dataclasses.asdict(one)) for one in linted]
        try:
            made = _make(folder, source, assignment=assignment, image=image)
        except UserError as error:
            return _Checked(findings + _why_nothing(error, findings))
    findings += _leaks(source, made)
    if image is None:
        return _Checked(findings, made)
    terms = Terms.of(assignment, gradebook=made.gradebook, image=image)
    try:
        findings += _rehearse(source, made, terms=terms, still_ours=lambda: _check_ours(run))
    except UserError as error:
        if error.code in grading_runs.NOT_ABOUT_THE_NOTEBOOKS:
            raise
        findings.append(_finding_of(error))
    return _Checked(findings, made, image.key)


def _image(assignment: Assignment) -> tuple[Image | None, list[Finding]]:
    """What the class works in. Without it much can be said of notebooks, but not that they work."""
    try:
        return find_image(assignment), []
    except AssignmentError as error:
        return None, [_finding_of(error)]


def _make(folder: Path, source: Bundle, *, assignment: Assignment, image: Image | None) -> _Made:
    into = folder.parent / "made"
    if image is None:
        generated = engine.generate(folder, name=assignment.name, into=into)
    else:
        with _kernels(source, assignment=assignment, image=image) as ask:
            generated = engine.generate(folder, name=assignment.name, into=into, run=ask)
    bundle = bundle_in(into / "release", limits=grading_runs.LIMITS)
    for name in bundle.notebooks:  # What cannot be read here could not be when it is handed in either.
        read_notebook(bundle.notebook(name), name=name)
    return _Made(bundle, (into / "gradebook.db").read_bytes(), generated.cells)


def _why_nothing(error: UserError, findings: Sequence[Finding]) -> list[Finding]:
    """The reason why no release could be made, where nothing better is known. Raises it if that is not the source."""
    if error.code in _NOT_ABOUT_THE_SOURCE:
        raise error
    is_known = any(one.is_error and one.notebook == error.facts.get("notebook", one.notebook) for one in findings)
    return [] if is_known else [_finding_of(error)]


def _finding_of(error: EnvironmentsError) -> Finding:
    facts = {key: str(value) for key, value in error.facts.items()}
    return Finding(error.code, "error", facts.get("notebook", ""), facts=facts)


# --- Tests that the solution writes --------------------------------------------------------------------------


@contextmanager
def _kernels(
    source: Bundle, *, assignment: Assignment, image: Image
) -> Iterator[Callable[[Snippet], Sequence[Mapping[str, Any]]]]:
    """Runs the snippets of AUTOTEST lines: in a sandbox, one kernel for each notebook."""
    terms = Terms.of(assignment, gradebook=b"", image=image)
    budget = terms.budget(terms.total_seconds)
    data = data_of(source)
    with ExitStack() as open_kernels:
        kernels: dict[str, KernelConnection] = {}

        def ask(snippet: Snippet) -> Sequence[Mapping[str, Any]]:
            notebook = _notebook_of(snippet)
            if snippet.notebook not in kernels:
                kernel = terms.kernel(notebook, data=data, budget=budget)
                kernels[snippet.notebook] = open_kernels.enter_context(kernel)
            ran = execute(notebook, kernel=kernels[snippet.notebook], budget=budget, canaries=False)
            outputs: list[Mapping[str, Any]] = ran.notebook["cells"][0]["outputs"]
            return outputs

        yield ask


def _notebook_of(snippet: Snippet) -> dict[str, Any]:
    cell: dict[str, Any] = {
        "cell_type": "code",
        "source": snippet.code,
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
    return {"cells": [cell], "metadata": {"kernelspec": {"name": snippet.kernel}}, "nbformat": 4, "nbformat_minor": 5}


# --- The rehearsal -------------------------------------------------------------------------------------------


def _rehearse(source: Bundle, made: _Made, *, terms: Terms, still_ours: Callable[[], None]) -> list[Finding]:
    """Run the solution and the students' version as if they were handed in."""

    def graded(version: Bundle) -> list[Run]:
        notebooks, data = notebooks_of(version), data_of(source, made.bundle)
        data = Bundle(tuple(file for file in data if file.path != AUTOTESTS))
        on_cell = lambda _done, _total: still_ours()  # noqa: E731
        return [grading_runs.run(notebooks, data=data, terms=terms, on_cell=on_cell) for _number in range(RUNS)]

    solution, stub = graded(source), graded(made.bundle)
    positions = {(cell.notebook, cell.grade_id): cell.position for cell in made.cells}
    return [
        *_of_solution(solution[0], terms, positions),
        *_of_stub(stub[0], positions),
        *_of_chance(solution, positions),
        *_of_chance(stub, positions),
    ]


Positions = Mapping[tuple[str, str], int]
_ENDED = {
    Ending.KERNEL_DIED: "solution_died",
    Ending.STUCK: "solution_stuck",
    Ending.OUT_OF_TIME: "solution_out_of_time",
}


def _at(cell: ScoredCell, positions: Positions) -> dict[str, Any]:
    return {
        "notebook": cell.notebook,
        "cell": cell.grade_id,
        "position": positions.get((cell.notebook, cell.grade_id), -1),
    }


def _of_solution(run: Run, terms: Terms, positions: Positions) -> Iterator[Finding]:
    for name, executed in run.executed.items():
        if executed.ending is not Ending.COMPLETED:
            facts = {"seconds": str(terms.total_seconds), "memory": str(terms.memory_mb)}
            yield Finding(_ENDED[executed.ending], "error", name, facts=facts)
        for report in executed.cells:
            if Flag.TAMPERED in report.flags:
                yield Finding("tampered_here", "warning", name, report.grade_id, report.position)
    seconds = sum(executed.seconds for executed in run.executed.values())
    if seconds > terms.total_seconds / 2:
        facts = {"seconds": f"{seconds:.0f}", "most": str(terms.total_seconds)}
        yield Finding("solution_slow", "warning", facts=facts)
    outputs = _outputs_of(run)
    for cell in _tests(run):
        put_out = outputs.get((cell.notebook, cell.grade_id), [])
        has_stderr = any(output.get("name") == "stderr" for output in put_out)
        if has_stderr:
            level = "error" if _points(cell) < cell.max_points else "warning"
            yield Finding("stderr_in_tests", level, **_at(cell, positions))  # type: ignore[arg-type]
        if _points(cell) < cell.max_points and not (has_stderr and not _why(put_out)):
            facts = {"points": f"{_points(cell):g}", "most": f"{cell.max_points:g}", "why": _why(put_out) or "?"}
            yield Finding("solution_fails", "error", **_at(cell, positions), facts=facts)


def _of_stub(run: Run, positions: Positions) -> Iterator[Finding]:
    for cell in _tests(run):
        if _points(cell) > 0:
            facts = {"points": f"{_points(cell):g}", "most": f"{cell.max_points:g}"}
            yield Finding("stub_earns", "error", **_at(cell, positions), facts=facts)


def _of_chance(runs: Sequence[Run], positions: Positions) -> Iterator[Finding]:
    for first, second in zip(_tests(runs[0]), _tests(runs[-1]), strict=True):
        if first.auto_points != second.auto_points:
            facts = {"first": f"{_points(first):g}", "second": f"{_points(second):g}"}
            yield Finding("runs_differ", "error", **_at(first, positions), facts=facts)


def _tests(run: Run) -> list[ScoredCell]:
    return sorted(
        (cell for cell in run.scored.cells if cell.kind == "tests"), key=lambda cell: (cell.notebook, cell.grade_id)
    )


def _points(cell: ScoredCell) -> float:
    return cell.auto_points or 0.0


def _outputs_of(run: Run) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    return {
        (name, report.grade_id): executed.notebook["cells"][report.position]["outputs"]
        for name, executed in run.executed.items()
        for report in executed.cells
        if report.grade_id
    }


def _why(outputs: Sequence[Mapping[str, Any]]) -> str:
    """What a test said in failing."""
    for output in outputs:
        if output.get("output_type") == "error":
            return f"{output.get('ename', '')}: {output.get('evalue', '')}"[:_MOST_WORDS].rstrip(": ")
    return ""


# --- What students should not see ----------------------------------------------------------------------------


def _leaks(source: Bundle, made: _Made) -> Iterator[Finding]:
    """Lines of solutions and hidden tests in the files beside the notebooks. Notebooks themselves are linted."""
    secrets = {line for name in made.bundle.notebooks for line in _taken_out(source, made.bundle, name)}
    for file in data_of(made.bundle):
        if len(file.content) > _MOST_FILE_BYTES or b"\0" in file.content[:1000]:
            continue
        lines = {line.strip() for line in file.content.decode("utf-8", "replace").splitlines()}
        for line in sorted(secrets & lines)[:1]:
            yield Finding("solution_in_file", "warning", facts={"file": file.path, "line": line[:100]})


def _taken_out(source: Bundle, release: Bundle, name: str) -> set[str]:
    """The telling lines of a notebook that are not in the students' version of it."""
    before, after = _lines(source.read(name + SUFFIX)), _lines(release.read(name + SUFFIX))
    return {line for line in before - after if len(line) >= _TELLING_CHARACTERS and "###" not in line}


def _lines(notebook: bytes | None) -> set[str]:
    cells = json.loads(notebook or b"{}").get("cells", [])
    sources = (cell.get("source", "") for cell in cells)
    texts = (text if isinstance(text, str) else "".join(text) for text in sources)
    return {line.strip() for text in texts for line in text.splitlines()}


# --- Ends --------------------------------------------------------------------------------------------------


def _finish(run: GateRun, checked: _Checked, *, now: datetime) -> None:
    made, findings = checked.made, worst_first(checked.findings)
    kept = (
        {} if made is None else {"bundle": artefacts.keep(made.bundle.tar), "gradebook": artefacts.keep(made.gradebook)}
    )
    ended = _ours(run).update(
        state=State.DONE,
        done_at=now,
        lease_until=None,
        engine_version=version("nbgrader"),
        image_key=checked.image_key,
        cells=[] if made is None else [_row(cell) for cell in made.cells],
        findings=[dataclasses.asdict(finding) for finding in findings],
        has_passed=made is not None and not any(finding.is_error for finding in findings),
        failure_code="",
        failure_facts={},
        **kept,
    )
    if not ended:
        raise _Taken


def _row(cell: CellRow) -> dict[str, Any]:
    """What is kept of a cell: not its source, which has the hidden tests."""
    row = dataclasses.asdict(cell)
    del row["source"]
    return row


def _fail(run: GateRun, error: EnvironmentsError, *, now: datetime) -> None:
    failure = {"failure_code": error.code, "failure_facts": error.facts}
    _ours(run).update(state=State.FAILED, done_at=now, lease_until=None, **failure)


def _give_back(run: GateRun, error: EnvironmentsError, *, now: datetime) -> None:
    """Have another worker try, unless enough have."""
    if run.tries >= MAX_TRIES:
        _fail(run, error, now=now)
    else:
        _ours(run).update(state=State.WAITING, worker=None, lease_until=None)


def _ours(run: GateRun) -> Any:
    return GateRun.objects.filter(pk=run.pk, state=State.RUNNING, worker=run.worker)


def _check_ours(run: GateRun) -> None:
    if not _ours(run).exists():
        raise _Taken


def _renewed(run: GateRun, *, now: datetime) -> bool:
    return bool(_ours(run).update(lease_until=lease_from(now)))
