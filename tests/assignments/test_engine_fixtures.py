"""Every notebook nbgrader tests itself with, graded in three steps: restored, run by somebody else, scored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from assignments.errors import AssignmentError
from assignments.running import engine
from assignments.running.engine import Scored
from tests.assignments.nbgrader_files import GRADED, REFUSED, RELEASE, SOURCE, Graded, put
from tests.assignments.running import run_notebooks, snippets

MakeRelease = Callable[[Graded], Path]


@pytest.fixture(scope="module")
def make_release(tmp_path_factory: pytest.TempPathFactory) -> MakeRelease:
    """A folder with `source` and the `release` made of it, once for each assignment."""
    made: dict[str, Path] = {}

    def make(graded: Graded) -> Path:
        if graded.source not in made:
            folder = tmp_path_factory.mktemp("assignment")
            put(graded.source, folder / "source", beside=graded.beside)
            with snippets() as run:
                engine.generate(folder / "source", name="ps1", into=folder / "made", run=run)
            made[graded.source] = folder
        return made[graded.source]

    return make


def _grade(graded: Graded, assignment: Path, folder: Path) -> Scored:
    ours = {SOURCE: assignment / "source", RELEASE: assignment / "made" / "release"}
    submitted = ours.get(graded.submitted) or put(graded.submitted, folder / "submitted")
    gradebook = assignment / "made" / "gradebook.db"
    engine.sanitise(submitted, gradebook=gradebook, name="ps1", into=folder / "sanitised")
    run_notebooks(
        folder / "sanitised",
        data=assignment / "made" / "release",
        into=folder / "executed",
        seconds=graded.seconds,
    )
    return engine.score(folder / "executed", gradebook=gradebook, name="ps1", into=folder / "graded")


@pytest.mark.parametrize("graded", GRADED, ids=lambda graded: graded.id)
def test_score_of_what_nbgrader_tests_itself_with(graded: Graded, make_release: MakeRelease, tmp_path: Path) -> None:
    assignment = make_release(graded)

    scored = _grade(graded, assignment, tmp_path)

    points = {cell.grade_id: cell.auto_points for cell in scored.cells}
    assert sum(each or 0 for each in points.values()) == graded.points
    assert sum(cell.max_points for cell in scored.cells) == graded.most
    assert any(cell.needs_manual for cell in scored.cells) == graded.needs_manual
    assert {**points, **graded.cells} == points


@pytest.mark.parametrize(("name", "code"), REFUSED.items())
def test_generate_refuses_what_nbgrader_refuses(name: str, code: str, tmp_path: Path) -> None:
    source = put(name, tmp_path / "source")

    with pytest.raises(AssignmentError) as raised:
        engine.generate(source, name="ps1", into=tmp_path / "made")

    assert raised.value.code == code
    assert not (tmp_path / "made").exists()
