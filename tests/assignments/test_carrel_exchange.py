"""`carrel-exchange` as students use it: nbgrader's commands and JupyterLab's Assignments tab, against a real site."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from accounts.models import Scope, User
from accounts.tokens import create_token
from assignments import artefacts
from assignments.files import Limits, from_tar
from assignments.models import Assignment, CellComment, Feedback, Submission
from assignments.submitting import receipts
from classes.models import Course
from tests.assignments.nbgrader_commands import NbgraderCommands
from tests.factories import AssignmentFactory, CourseFactory, UserFactory, member, released
from tests.stack import free_port, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

SOURCE = Path(__file__).parents[2] / "carrel-exchange" / "src"
BIN = Path(sys.executable).parent
EMPTY = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
SECONDS = 60


@dataclass
class Home:
    """A home directory as a class server has it, in which programs are run."""

    path: Path
    commands: NbgraderCommands
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def work(self) -> Path:
        """The copy of the assignment."""
        return self.path / "home" / "stats" / "ps1"

    def nbgrader(self, *arguments: str, succeeds: bool = True) -> str:
        """What the command says."""
        status, said = self.commands.run(arguments, cwd=self.path, environment=self.environment)
        assert (status == 0) == succeeds, said
        assert "Traceback" not in said
        return said


@pytest.fixture(scope="module")
def commands() -> Iterator[NbgraderCommands]:
    """What is run in that home, with the exchange where Python looks for it."""
    with NbgraderCommands(path=[SOURCE]) as commands:
        yield commands


@pytest.fixture
def course(db: None) -> Course:
    owner = UserFactory.create(username="owner")
    return CourseFactory.create(owner=owner, slug="stats", title="Statistics")


@pytest.fixture
def ps1(course: Course) -> Assignment:
    assignment = AssignmentFactory.create(course=course, name="ps1", title="Problem set 1")
    released(assignment, problem1=EMPTY, problem2=EMPTY)
    return assignment


@pytest.fixture
def ada(course: Course) -> User:
    return member(course, "ada").person


@pytest.fixture
def home(ps1: Assignment, ada: User, live_server: LiveServer, commands: NbgraderCommands, tmp_path: Path) -> Home:
    (tmp_path / "home").mkdir()
    (tmp_path / ".jupyter").mkdir()
    config = "import carrel_exchange\ncarrel_exchange.configure(get_config())\n"
    (tmp_path / ".jupyter" / "nbgrader_config.py").write_text(config)
    _token, secret = create_token(ada, name="server", scopes=[Scope.EXCHANGE], days=1, now=timezone.now())
    return Home(
        tmp_path,
        commands,
        {
            "HOME": str(tmp_path),
            "PATH": f"{BIN}:/usr/bin:/bin",
            "PYTHONPATH": str(SOURCE),
            "USER": "jovyan",
            "CARREL_URL": live_server.url,
            "CARREL_TOKEN": secret,
        },
    )


def test_list_shows_what_is_released(home: Home, ps1: Assignment) -> None:
    Assignment.objects.filter(pk=ps1.pk).update(due_at=datetime(2099, 5, 1, 10, tzinfo=UTC))

    said = home.nbgrader("list")

    assert "stats ps1, due 2099-05-01 10:00 UTC" in said


def test_fetched_assignment_is_where_carrel_looks_for_it(home: Home) -> None:
    home.nbgrader("fetch_assignment", "ps1", "--course", "stats")

    assert sorted(path.name for path in home.work.iterdir()) == ["problem1.ipynb", "problem2.ipynb"]
    assert "(already downloaded)" in home.nbgrader("list")


def test_fetch_never_writes_over_work(home: Home) -> None:
    home.work.mkdir(parents=True)
    (home.work / "problem1.ipynb").write_text("my work")

    refused = home.nbgrader("fetch_assignment", "ps1", succeeds=False)
    home.nbgrader("fetch_assignment", "ps1", "--replace")

    assert "You have a copy of this already" in refused
    assert (home.work / "problem1.ipynb").read_text() == "my work"
    assert (home.work / "problem2.ipynb").read_bytes() == EMPTY


def test_submitted_files_arrive_and_the_receipt_is_kept(home: Home) -> None:
    home.nbgrader("fetch_assignment", "ps1")
    (home.work / "data.csv").write_text("1,2")
    (home.work / "out").symlink_to("/etc/passwd")

    said = home.nbgrader("submit", "ps1")
    home.nbgrader("submit", "ps1")

    first, second = Submission.objects.order_by("attempt")
    received = from_tar([artefacts.read(first.bundle)], limits=Limits()).bundle
    kept = sorted((home.work / ".carrel" / "receipts").iterdir())
    assert [file.path for file in received] == ["data.csv", "problem1.ipynb", "problem2.ipynb"]
    assert first.bundle in said
    assert "“out” is no ordinary file" in said
    assert second.bundle == first.bundle
    assert [receipts.verify_file(path.read_bytes()).id for path in kept] == [str(first.pk), str(second.pk)]


def test_submission_that_is_refused_says_why(home: Home, ps1: Assignment) -> None:
    home.nbgrader("fetch_assignment", "ps1")
    Assignment.objects.filter(pk=ps1.pk).update(closes_at=timezone.now() - timedelta(days=1))

    said = home.nbgrader("submit", "ps1", succeeds=False)

    assert "This assignment no longer takes anything" in said


def test_strict_submission_needs_every_notebook(home: Home) -> None:
    home.nbgrader("fetch_assignment", "ps1")
    (home.work / "problem2.ipynb").unlink()

    said = home.nbgrader("submit", "ps1", "--strict", succeeds=False)

    assert "problem2.ipynb is missing" in said
    assert not Submission.objects.exists()


def test_feedback_is_put_beside_the_work(home: Home) -> None:
    home.nbgrader("fetch_assignment", "ps1")
    home.nbgrader("submit", "ps1")
    too_early = home.nbgrader("fetch_feedback", "ps1", succeeds=False)
    submission = Submission.objects.get()
    CellComment.objects.create(submission=submission, notebook="problem1", cell="", text="Neat", at=timezone.now())
    Feedback.objects.create(submission=submission, message="Well done")

    ready = home.nbgrader("list", "--cached")
    home.nbgrader("fetch_feedback", "ps1")
    fetched = home.nbgrader("list", "--cached")

    [folder] = (home.work / "feedback").iterdir()
    assert folder.name == submission.submitted_at.strftime("%Y-%m-%d %H:%M:%S.%f UTC")
    assert "Neat" in (folder / "problem1.html").read_text()
    assert (folder / "problem2.html").exists()
    assert "no feedback on this assignment for you yet" in too_early
    assert "feedback ready to be fetched" in ready
    assert "feedback already fetched" in fetched


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"CARREL_TOKEN": "carrel_nonsense"}, "is no longer good"),
        ({"CARREL_TOKEN": ""}, "does not know which Carrel"),
        ({"CARREL_URL": "http://127.0.0.1:1"}, "cannot be reached"),
        ({"CARREL_URL": "file:///etc"}, "is no address of a web site"),
    ],
    ids=["a key that is no good", "no key", "nothing there", "no site"],
)
def test_trouble_is_told_in_one_sentence(home: Home, change: dict[str, str], words: str) -> None:
    home.environment |= change

    assert words in home.nbgrader("list", succeeds=False)


# --- JupyterLab --------------------------------------------------------------------------------------------


@pytest.fixture
def jupyter(home: Home) -> Iterator[str]:
    """A Jupyter server in that home, with the server extension behind the Assignments tab."""
    port = free_port()
    log = (home.path / "jupyter.log").open("wb")
    command = [
        str(BIN / "jupyter-server"),
        f"--port={port}",
        "--no-browser",
        "--allow-root",
        "--IdentityProvider.token=t",
    ]
    enabled = '--ServerApp.jpserver_extensions={"nbgrader.server_extensions.assignment_list": True}'
    server = subprocess.Popen(
        [*command, enabled, f"--ServerApp.root_dir={home.path}"],
        cwd=home.path,
        env=home.environment,
        stdout=log,
        stderr=log,
    )
    url = f"http://127.0.0.1:{port}/"
    try:
        wait_until(lambda: _answers(url), seconds=SECONDS, why="the Jupyter server did not start")
        yield url
    finally:
        server.terminate()
        server.wait(timeout=SECONDS)
        log.close()


def test_assignments_tab_fetches_submits_and_reads_feedback(home: Home, jupyter: str) -> None:
    before = _lab(jupyter, "assignments?course_id=stats")
    fetched = _lab(jupyter, "assignments/fetch", course_id="stats", assignment_id="ps1")
    _lab(jupyter, "assignments/submit", course_id="stats", assignment_id="ps1")
    Feedback.objects.create(submission=Submission.objects.get())
    after = _lab(jupyter, "assignments/fetch_feedback", course_id="stats", assignment_id="ps1")

    assert _lab(jupyter, "courses") == {"success": True, "value": ["stats"]}
    assert [each["status"] for each in before["value"]] == ["released"]
    assert [each["status"] for each in fetched["value"]] == ["fetched"]
    assert fetched["value"][0]["path"] == "home/stats/ps1"
    assert [notebook["path"] for notebook in fetched["value"][0]["notebooks"]] == [
        "home/stats/ps1/problem1.ipynb",
        "home/stats/ps1/problem2.ipynb",
    ]
    [submission] = after["value"][1]["submissions"]
    assert submission["has_local_feedback"]
    assert submission["local_feedback_path"].startswith("home/stats/ps1/feedback/")


def _lab(url: str, path: str, **body: str) -> Any:
    request = urllib.request.Request(url + path, data=json.dumps(body).encode() if body else None)
    request.add_header("Authorization", "token t")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        return json.loads(answer.read())


def _answers(url: str) -> bool:
    with suppress(urllib.error.URLError, OSError):
        return bool(_lab(url, "api/status"))
    return False
