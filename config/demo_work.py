"""The assignments of the demo's class: one that most have submitted and that is half graded, and one to begin with.

All of it goes the way it goes in any class: the notebooks are checked and released, submissions received, points and
comments given, grades published. Only the tests were not run here, for the environment of the class is prepared by
whoever opens it first: what they give to each answer lies beside the notebooks, and a test sees that it is true.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from django.db import transaction

from accounts.models import User
from assignments import arranging
from assignments.deadlines import Allowance, LateRule, Step
from assignments.files import Bundle, File
from assignments.grading import autograding, gradebook, marking, rubrics
from assignments.grading.points import CellKey
from assignments.models import Assignment, GateRun, Origin, Release, RubricItem, Submission, Way
from assignments.releasing import authoring, gate, releases
from assignments.returning import requests
from assignments.running import engine
from assignments.running.engine import ScoredCell
from assignments.submitting.fetching import given_out
from assignments.submitting.submissions import receive
from classes.models import Course, Membership
from environments.errors import EnvironmentsError

logger = logging.getLogger(__name__)

SOURCES = Path(__file__).parent / "demo_assignments"
GRADED, OPEN = "describing-data", "playing-with-chance"
"""The assignments, by their folders and short names."""
CHECK_SECONDS = 60.0
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
LATE = LateRule(grace_minutes=15, steps=(Step(0, 90), Step(24 * 60, 75), Step(3 * 24 * 60, 50)))
ADVICE, PICTURE = "advice", "picture"
"""What a person grades."""
RUBRIC = (
    ("A reason from these numbers, said so that the owner can use it", 3),
    ("A reason from these numbers, but not in the owner's words", 2),
    ("A reason, but not from these numbers", 1),
)
NOTE = "Released before the environment of the class was prepared. Once it is, “Check again” tries the tests."
MESSAGE = "Well begun! Read the comments on question 4 before the next lesson: we start from there."


@dataclass(frozen=True, slots=True)
class Handed:
    """What somebody submits: which answer to each question, and how long before it is due."""

    who: str
    before: timedelta
    mean: str
    median: str
    spread: str
    advice: str
    picture: str
    marked: str = ""
    """Which of `advice` and `picture` are graded by now."""


BOTH = f"{ADVICE} {PICTURE}"
HANDED = (
    Handed("chloe", 6 * DAY, "right", "upper", "nothing", "outliers", "nothing"),  # Once more below.
    Handed("student", 2 * DAY, "right", "in-place", "right", "market", "tens", BOTH),
    Handed("amina", 5 * DAY, "right", "right", "right", "median", "tens", BOTH),
    Handed("benoit", 30 * HOUR, "loop", "upper", "of-a-sample", "outliers", "lines", BOTH),
    Handed("chloe", 3 * DAY, "right", "right", "mean-of-squares", "beans", "sorted", BOTH),
    Handed("daniel", 3 * HOUR, "whole", "unsorted", "no-root", "all-numbers", "nothing", BOTH),
    Handed("elif", 20 * HOUR, "right", "short", "right", "both", "tens", BOTH),
    Handed("farid", 28 * HOUR, "loop", "right", "right", "market", "lines", BOTH),
    Handed("giulia", 50 * HOUR, "right", "right", "of-a-sample", "median", "by-day", BOTH),
    Handed("hanna", -5 * HOUR, "right", "right", "right", "both", "sorted", BOTH),
    Handed("ivan", 9 * HOUR, "whole", "upper", "right", "all-numbers", "lines", ADVICE),
    Handed("jasmine", 26 * HOUR, "right", "prints", "of-a-sample", "market", "by-day", ADVICE),
    Handed("kofi", 4 * DAY, "loop", "short", "mean-of-squares", "median", "tens", ADVICE),
    Handed("lucia", 7 * HOUR, "right", "right", "right", "beans", "lines"),
    Handed("mateusz", 1 * HOUR, "right", "in-place", "no-root", "outliers", "sorted"),
    Handed("oscar", -30 * HOUR, "loop", "upper", "nothing", "all-numbers", "nothing"),
    Handed("priya", 44 * HOUR, "right", "right", "right", "both", "by-day"),
    Handed("quentin", 5 * HOUR, "right", "unsorted", "right", "market", "tens"),
)
"""In the order in which they are graded. Whoever is not named has submitted nothing."""
EXTENDED = "nora"
ASKING = ("benoit", "spread-tests", "I divided by n − 1, as it says in my book. Is that wrong?")


def load_work(course: Course, *, grader: User, now: datetime) -> None:
    """Give a class that never had an assignment its two. Nothing happens where the notebooks cannot be released now."""
    if Assignment.objects.filter(course=course).exists():
        return
    due_at = now.replace(minute=0, second=0, microsecond=0) - 3 * DAY
    try:
        graded = _give_out(
            course,
            GRADED,
            title="Describing data",
            summary="Mean, median and spread, written by yourself, and what they say about a café.",
            opens_at=due_at - 9 * DAY,
            due_at=due_at,
            lesson=course.lessons.filter(position=0).first(),
        )
        _give_out(
            course,
            OPEN,
            title="Playing with chance",
            summary="Two dice, thrown ten thousand times.",
            opens_at=due_at + 2 * DAY,
            due_at=due_at + 9 * DAY,
            lesson=course.lessons.filter(position=1).first(),
        )
        _do_it(graded, grader=grader, now=now)
    except EnvironmentsError as error:
        logger.warning("the demo has no graded assignment: %s", error)
    finally:
        engine.rest()


# --- Giving out --------------------------------------------------------------------------------------------


def _give_out(course: Course, name: str, *, title: str, opens_at: datetime, due_at: datetime, **facts: Any) -> Release:
    """Make, check and release one of the assignments."""
    assignment = authoring.add_assignment(course, title=title, name=name, **facts)
    arranging.edit_assignment(
        assignment,
        {"opens_at": opens_at, "due_at": due_at, "closes_at": due_at + 7 * DAY, "late": LATE.as_json(), "attempts": 5},
    )
    notebook = SOURCES / name / f"{name}.ipynb"
    bundle = Bundle((File(notebook.name, notebook.read_bytes()),))
    owner, before = course.owner, opens_at - DAY
    source = authoring.bring_source(
        assignment, bundle, origin=Origin.UPLOAD, detail=notebook.name, by=owner, now=before
    )
    run = gate.ask_gate_run(source, by=owner, now=before)
    gate.carry_out_gate_run(run)
    made = releases.release(assignment, _ended(run), by=owner, now=before, is_knowing=True, note=NOTE)
    made.assignment = assignment
    return made


def _ended(run: GateRun) -> GateRun:
    """The check once it is done: a worker may have been quicker than we were."""
    deadline = time.monotonic() + CHECK_SECONDS
    run.refresh_from_db()
    while run.state in (GateRun.State.WAITING, GateRun.State.RUNNING) and time.monotonic() < deadline:
        time.sleep(0.1)
        run.refresh_from_db()
    return run


# --- Working on it -----------------------------------------------------------------------------------------


def _do_it(release: Release, *, grader: User, now: datetime) -> None:
    """Submit what the class has done, grade the most of it, and tell those whose work is graded."""
    assignment = release.assignment
    members = {it.person.username: it for it in assignment.course.memberships.students().select_related("person")}
    teacher, due_at = assignment.course.owner, assignment.due_at
    assert due_at is not None, "it has just been given one"  # noqa: S101
    items = [
        rubrics.add_item(assignment, _key(ADVICE), label=label, points=Decimal(points), now=due_at)
        for label, points in RUBRIC
    ]
    submitted = [
        (handed, _submit(release, members[handed.who], handed, at=due_at - handed.before))
        for handed in HANDED
        if handed.who in members
    ]
    if EXTENDED in members:
        week = Allowance(until=due_at + 7 * DAY)
        arranging.give_extension(
            assignment, members[EXTENDED], week, note="Ill until Monday", by=teacher, now=due_at - DAY
        )
    told = []
    for number, (handed, submission) in enumerate(submitted):
        _mark(submission, handed, items, by=grader, now=due_at + 2 * DAY + number * timedelta(minutes=3))
        if handed.marked == BOTH:
            told.append(submission.membership)
    gradebook.publish_grades(assignment, told, by=teacher, now=now - 6 * HOUR, message=MESSAGE)
    who, cell, words = ASKING
    for handed, submission in submitted:
        if handed.who == who:
            requests.open_request(submission, _key(cell), words, by=submission.membership.person, now=now - HOUR)


@transaction.atomic  # So that no worker finds it ungraded.
def _submit(release: Release, membership: Membership, handed: Handed, *, at: datetime) -> Submission:
    """Hand in these answers, with the points that the tests give them."""
    submission = receive(
        release.assignment,
        membership,
        Bundle((File(f"{GRADED}.ipynb", _dumped(answered(release, handed))),)),
        way=Way.PAGE,
        by=membership.person,
        now=at,
    )
    executed = Bundle((File(f"{GRADED}.ipynb", _dumped(executed_notebook(release, handed))),))
    autograding.record_run(submission, release, executed, _scores(release, handed), now=at + timedelta(minutes=1))
    submission.refresh_from_db()
    return submission


def _mark(submission: Submission, handed: Handed, items: Sequence[RubricItem], *, by: User, now: datetime) -> None:
    """Grade by hand what is marked in the plan."""
    advice, picture = _answers()[ADVICE][handed.advice], _answers()[PICTURE][handed.picture]
    if ADVICE in handed.marked:
        marking.toggle_item(submission, items[advice["item"]], by=by, now=now, seen=0)
        _comment(submission, ADVICE, advice["comment"], by=by, now=now)
    if PICTURE in handed.marked:
        marking.give_points(submission, _key(PICTURE), Decimal(picture["points"]), by=by, now=now, seen=0)
        _comment(submission, PICTURE, picture["comment"], by=by, now=now)


def _comment(submission: Submission, cell: str, text: str, *, by: User, now: datetime) -> None:
    if text:
        marking.comment(submission, notebook=GRADED, cell=cell, text=text, by=by, now=now)


# --- Answers -----------------------------------------------------------------------------------------------


@cache
def _read() -> Mapping[str, Any]:
    stored: dict[str, Any] = json.loads((SOURCES / "answers.json").read_text())
    return stored


def _answers() -> Mapping[str, Any]:
    """By question and by its name, an answer: its source, what it prints, and which tests fail with what."""
    answers: dict[str, Any] = _read()["answers"]
    return answers


def answered(release: Release, handed: Handed) -> dict[str, Any]:
    """The notebook students got, with these answers in it, as it is submitted."""
    notebook: dict[str, Any] = json.loads(given_out(release).read(f"{GRADED}.ipynb") or b"")
    cells = []
    for cell in notebook["cells"]:
        question = _name_of(cell)
        answer = _answers().get(question, {}).get(getattr(handed, question, ""), {})
        cells.append(cell | {"source": answer["source"]} if "source" in answer else cell)
        cells += [_added(number, one["source"]) for number, one in enumerate(answer.get("cells", ()))]
    return notebook | {"cells": cells}


def executed_notebook(release: Release, handed: Handed) -> dict[str, Any]:
    """The same as grading leaves it: with all tests, and with what running it puts out."""
    source = json.loads((SOURCES / GRADED / f"{GRADED}.ipynb").read_text())
    tests = {_name_of(cell): cell["source"] for cell in source["cells"] if _is_tests(cell)}
    prints, fails = _outputs(handed)
    notebook, count = answered(release, handed), 0
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        count, name = count + 1, _name_of(cell) or cell["id"]
        cell["source"] = tests.get(name, cell["source"])
        cell["execution_count"] = count
        cell["outputs"] = [
            *({"output_type": "stream", "name": "stdout", "text": text} for text in prints.get(name, ())),
            *(_error(words) for words in fails.get(name, ())),
        ]
    return notebook


def _outputs(handed: Handed) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """What is printed, and what fails, by the name of the cell."""
    prints = {name: [text] for name, text in _read()["prints"].items()}
    fails: dict[str, list[str]] = {}
    for question, answers in _answers().items():
        answer = answers[getattr(handed, question)]
        prints |= {name: [text] for name, text in answer.get("prints", {}).items()}
        prints |= {f"mine-{number}": [one["prints"]] for number, one in enumerate(answer.get("cells", ()))}
        fails |= {name: [words] for name, words in answer.get("fails", {}).items()}
    return prints, fails


def _scores(release: Release, handed: Handed) -> list[ScoredCell]:
    """The points of each cell that gives some: all or nothing by tests, none yet where a person grades."""
    _prints, fails = _outputs(handed)
    found = []
    for cell in release.cells.filter(kind__in=("tests", "manual", "task")):
        most = float(cell.points)
        by_tests = cell.kind == "tests"
        points = (0.0 if cell.grade_id in fails else most) if by_tests else None
        found.append(
            ScoredCell(
                notebook=cell.notebook,
                grade_id=cell.grade_id,
                kind=cell.kind,  # type: ignore[arg-type]
                max_points=most,
                auto_points=points,
                needs_manual=not by_tests,
                is_unanswered=False,
                oddity=None,
            )
        )
    return found


def _added(number: int, source: str | Sequence[str]) -> dict[str, Any]:
    """A cell that the student has put in."""
    return {
        "cell_type": "code",
        "id": f"mine-{number}",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": source,
    }


def _error(words: str) -> dict[str, Any]:
    name, _, value = words.partition(": ")
    return {"output_type": "error", "ename": name, "evalue": value, "traceback": [words]}


def _key(cell: str) -> CellKey:
    return CellKey(GRADED, cell)


def _name_of(cell: Mapping[str, Any]) -> str:
    name: str = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
    return name


def _is_tests(cell: Mapping[str, Any]) -> bool:
    marked = cell["metadata"].get("nbgrader", {})
    return cell["cell_type"] == "code" and bool(marked.get("grade"))


def _dumped(notebook: Mapping[str, Any]) -> bytes:
    return json.dumps(notebook, ensure_ascii=False, indent=1).encode()
