"""What assignments are drawn up from: the files of a class, and checks of notebooks, by their rows."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from assignments import artefacts
from assignments.files import Bundle, File
from assignments.models import Assignment, GateRun, Origin, Source
from assignments.releasing.authoring import tree_of
from assignments.releasing.findings import Finding
from classes.models import Course
from environments.backends import volume_store
from environments.models import SourceTree
from environments.values import Material
from tests.factories import EMPTY_NOTEBOOK

BUNDLE = Bundle((File("problem1.ipynb", EMPTY_NOTEBOOK),))


def fetched(course: Course, contents: dict[str, str], now: datetime) -> SourceTree:
    """The files of the class's environment, fetched."""
    tree = tree_of(course, now=now)
    assert tree is not None
    bundle = Bundle(tuple(File(path, text.encode()) for path, text in sorted(contents.items())))
    volume_store().create(tree.volume_key)
    volume_store().write(tree.volume_key, Material.FOLDER, [bundle.tar], max_bytes=1_000_000)
    tree.state = SourceTree.State.READY
    tree.manifest = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in contents.items()}
    tree.save()
    return tree


def checked(assignment: Assignment, *, findings: list[Finding] | None = None, **fields: Any) -> GateRun:
    """A check of new notebooks, by its row."""
    kept = artefacts.keep(BUNDLE.tar)
    source = Source.objects.create(
        assignment=assignment, origin=Origin.UPLOAD, bundle=kept, bytes=1, notebooks=["problem1"]
    )
    rows = [{"code": one.code, "level": one.level, "notebook": one.notebook} for one in findings or []]
    for row, one in zip(rows, findings or [], strict=True):
        row |= {"cell": one.cell, "position": one.position, "facts": dict(one.facts)}  # type: ignore[dict-item]
    cells = [
        {"notebook": "problem1", "grade_id": "foo", "kind": "answer", "points": 0.0, "position": 0},
        {"notebook": "problem1", "grade_id": "test_foo", "kind": "tests", "points": 2.0, "position": 1},
    ]
    made = {"state": GateRun.State.DONE, "bundle": kept, "gradebook": artefacts.keep(b""), "engine_version": "1"}
    return GateRun.objects.create(source=source, findings=rows, cells=cells, **made | fields)
