"""What a stack has left behind: processes by their labels, folders of images, rows of its database."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import psutil

from environments.models import Build, NotebookServer
from environments.processes import installation_label, labelled, labels_of
from environments.spawners.process import SERVER_ID
from tests.stack import Stack

NOTEBOOK_SCRIPT = "spawners/notebook.py"


def build_processes(stack: Stack) -> list[psutil.Process]:
    """Everything that builds have started and that still lives."""
    found = labelled(installation_label(stack.data_directory))
    return [process for process in found if SERVER_ID not in labels_of(process)]


def server_processes(stack: Stack, server_id: str) -> list[psutil.Process]:
    """Everything that lives of this server, kernels included."""
    return labelled({**installation_label(stack.data_directory), SERVER_ID: server_id})


def notebook_servers(stack: Stack, server_id: str) -> list[psutil.Process]:
    """The processes of this server that are Jupyter itself: one, when all is well."""
    return [process for process in server_processes(stack, server_id) if _runs_jupyter(process)]


def unfinished_images(stack: Stack) -> list[str]:
    """The folders of images that are not whole."""
    folders = (stack.data_directory / "images").glob("*")
    return [folder.name for folder in folders if not (folder / "image.json").is_file()]


def work_under_way(stack: Stack) -> list[tuple[str, str]]:
    """Identity and state of the servers, deleted ones too, and the builds that something is still to be done for."""
    transient = (*NotebookServer.ON_THE_WAY, NotebookServer.State.STOPPING)
    servers = _select(stack, "environments_notebookserver", "state", transient)
    return servers + _select(stack, "environments_build", "state", Build.ACTIVE)


def rows(stack: Stack) -> dict[str, int]:
    """How many rows there are of everything that a launch makes."""
    tables = ("notebookserver", "build", "volume", "repositorytrust")
    with closing(_database(stack)) as database:
        query = "SELECT count(*) FROM environments_{}"
        return {table: database.execute(query.format(table)).fetchone()[0] for table in tables}


def is_at_rest(stack: Stack, server_id: str) -> bool:
    """Whether nothing of this server runs and nothing is still to be done for it."""
    waiting = {identity for identity, _ in work_under_way(stack)}
    return server_id.replace("-", "") not in waiting and not stack.remains_of(server_id)


def build_rows(stack: Stack, commit: str) -> list[tuple[str, str]]:
    """Every build there ever was of this commit."""
    return _select(stack, "environments_build", "commit", (commit,))


def gradings(stack: Stack, assignment: str) -> list[tuple[str, float, int, int]]:
    """Of each submission its state and points, how often it was graded, and how often its test gave points."""
    query = """
        SELECT submission.state, submission.points,
            (SELECT count(*) FROM assignments_autograding WHERE submission_id = submission.id AND state = 'done'),
            (SELECT count(*) FROM assignments_gradechange WHERE submission_id = submission.id AND grade_id = 'bar')
        FROM assignments_submission AS submission
        JOIN assignments_assignment AS assignment ON assignment.id = submission.assignment_id
        WHERE assignment.name = ?"""
    with closing(_database(stack)) as database:
        return database.execute(query, [assignment]).fetchall()


def _select(stack: Stack, table: str, column: str, values: tuple[str, ...]) -> list[tuple[str, str]]:
    places = ", ".join("?" * len(values))
    query = f'SELECT id, state FROM {table} WHERE "{column}" IN ({places})'  # noqa: S608 - all names are ours
    with closing(_database(stack)) as database:
        return database.execute(query, [str(value) for value in values]).fetchall()


def _database(stack: Stack) -> sqlite3.Connection:
    """Its database, to be read only."""
    return sqlite3.connect(f"file:{stack.data_directory / 'carrel.sqlite3'}?mode=ro", uri=True, timeout=20)


def _runs_jupyter(process: psutil.Process) -> bool:
    try:
        return "".join(process.cmdline()[1:2]).endswith(NOTEBOOK_SCRIPT)
    except psutil.Error:
        return False
