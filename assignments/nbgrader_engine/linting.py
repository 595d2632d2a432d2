"""What can be seen to be wrong with an assignment without running it.

Each finding is a code with the place it is about; the words are elsewhere. An `error` is something nbgrader
refuses or grades wrongly, a `warning` something a teacher should look at.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nbgrader.nbgraderformat import SCHEMA_VERSION

from assignments.nbgrader_engine.cells import cell_kind
from assignments.nbgrader_engine.courses import ScratchCourse
from assignments.nbgrader_engine.failures import EngineError
from assignments.nbgrader_engine.notebooks import notebooks_in, read_notebook

_SOLUTION = ("BEGIN SOLUTION", "END SOLUTION")
_HIDDEN = ("BEGIN HIDDEN TESTS", "END HIDDEN TESTS")
_SCHEME = ("BEGIN MARK SCHEME", "END MARK SCHEME")
_REGIONS = (
    (_SOLUTION, {"answer", "manual"}, "solution_region_unmarked"),
    (_HIDDEN, {"tests"}, "hidden_tests_unmarked"),
    (_SCHEME, {"manual", "task"}, "mark_scheme_unmarked"),
)
_TELLING_CHARACTERS = 12
"""A shorter line of a solution says too little to be recognised elsewhere."""
_HARMLESS_CALLS = re.compile(r"print|display|(?:.*\.)?assert\w*")


@dataclass(frozen=True)
class Finding:
    """One thing to look at. `cell` is its id, or empty; `position` counts from 0, and is -1 for a whole notebook."""

    code: str
    level: str
    notebook: str
    cell: str = ""
    position: int = -1
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Place:
    """A cell and where it is."""

    notebook: str
    position: int
    cell: Any

    @property
    def metadata(self) -> dict[str, Any]:
        found = self.cell.metadata.get("nbgrader")
        return found if isinstance(found, dict) else {}

    @property
    def grade_id(self) -> str:
        return str(self.metadata.get("grade_id") or "")

    @property
    def kind(self) -> str | None:
        return cell_kind(self.cell) if self.metadata else None

    def error(self, code: str, **facts: str) -> Finding:
        return Finding(code, "error", self.notebook, self.grade_id, self.position, facts)

    def warning(self, code: str, **facts: str) -> Finding:
        return Finding(code, "warning", self.notebook, self.grade_id, self.position, facts)


def lint(source: Path, *, name: str) -> dict[str, Any]:
    """Everything found in the notebooks at the top of a folder."""
    stubs = {*ScratchCourse(name).config.ClearSolutions.code_stub}
    notebooks = notebooks_in(source)
    findings: list[Finding] = [] if notebooks else [Finding("source_without_notebooks", "error", "")]
    for stem, path in notebooks.items():
        try:
            notebook = read_notebook(path)
        except EngineError as error:
            findings.append(Finding(error.code, "error", stem))
        else:
            findings.extend(_in_notebook(stem, notebook, languages=stubs, source=source))
    findings.extend(Finding("notebook_in_folder", "warning", path) for path in _too_deep(source))
    return {"findings": [asdict(finding) for finding in findings]}


def _too_deep(source: Path) -> list[str]:
    """Notebooks in folders, which are no part of the assignment and would not reach the students."""
    paths = [path.relative_to(source) for path in source.rglob("*.ipynb") if path.parent != source]
    return sorted(str(path) for path in paths if ".ipynb_checkpoints" not in path.parts)


def _in_notebook(stem: str, notebook: Any, *, languages: set[str], source: Path) -> Iterator[Finding]:
    places = [_Place(stem, position, cell) for position, cell in enumerate(notebook.cells)]
    kernel = notebook.metadata.get("kernelspec", {})
    language = kernel.get("language", "python")
    if not kernel.get("name"):
        yield Finding("kernel_missing", "warning", stem)
    if language not in languages:
        yield Finding("language_unknown", "error", stem, facts={"language": str(language)[:60]})
    yield from _ids(places)
    for place in places:
        yield from _metadata(place)
        yield from _regions(place)
        yield from _autotests(place, has_file=(source / "autotests.yml").exists())
        if place.kind == "tests" and language == "python" and place.cell.cell_type == "code":
            yield from _tests(place)
    yield from _leaks(stem, notebook, places)
    kinds = {place.kind for place in places}
    if not kinds & {"tests", "manual", "task"}:
        yield Finding("nothing_graded", "warning", stem)
    elif "answer" in kinds and "tests" not in kinds:
        yield Finding("no_tests", "warning", stem)


# --- What nbgrader wrote into the cells --------------------------------------------------------------------------


def _ids(places: list[_Place]) -> Iterator[Finding]:
    seen: set[str] = set()
    for place in places:
        if place.kind is None:
            continue
        if not place.grade_id:
            yield place.error("id_missing")
        elif not re.fullmatch(r"[a-zA-Z0-9_\-]+", place.grade_id):
            yield place.error("id_invalid")
        elif place.grade_id in seen:
            yield place.error("id_duplicate")
        seen.add(place.grade_id)


def _metadata(place: _Place) -> Iterator[Finding]:
    if not place.metadata:
        return
    version = place.metadata.get("schema_version", 0)
    if version != SCHEMA_VERSION:
        is_new = isinstance(version, int) and version > SCHEMA_VERSION
        yield place.error("schema_too_new" if is_new else "schema_too_old", version=str(version)[:20])
    cell_type = place.cell.cell_type
    if place.kind in ("tests", "manual", "task"):
        yield from _points(place)
    if place.kind == "tests" and cell_type != "code":
        yield place.error("tests_not_code")
    if place.kind == "answer" and cell_type != "code":
        yield place.error("answer_without_points")
    if place.kind == "task" and cell_type != "markdown":
        yield place.error("task_not_text")
    if place.kind is not None and cell_type == "raw":
        yield place.error("cell_raw")


def _points(place: _Place) -> Iterator[Finding]:
    points = place.metadata.get("points")
    if points is None or points == "":
        yield place.error("points_missing")
    elif not isinstance(points, int | float) or not 0 <= points < float("inf"):
        yield place.error("points_invalid", points=str(points)[:20])


def _regions(place: _Place) -> Iterator[Finding]:
    for (begin, end), kinds, unmarked in _REGIONS:
        marks = [begin in line for line in place.cell.source.split("\n") if begin in line or end in line]
        if not marks:
            continue
        if place.kind not in kinds:
            yield place.error(unmarked)
        if marks != [True, False] * (len(marks) // 2):
            yield place.error("region_broken", region=begin)


def _autotests(place: _Place, *, has_file: bool) -> Iterator[Finding]:
    if place.cell.cell_type != "code" or not re.search(r"^\s*#.*AUTOTEST", place.cell.source, re.MULTILINE):
        return
    if place.kind != "tests":
        yield place.error("autotests_unmarked")
    if not has_file:
        yield place.error("autotests_missing")


# --- Tests -------------------------------------------------------------------------------------------------------


def _tests(place: _Place) -> Iterator[Finding]:
    """What the last line of a test cell gives is taken for points."""
    code = place.cell.source
    if code.lstrip().startswith("%%"):
        return
    try:
        tree = ast.parse(re.sub(r"^(\s*)[%!?].*", r"\1pass", code, flags=re.MULTILINE))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield place.warning("tests_not_python")
        return
    if not tree.body and "AUTOTEST" not in code:
        yield place.warning("tests_empty")
    if not tree.body or not isinstance(last := tree.body[-1], ast.Expr) or code.rstrip().endswith(";"):
        return
    value = last.value
    credit = _number(value)
    if credit is not None:
        yield from _credit(place, credit)
    elif isinstance(value, ast.Call):
        if not _HARMLESS_CALLS.fullmatch(ast.unparse(value.func)):
            yield place.warning("tests_end_in_call", call=ast.unparse(value)[:80])
    elif not isinstance(value, ast.Constant):
        yield place.warning("tests_end_in_value", value=ast.unparse(value)[:80])


def _credit(place: _Place, credit: float) -> Iterator[Finding]:
    points = place.metadata.get("points")
    if credit < 0:
        yield place.error("credit_negative", credit=f"{credit:g}")
    elif isinstance(points, int | float) and credit > points:
        yield place.error("credit_above_points", credit=f"{credit:g}", points=f"{points:g}")


def _number(value: ast.expr) -> float | None:
    sign = -1 if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub) else 1
    operand = value.operand if isinstance(value, ast.UnaryOp) else value
    if isinstance(operand, ast.Constant) and type(operand.value) in (int, float):
        return sign * float(operand.value)  # type: ignore[arg-type]
    return None


# --- What students should not see --------------------------------------------------------------------------------


def _leaks(stem: str, notebook: Any, places: list[_Place]) -> Iterator[Finding]:
    """Lines of solutions and hidden tests that stand where they are not taken out."""
    secrets = {line for place in places for line in _secrets(place)}
    if _tells(json.dumps(notebook.metadata, ensure_ascii=False), secrets):
        yield Finding("solution_in_metadata", "warning", stem)
    for place in places:
        metadata = {key: value for key, value in place.cell.metadata.items() if key != "nbgrader"}
        if _tells(json.dumps(metadata, ensure_ascii=False), secrets):
            yield place.warning("solution_in_metadata")
        if place.cell.get("attachments") and place.kind in ("answer", "manual"):
            yield place.warning("attachment_in_answer")
        if _tells(json.dumps(place.cell.get("outputs", []), ensure_ascii=False), secrets):
            yield place.warning("solution_in_outputs")
        if place.kind not in ("answer", "manual") and secrets & {line.strip() for line in _shown(place)}:
            yield place.warning("solution_in_text")


def _tells(text: str, secrets: set[str]) -> bool:
    return any(json.dumps(secret, ensure_ascii=False)[1:-1] in text for secret in secrets)


def _secrets(place: _Place) -> Iterator[str]:
    """The telling lines of a cell that a student never gets."""
    lines = place.cell.source.split("\n")
    if place.kind in ("answer", "manual"):
        has_region = any(_SOLUTION[0] in line for line in lines)
        hidden = _inside(lines, _SOLUTION) if has_region else lines
    else:
        hidden = _inside(lines, _HIDDEN)
    for line in hidden:
        if len(line.strip()) >= _TELLING_CHARACTERS and "YOUR CODE HERE" not in line and "raise NotImpl" not in line:
            yield line.strip()


def _shown(place: _Place) -> list[str]:
    lines = place.cell.source.split("\n")
    hidden = [*_inside(lines, _HIDDEN), *_inside(lines, _SCHEME)]
    return [line for line in lines if line not in hidden]


def _inside(lines: list[str], region: tuple[str, str]) -> list[str]:
    """The lines between two marks, without the marks."""
    found, inside = [], False
    for line in lines:
        if region[0] in line or region[1] in line:
            inside = region[0] in line
        elif inside:
            found.append(line)
    return found
