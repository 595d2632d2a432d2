"""What goes to the engine and comes back: plain values, checked before anybody uses them."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeVar

Kind = Literal["answer", "tests", "manual", "task", "read-only"]
"""What a cell is: an answer that tests grade, tests, an answer or a task graded by hand, or something to read."""
Level = Literal["error", "warning"]
Oddity = Literal["credit_no_number", "credit_above_points", "credit_negative"]

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class CellRow:
    """A cell of a release that nbgrader knows. `source` has the hidden tests, so it is not for students."""

    notebook: str
    grade_id: str
    kind: Kind
    points: float
    position: int
    source: str


@dataclass(frozen=True, slots=True)
class Generated:
    """What a release consists of. Its files are in `release/` and `gradebook.db` of the folder it was made in."""

    cells: tuple[CellRow, ...]
    log: str


@dataclass(frozen=True, slots=True)
class ScoredCell:
    """What a cell got. No points: somebody has to give them."""

    notebook: str
    grade_id: str
    kind: Kind
    max_points: float
    auto_points: float | None
    needs_manual: bool
    is_unanswered: bool
    oddity: Oddity | None
    """What was strange about the number a test gave, if anything: the mark of a mistake in a test, or of a forgery."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What a submission got. `missing` are notebooks that were not handed in: their cells have no points."""

    cells: tuple[ScoredCell, ...]
    missing: tuple[str, ...]
    log: str


@dataclass(frozen=True, slots=True)
class Mark:
    """What a cell got in the end, and what is said about it (Markdown). Not graded yet: no points."""

    notebook: str
    grade_id: str
    points: float | None = None
    extra: float = 0.0
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Marks:
    """Everything a student is told. `penalties` are points taken off by notebook."""

    cells: tuple[Mark, ...]
    penalties: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to look at in an assignment. `position` counts cells from 0, and is -1 for a whole notebook."""

    code: str
    level: Level
    notebook: str
    cell: str
    position: int
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Linted:
    """What can be seen without running anything."""

    findings: tuple[Finding, ...]

    @property
    def has_errors(self) -> bool:
        """Whether nbgrader would refuse it, or grade it wrongly."""
        return any(finding.level == "error" for finding in self.findings)


@dataclass(frozen=True, slots=True)
class FailedCell:
    """A cell that would not get all its points."""

    source: str
    error: str


@dataclass(frozen=True, slots=True)
class Validated:
    """What a student is told before handing in. `changed` and `retyped` are sources of cells."""

    failed: tuple[FailedCell, ...]
    changed: tuple[str, ...]
    retyped: tuple[str, ...]


# --- A whole course, as nbgrader keeps it ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredStudent:
    """A student of nbgrader's."""

    id: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    lms_user_id: str = ""


@dataclass(frozen=True, slots=True)
class StoredCell:
    """A cell with what is needed to grade by it."""

    grade_id: str
    kind: Kind
    points: float
    cell_type: Literal["code", "markdown"]
    source: str
    checksum: str


@dataclass(frozen=True, slots=True)
class StoredNotebook:
    """A notebook of an assignment. `kernelspec` is JSON."""

    name: str
    kernelspec: str
    cells: tuple[StoredCell, ...]


@dataclass(frozen=True, slots=True)
class StoredAssignment:
    """An assignment and its notebooks."""

    name: str
    due_at: datetime | None
    notebooks: tuple[StoredNotebook, ...]


@dataclass(frozen=True, slots=True)
class StoredMark:
    """What stands in the gradebook for one cell. Points by hand outweigh automatic ones; extra is added to either."""

    notebook: str
    grade_id: str
    auto_points: float | None = None
    manual_points: float | None = None
    extra: float | None = None
    needs_manual: bool = False
    comment: str = ""


@dataclass(frozen=True, slots=True)
class StoredPenalty:
    """Points taken off a notebook that came late."""

    notebook: str
    points: float


@dataclass(frozen=True, slots=True)
class StoredSubmission:
    """What one student handed in to one assignment."""

    assignment: str
    student: str
    submitted_at: datetime | None
    extension_seconds: float = 0.0
    marks: tuple[StoredMark, ...] = ()
    penalties: tuple[StoredPenalty, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredCourse:
    """Everything in a gradebook.db."""

    students: tuple[StoredStudent, ...] = ()
    assignments: tuple[StoredAssignment, ...] = ()
    submissions: tuple[StoredSubmission, ...] = ()


# --- From and to JSON --------------------------------------------------------------------------------------------


def from_json(type_: type[_Value], value: object) -> _Value:
    """The value of a dataclass above. Raises ValueError where anything is missing, too much, or of another type."""
    return typing.cast("_Value", _read(type_, value))


def to_json(value: object) -> object:
    """The JSON of a dataclass above."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: to_json(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [to_json(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): to_json(each) for key, each in value.items()}
    return value.isoformat() if isinstance(value, datetime) else value


def _read(type_: Any, value: object) -> object:
    origin, arguments = typing.get_origin(type_), typing.get_args(type_)
    if dataclasses.is_dataclass(type_):
        return _read_dataclass(type_, value)
    if origin in (types.UnionType, typing.Union):
        return None if value is None else _read(arguments[0], value)
    if origin is Literal:
        return _checked(value, is_right=value in arguments)
    if origin is tuple:
        return tuple(_read(arguments[0], each) for each in _checked(value, is_right=isinstance(value, list)))
    if origin is Mapping:
        pairs = _checked(value, is_right=isinstance(value, dict)).items()
        return {_read(arguments[0], key): _read(arguments[1], each) for key, each in pairs}
    if type_ is datetime:
        return datetime.fromisoformat(_checked(value, is_right=isinstance(value, str)))
    if type_ is float and type(value) is int:
        return float(value)
    return _checked(value, is_right=type(value) is type_)


def _read_dataclass(type_: Any, value: object) -> object:
    hints, names = typing.get_type_hints(type_), [each.name for each in dataclasses.fields(type_)]
    found = _checked(value, is_right=isinstance(value, dict))
    if {*found} != {*names}:
        raise ValueError(f"{type_.__name__} has {sorted(names)}, not {sorted(found)}")
    return type_(**{name: _read(hints[name], found[name]) for name in names})


def _checked(value: Any, *, is_right: bool) -> Any:
    if not is_right:
        raise ValueError(f"unexpected {str(value)[:80]!r}")
    return value
