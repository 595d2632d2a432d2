"""What is to be released is checked: made, run as the teacher and as nobody would answer it, and reported on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from assignments import artefacts, files
from assignments.files import Bundle, File
from assignments.models import Assignment, GateRun, Origin
from assignments.releasing.authoring import bring_source
from assignments.releasing.findings import GATE_WORDS, Finding, worst_first
from assignments.releasing.gate import (
    ask_gate_run,
    carry_out_gate_run,
    findings_of,
    tend_gate_runs,
    waits_for_environment,
)
from assignments.running import engine, grading_runs
from classes.models import Course
from environments.models import Environment, Outcome
from tests.assignments import nbgrader_files
from tests.assignments.grading import notebook
from tests.assignments.test_spoiled_notebooks import FakeImages
from tests.factories import AssignmentFactory, EnvironmentFactory, prepared

pytestmark = pytest.mark.django_db

State = GateRun.State
NO_TIME = 0.001
SOMEBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def assignment() -> Assignment:
    """One of a class whose environment is prepared."""
    assignment = AssignmentFactory.create(name="homework")
    prepared(assignment.course)
    return assignment


def test_sound_source_passes_and_becomes_a_release(real_sandbox: None, assignment: Assignment, now: datetime) -> None:
    run = _checked(assignment, _source(SQUARES, "assert square(3) == 9"), now)

    assert (run.state, run.has_passed, run.findings) == (State.DONE, True, [])
    assert [(cell["grade_id"], cell["kind"], cell["points"]) for cell in run.cells] == [
        ("square", "answer", 0),
        ("test_square", "tests", 2),
    ]
    given = files.from_tar([artefacts.read(run.bundle)], limits=files.Limits()).bundle
    assert b"x * x" not in given.notebook("problem1")
    assert run.engine_version
    assert artefacts.read(run.gradebook)


def test_check_waits_for_the_first_environment_of_a_class(fake_backends: None, now: datetime) -> None:
    assignment = AssignmentFactory.create(name="homework")
    environment = EnvironmentFactory.create(commit="", outcome=Outcome.PREPARING)
    Course.objects.filter(pk=assignment.course.pk).update(environment=environment)
    bundle = _source(SQUARES, "assert square(3) == 9")
    source = bring_source(assignment, bundle, origin=Origin.UPLOAD, by=assignment.course.owner, now=now)
    run = ask_gate_run(source, by=None, now=now)

    carry_out_gate_run(run, clock=lambda: now)

    run.refresh_from_db()
    assert (run.state, run.tries) == (State.WAITING, 0)
    assert waits_for_environment(run)

    Environment.objects.filter(pk=environment.pk).update(outcome=Outcome.FAILED)
    carry_out_gate_run(run, clock=lambda: now)

    run.refresh_from_db()
    assert run.state == State.DONE
    assert "grading_image_missing" in [one.code for one in findings_of(run)]


def test_whatever_is_wrong_with_tests_is_found_where_it_is(
    real_sandbox: None, assignment: Assignment, now: datetime, tmp_path: Path
) -> None:
    tests = {
        "fails": "assert square(3) == 8",
        "earns": "assert True",
        "by chance": CHANGES_EACH_TIME.format(marker=str(tmp_path / "seen")),
        "warns": "import sys\nprint('careful', file=sys.stderr)\nassert square(3) == 9",
    }

    run = _checked(assignment, _source(SQUARES, *tests.values()), now)

    found = [(one.code, one.cell) for one in findings_of(run) if one.code in FOUND_BY_RUNNING]
    assert not run.has_passed
    assert sorted(found) == [
        ("runs_differ", "test_square_3"),
        ("solution_fails", "test_square"),
        ("stderr_in_tests", "test_square_4"),
        ("stub_earns", "test_square_2"),
    ]


def test_tests_that_the_solution_writes_are_written_in_a_sandbox(
    real_sandbox: None, assignment: Assignment, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assignments.releasing.gate.RUNS", 1)
    bundle = Bundle(
        (File("autotests.yml", notebook("autotests.yml")), File("problem1.ipynb", notebook("autotest-simple.ipynb")))
    )

    run = _checked(assignment, bundle, now)

    assert run.gradebook
    assert "solution_fails" not in [one.code for one in findings_of(run)]
    given = files.from_tar([artefacts.read(run.bundle)], limits=files.Limits()).bundle
    assert [file.path for file in given] == ["problem1.ipynb"]


def test_source_of_which_nothing_can_be_made_is_a_check_that_was_done(
    fake_backends: None, assignment: Assignment, now: datetime
) -> None:
    content = nbgrader_files.notebook("duplicate-grade-ids.ipynb").read_bytes()

    run = _checked(assignment, Bundle((File("problem1.ipynb", content),)), now)

    assert (run.state, run.has_passed, run.gradebook) == (State.DONE, False, "")
    assert "id_duplicate" in [one.code for one in findings_of(run)]


def test_notebook_that_could_not_be_read_when_handed_in_is_not_given_out(
    fake_backends: None, assignment: Assignment, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assignments.notebooks.cells.MAX_CELLS", 1)

    run = _checked(assignment, _source(SQUARES, "assert square(3) == 9"), now)

    assert (run.state, run.gradebook) == (State.DONE, "")
    assert "notebook_unreadable" in [one.code for one in findings_of(run)]


def test_class_without_its_environment_is_checked_as_far_as_it_can_be(
    fake_backends: None, assignment: Assignment, now: datetime
) -> None:
    run = _checked(assignment, _source(SQUARES, "assert square(3) == 9"), now)

    assert (run.state, run.has_passed) == (State.DONE, False)
    assert [one.code for one in findings_of(run)] == ["grading_image_missing"]
    assert "check again" in findings_of(run)[0].words
    assert run.gradebook


def test_solution_in_a_file_beside_the_notebook_is_found(
    fake_backends: None, assignment: Assignment, now: datetime
) -> None:
    source = _source(SQUARES, "assert square(3) == 9")
    beside = File("answers.py", b"def square(x):\n    return x * x + 0\n")

    run = _checked(assignment, Bundle((beside, *source)), now)

    leaks = [one for one in findings_of(run) if one.code == "solution_in_file"]
    assert [one.facts["file"] for one in leaks] == ["answers.py"]


def test_asking_twice_is_asking_once(assignment: Assignment, now: datetime) -> None:
    source = bring_source(assignment, _source(SQUARES), origin=Origin.UPLOAD, by=assignment.course.owner, now=now)

    assert ask_gate_run(source, by=None, now=now) == ask_gate_run(source, by=None, now=now)


@pytest.mark.parametrize(("tries", "state"), [(1, State.WAITING), (3, State.FAILED)])
def test_check_of_a_dead_worker_is_taken_back(assignment: Assignment, now: datetime, tries: int, state: str) -> None:
    source = bring_source(assignment, _source(SQUARES), origin=Origin.UPLOAD, by=assignment.course.owner, now=now)
    run = ask_gate_run(source, by=None, now=now)
    GateRun.objects.filter(pk=run.pk).update(state=State.RUNNING, tries=tries, lease_until=now, worker=SOMEBODY)

    tend_gate_runs(now=now + timedelta(seconds=1))

    run.refresh_from_db()
    assert run.state == state


@pytest.mark.parametrize("limit", ["CALL_SECONDS", "LONG_CALL_SECONDS"])
def test_check_is_tried_again_where_nbgrader_took_too_long(
    limit: str, fake_backends: None, assignment: Assignment, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, limit, NO_TIME)

    run = _checked(assignment, _source(SQUARES, "assert square(3) == 9"), now)

    assert (run.state, run.tries, run.findings) == (State.WAITING, 1, [])


def test_check_is_tried_again_where_nbgrader_took_too_long_in_the_rehearsal(
    use_backends: Callable[..., None], assignment: Assignment, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_backends(builder=FakeImages)
    run_tests = grading_runs.run

    def run_in_no_time(*arguments: Any, **options: Any) -> grading_runs.Run:
        monkeypatch.setattr(engine, "CALL_SECONDS", NO_TIME)
        return run_tests(*arguments, **options)

    monkeypatch.setattr(grading_runs, "run", run_in_no_time)
    run = _checked(assignment, _source(SQUARES, "assert square(3) == 9"), now)

    assert (run.state, run.tries, run.findings) == (State.WAITING, 1, [])


def test_check_has_failed_where_nbgrader_took_too_long_three_times(
    fake_backends: None, assignment: Assignment, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "CALL_SECONDS", NO_TIME)
    run = _checked(assignment, _source(SQUARES, "assert square(3) == 9"), now)

    for _again in range(2):
        carry_out_gate_run(run, clock=lambda: now)

    run.refresh_from_db()
    assert (run.state, run.tries, run.failure_code) == (State.FAILED, 3, "engine_too_slow")


def test_findings_are_told_worst_first_and_once() -> None:
    warning, error = Finding("no_tests", "warning", "a"), Finding("id_missing", "error", "b")

    assert worst_first([warning, error, warning]) == [error, warning]


@pytest.mark.parametrize("code", GATE_WORDS)
def test_every_finding_has_words_without_its_facts(code: str) -> None:
    assert Finding(code, "error").words


SQUARES = "def square(x):\n    ### BEGIN SOLUTION\n    return x * x + 0\n    ### END SOLUTION"
FOUND_BY_RUNNING = {"runs_differ", "solution_fails", "stderr_in_tests", "stub_earns"}
CHANGES_EACH_TIME = """import pathlib
marker = pathlib.Path({marker!r})
is_first = not marker.exists()
marker.touch()
assert is_first and square(3) == 9"""


def _checked(assignment: Assignment, bundle: Bundle, now: datetime) -> GateRun:
    source = bring_source(assignment, bundle, origin=Origin.UPLOAD, by=assignment.course.owner, now=now)
    run = ask_gate_run(source, by=None, now=now)
    carry_out_gate_run(run, clock=lambda: now)
    run.refresh_from_db()
    return run


def _source(solution: str, *tests: str) -> Bundle:
    """A notebook with one answer in code, and tests of two points each."""
    cells = [_cell(solution, "square", grade=False, solution=True)]
    for number, code in enumerate(tests, 1):
        grade_id = "test_square" if number == 1 else f"test_square_{number}"
        cells.append(_cell(code, grade_id, grade=True, solution=False))
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    content = nbformat.writes(new_notebook(cells=cells, metadata=metadata)).encode()
    return Bundle((File("problem1.ipynb", content),))


def _cell(source: str, grade_id: str, *, grade: bool, solution: bool) -> nbformat.NotebookNode:
    about = {"schema_version": 3, "grade": grade, "solution": solution, "locked": grade, "task": False}
    points = {"points": 2} if grade else {}
    return new_code_cell(source, metadata={"nbgrader": {**about, **points, "grade_id": grade_id}})
