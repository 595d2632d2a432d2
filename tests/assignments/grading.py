"""Releases that can be graded, made of the notebooks that nbgrader tests itself with."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from assignments import artefacts
from assignments.files import Bundle, File
from assignments.models import Assignment, Cell, Origin, Release, Source
from assignments.running import engine
from assignments.running.engine import CellRow
from tests.assignments.nbgrader_files import APPS

NOTEBOOK = "submitted-unchanged.ipynb"
"""Seven points: `foo` and `bar` by tests, `baz` and `quux` by a person."""


def notebook(name: str) -> bytes:
    """One of nbgrader's own."""
    return (APPS / name).read_bytes()


def bundle_of(name: str) -> Bundle:
    """The same as somebody submits it."""
    return Bundle((File("problem1.ipynb", notebook(name)),))


def graded_release(assignment: Assignment, name: str = NOTEBOOK) -> Release:
    """The next release of the assignment, made of this notebook."""
    content, gradebook, cells = _made(name, assignment.name)
    kept = artefacts.keep(Bundle((File("problem1.ipynb", content),)).tar)
    source = Source.objects.create(
        assignment=assignment, origin=Origin.UPLOAD, bundle=kept, bytes=1, notebooks=["problem1"]
    )
    release = Release.objects.create(
        assignment=assignment,
        number=assignment.releases.count() + 1,
        source=source,
        bundle=kept,
        gradebook=artefacts.keep(gradebook),
        engine_version="0.9.6",
        image_key="1" * 64,
    )
    Cell.objects.bulk_create(
        Cell(
            release=release,
            notebook=cell.notebook,
            grade_id=cell.grade_id,
            kind=cell.kind,
            points=cell.points,
            position=position,
        )
        for position, cell in enumerate(cells)
    )
    assignment.release = release
    assignment.save(update_fields=["release"])
    return release


@cache
def _made(name: str, assignment: str) -> tuple[bytes, bytes, tuple[CellRow, ...]]:
    with TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "source").mkdir()
        (folder / "source" / "problem1.ipynb").write_bytes(notebook(name))
        made = engine.generate(folder / "source", name=assignment, into=folder / "made")
        release = (folder / "made" / "release" / "problem1.ipynb").read_bytes()
        return release, (folder / "made" / "gradebook.db").read_bytes(), made.cells
