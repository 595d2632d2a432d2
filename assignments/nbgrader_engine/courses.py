"""A course directory for one call: made in the working folder, and thrown away with it."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbgrader.api
from alembic.script import ScriptDirectory
from nbgrader import dbutil
from nbgrader.api import Gradebook
from nbgrader.converters.base import BaseConverter, NbGraderException
from nbgrader.coursedir import CourseDirectory
from sqlalchemy import Engine, create_engine, event
from traitlets.config import Config

from assignments.nbgrader_engine.failures import EngineError, explained

STUDENT = "student"
"""Who hands in, as nbgrader is told: there is only one in each call."""
COURSE = "carrel"

_LOG_CHARACTERS = 64_000
_STUBS = {
    "python": "# YOUR CODE HERE\nraise NotImplementedError()",
    "R": "# YOUR CODE HERE\nfail()",
    "matlab": "% YOUR CODE HERE\nerror('No Answer Given!')",
    "octave": "% YOUR CODE HERE\nerror('No Answer Given!')",
    "sas": "/* YOUR CODE HERE */\n %notImplemented;",
    "java": "// YOUR CODE HERE",
    "bash": "# YOUR CODE HERE\nfalse",
    "julia": '# YOUR CODE HERE\nerror("No Answer Given!")',
    "javascript": '// YOUR CODE HERE\nthrow new Error("No Answer Given!")',
    "typescript": '// YOUR CODE HERE\nthrow new Error("No Answer Given!")',
    "ruby": '# YOUR CODE HERE\nraise "No Answer Given!"',
    "scala": "// YOUR CODE HERE\n???",
    "c++": "// YOUR CODE HERE",
    "sql": "-- YOUR CODE HERE",
}
"""What stands in place of a solution, by language: nbgrader's own, and more."""


def gradebook_version() -> str:
    """The version of the tables this nbgrader makes. It starts a program of two seconds to find out."""
    return str(ScriptDirectory(dbutil.ALEMBIC_DIR).get_current_head())


def quick_engine(url: str, **options: Any) -> Engine:
    """A connection to a gradebook that is thrown away: nothing waits for a disk, and each query is compiled once.

    nbgrader opens the gradebook a dozen times in each call. SQLAlchemy knows a compiled query again only where the
    dialect is the same object too.
    """
    engine = create_engine(url, **options)
    event.listen(engine, "connect", _never_wait)
    engine.dialect = _dialects.setdefault(engine.dialect.name, engine.dialect)
    return engine.execution_options(compiled_cache=_compiled)


def _never_wait(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")


_dialects: dict[str, Any] = {}
_compiled: dict[Any, Any] = {}

nbgrader.api.get_alembic_version = gradebook_version
nbgrader.api.create_engine = quick_engine


class ScratchCourse:
    """nbgrader's folders and gradebook for one assignment, below the folder the process works in."""

    def __init__(self, name: str, *, gradebook: Path | None = None) -> None:
        self.name = name
        self.root = Path("course").absolute()
        self.root.mkdir()
        self.database = self.root / "gradebook.db"
        self.config = Config()
        self.config.CourseDirectory.root = str(self.root)
        self.config.CourseDirectory.course_id = COURSE
        self.config.ClearSolutions.code_stub = dict(_STUBS)
        if gradebook is not None:
            shutil.copyfile(gradebook, self.database)

    def folder(self, step: str, student: str = STUDENT) -> Path:
        """The assignment's folder in one of nbgrader's steps, made if need be."""
        folder = self.root / step / student / self.name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def directory(self, student: str = STUDENT) -> CourseDirectory:
        """What nbgrader's converters are given."""
        directory = CourseDirectory(config=self.config)
        directory.assignment_id, directory.student_id = self.name, student
        return directory

    @contextmanager
    def gradebook(self) -> Iterator[Gradebook]:
        """The gradebook, open. Raises `gradebook_unreadable` if it is none."""
        with explained("", otherwise="gradebook_unreadable"), Gradebook(f"sqlite:///{self.database}", COURSE) as opened:
            yield opened

    def notebooks(self) -> frozenset[str]:
        """The names of the notebooks the gradebook knows."""
        with self.gradebook() as gradebook:
            return frozenset(notebook.name for notebook in gradebook.find_assignment(self.name).notebooks)


def recording(converter: type[BaseConverter]) -> type[BaseConverter]:
    """The converter, keeping the first exception, of which nbgrader itself only writes to its log."""

    class Recording(converter):  # type: ignore[misc]
        first_failure: tuple[str, Exception] | None = None

        def convert_single_notebook(self, notebook_filename: str) -> None:
            try:
                super().convert_single_notebook(notebook_filename)
            except Exception as error:
                self.first_failure = self.first_failure or (Path(notebook_filename).stem, error)
                raise

    return Recording


def run(converter: Any, *, otherwise: str) -> str:
    """Run a converter made from a `recording` class, and return its log. Raises `EngineError`.

    `otherwise` is the code of what nbgrader has no name for.
    """
    log, here = _Log(), Path.cwd()
    logger = logging.getLogger(f"carrel.{id(log)}")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(log)
    converter.log = logger
    converter.force = True
    try:
        converter.start()
    except NbGraderException as error:
        if converter.first_failure is None:
            raise EngineError(otherwise, detail=f"{error}\n{log.text[-2000:]}", notebook="") from error
        notebook, cause = converter.first_failure
        with explained(notebook, otherwise=otherwise):
            raise cause from error
    finally:
        os.chdir(here)
    return log.text


class _Log(logging.Handler):
    def __init__(self) -> None:
        super().__init__(level=logging.INFO)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        if len(self.text) < _LOG_CHARACTERS:
            self.text += f"[{record.levelname}] {record.getMessage()[:4000]}\n"


Run = Callable[[dict[str, str]], list[dict[str, Any]]]
"""Runs a piece of code elsewhere (`code`, `kernel`, `notebook`) and returns the outputs, as a notebook has them."""
