"""The notebooks that come with nbgrader, and what they must score."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_SPECIFICATION = importlib.util.find_spec("nbgrader")
assert _SPECIFICATION is not None
assert _SPECIFICATION.submodule_search_locations is not None
NBGRADER = Path(_SPECIFICATION.submodule_search_locations[0])
APPS = NBGRADER / "tests" / "apps" / "files"
PREPROCESSORS = NBGRADER / "tests" / "preprocessors" / "files"
GUIDE = NBGRADER / "docs" / "source" / "user_guide"

SOURCE = ":source"
RELEASE = ":release"


@dataclass(frozen=True)
class Graded:
    """An assignment, something handed in to it, and what that must get.

    `source` and `submitted` are notebooks of nbgrader's tests, or folders; `cells` are points by cell.
    """

    source: str
    submitted: str
    points: float
    most: float
    needs_manual: bool = False
    beside: tuple[str, ...] = ()
    seconds: int = 10
    cells: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Both names, for reports of tests."""
        return f"{self.source.removesuffix('.ipynb')}<-{self.submitted.removesuffix('.ipynb')}"


_FOO, _AUTO = "submitted-unchanged.ipynb", ("autotests.yml",)

GRADED = [
    Graded(
        "guide:ps1",
        "guide:bitdiddle",
        1.5,
        13,
        needs_manual=True,
        cells={
            "correct_squares": 0,
            "correct_sum_of_squares": 0,
            "squares_invalid_input": 1,
            "sum_of_squares_uses_squares": 0.5,
            "sum_of_squares_application": 0,
        },
    ),
    Graded("guide:ps1", "guide:hacker", 3, 13, needs_manual=True),
    Graded(_FOO, _FOO, 1, 7, cells={"foo": 1, "bar": 0, "baz": 0, "quux": 0}),
    Graded(_FOO, "submitted-changed.ipynb", 2, 7, needs_manual=True),
    Graded(_FOO, "submitted-grade-cell-changed.ipynb", 1, 7),
    Graded(_FOO, "submitted-locked-cell-changed.ipynb", 1, 7),
    Graded(_FOO, "submitted-cheat-attempt.ipynb", 1, 7, needs_manual=True, cells={"bar": 0}),
    Graded(_FOO, "submitted-cheat-attempt-alternative.ipynb", 1, 7, needs_manual=True, cells={"bar": 0}),
    Graded("test.ipynb", RELEASE, 0, 6),
    Graded("test.ipynb", SOURCE, 3, 6, needs_manual=True),
    Graded("test-hidden-tests.ipynb", RELEASE, 0, 3),
    Graded("test-hidden-tests.ipynb", SOURCE, 1.5, 3),
    Graded("autotest-simple.ipynb", "autotest-simple-unchanged.ipynb", 0, 1, beside=_AUTO),
    Graded("autotest-simple.ipynb", "autotest-simple-changed.ipynb", 1, 1, beside=_AUTO),
    Graded("autotest-hashed.ipynb", "autotest-hashed-unchanged.ipynb", 0, 1, beside=_AUTO),
    Graded("autotest-hashed.ipynb", "autotest-hashed-changed.ipynb", 1, 1, beside=_AUTO),
    Graded("autotest-multi.ipynb", "autotest-multi-unchanged.ipynb", 0, 4, beside=_AUTO),
    Graded("autotest-multi.ipynb", "autotest-multi-changed.ipynb", 3, 4, beside=_AUTO),
    Graded("autotest-hidden.ipynb", "autotest-hidden-unchanged.ipynb", 0, 1, beside=_AUTO),
    Graded("autotest-hidden.ipynb", "autotest-hidden-changed-wrong.ipynb", 0, 1, beside=_AUTO),
    Graded("autotest-hidden.ipynb", "autotest-hidden-changed-right.ipynb", 1, 1, beside=_AUTO),
    Graded("timeout.ipynb", SOURCE, 0, 1, seconds=2),
    Graded("infinite-loop.ipynb", SOURCE, 0, 0, seconds=1),
    Graded("infinite-loop-with-output.ipynb", SOURCE, 0, 0, seconds=1),
    Graded("open_relative_file.ipynb", SOURCE, 10, 10, beside=("data.txt",)),
    Graded("validation-zero-points.ipynb", SOURCE, 0, 0),
    Graded("validating-environment-variable.ipynb", SOURCE, 0, 1),
    Graded("side-effects.ipynb", SOURCE, 0, 0),
]

REFUSED = {
    "test-v0.ipynb": "schema_too_old",
    "test-v0-invalid.ipynb": "schema_too_old",
    "test-v1.ipynb": "schema_too_old",
    "test-v2.ipynb": "schema_too_old",
    "too-new.ipynb": "schema_too_new",
    "test-no-metadata.ipynb": "solution_region_unmarked",
    "duplicate-grade-ids.ipynb": "cells_invalid",
    "blank-grade-id.ipynb": "cells_invalid",
    "blank-points.ipynb": "cells_invalid",
    "bad-markdown-cell-1.ipynb": "cells_invalid",
    "bad-markdown-cell-2.ipynb": "cells_invalid",
}
"""What cannot become a release, and why."""


def notebook(name: str) -> Path:
    """The notebook of that name in nbgrader's tests."""
    return next(path for folder in (APPS, PREPROCESSORS) if (path := folder / name).exists())


def put(name: str, into: Path, *, beside: tuple[str, ...] = ()) -> Path:
    """A folder with an assignment or something handed in: a notebook as `p1.ipynb`, or all of the user guide's."""
    if name.startswith("guide:"):
        place = {"ps1": "source/ps1"}.get(name[6:], f"submitted/{name[6:]}/ps1")
        shutil.copytree(GUIDE / place, into)
        return into
    into.mkdir()
    shutil.copy(notebook(name), into / "p1.ipynb")
    for other in beside:
        shutil.copy(APPS / other, into / other)
    return into
