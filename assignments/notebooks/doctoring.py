"""What was handed in, put into a shape that can be graded, and told what for. Pure.

Everything is compared with the release as students got it, never with a checksum: that of a cell with hidden tests
differs for everybody. What nbgrader says of a cell is taken from there, so it does not matter what the student's copy
says, or in which version of its schema. No text of a student is lost: cells nobody knows stay where they are, and of
several copies of a cell the others stay as plain cells.

Which copy of an answer is *the* answer: one with something in it other than what was given out, and the last of those,
for copies are made downwards. Of a cell that students do not write into: one that is as it was given out, and the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from assignments.errors import AssignmentError
from assignments.files import SUFFIX, Bundle, File
from assignments.notebooks.cells import (
    Cell,
    Notebook,
    by_grade_id,
    copy_of,
    grade_id_of,
    grading_of,
    is_answer,
    is_test,
    of_type,
    plain,
    read,
    same_words,
    with_ids,
    write,
)

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

SCHEMA = 3
MAX_SHOWN = 60

REPAIR_WORDS: dict[str, _StrPromise] = {
    "notebook_missing": _("{notebook}: it was not among the files. It counts as unanswered."),
    "notebook_unreadable": _("{notebook}: it could not be read as a notebook. It counts as unanswered."),
    "notebook_too_large": _(
        "{notebook}: it is too large to be graded. It counts as unanswered. Clear its outputs and submit it again."
    ),
    "notebook_renamed": _("{notebook}: it was called “{was}”, and was taken for this notebook."),
    "metadata_missing": _("{notebook}: it no longer said which cell is which, so they were looked for."),
    "schema_other": _("{notebook}: it was marked up by another version of nbgrader, which was put right."),
    "cell_found": _("{notebook}, {cell}: the cell had lost its marks. Look whether the right one was found."),
    "cell_copied": _("{notebook}, {cell}: it was there {times} times. The one with your answer counts; all stay."),
    "cell_put_back": _("{notebook}, {cell}: the cell had been deleted and was put back as it was given out."),
    "locked_edited": _("{notebook}, {cell}: the cell is not yours to change. It counts as it was given out."),
    "flags_restored": _("{notebook}, {cell}: how the cell is graded had been changed, and was put right."),
    "type_restored": _("{notebook}, {cell}: the cell was of another type, which was put right. Your text is kept."),
    "cell_unknown": _("{notebook}, {cell}: this assignment has no such cell. It stays, and is not graded."),
    "test_moved": _("{notebook}, {cell}: the test stood before the answer that it tests, and was put behind it."),
    "cells_reordered": _("{notebook}: the cells are not in the order they were given out in. They stay in yours."),
    "ids_renewed": _("{notebook}: several cells had the same identity. They have their own again."),
    "kernel_restored": _("{notebook}: it was set to run with “{was}”. It is graded with “{kernel}”, as given out."),
}


LOSSES = frozenset({"notebook_missing", "notebook_unreadable", "notebook_too_large"})
"""What leaves a notebook unanswered."""


@dataclass(frozen=True, slots=True)
class Repair:
    """Something that was put right, or that whoever handed it in should know. `code` is a key of `REPAIR_WORDS`."""

    code: str
    notebook: str
    grade_id: str = ""
    facts: tuple[tuple[str, str | int], ...] = ()

    def __str__(self) -> str:
        facts: dict[str, Any] = {"notebook": self.notebook, "cell": self.grade_id, **dict(self.facts)}
        return str(REPAIR_WORDS[self.code]).format_map(facts)

    @property
    def is_loss(self) -> bool:
        """Whether a notebook counts as unanswered for it."""
        return self.code in LOSSES

    def as_json(self) -> dict[str, Any]:
        """As it is stored."""
        return {"code": self.code, "notebook": self.notebook, "cell": self.grade_id, "facts": dict(self.facts)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Repair:
        """As it was stored."""
        return cls(stored["code"], stored["notebook"], stored["cell"], tuple(stored["facts"].items()))


@dataclass(frozen=True, slots=True)
class Doctored:
    """A notebook that can be graded, and what was done to it."""

    notebook: Notebook
    repairs: tuple[Repair, ...]


@dataclass(frozen=True, slots=True)
class DoctoredFiles:
    """All that was handed in, as it can be graded."""

    bundle: Bundle
    repairs: tuple[Repair, ...]
    missing: frozenset[str]
    """The notebooks of which there was none that could be read, so that the release's are in their places."""


def doctor_files(submitted: Bundle, *, release: Bundle) -> DoctoredFiles:
    """What was handed in with every notebook of the release in it, and each of them repaired.

    A notebook that is not there is looked for under other names first. It raises nothing for what a student can do.
    """
    files = {file.path: file.content for file in submitted}
    repairs: list[Repair] = []
    missing = set()
    for name in release.notebooks:
        given_out = read(release.notebook(name), name=name)
        try:
            source, called = _find(name, given_out, submitted, release.notebooks)
            doctored = doctor(read(source, name=name), release=given_out, name=name)
        except AssignmentError as error:
            repairs.append(Repair(error.code if error.code in LOSSES else "notebook_unreadable", name))
            missing.add(name)
            files[name + SUFFIX] = write(given_out)
            continue
        if called != name:
            repairs.append(Repair("notebook_renamed", name, facts=(("was", called),)))
            del files[called + SUFFIX]
        repairs.extend(doctored.repairs)
        files[name + SUFFIX] = write(doctored.notebook)
    bundle = Bundle(tuple(File(path, files[path]) for path in sorted(files)))
    return DoctoredFiles(bundle, tuple(repairs), frozenset(missing))


def doctor(submitted: Notebook, *, release: Notebook, name: str) -> Doctored:
    """The notebook repaired. `release` is it as students got it; neither is changed."""
    return _Doctor(name, release).treat(submitted)


def _find(name: str, given_out: Notebook, submitted: Bundle, others: Iterable[str]) -> tuple[bytes, str]:
    """The notebook of this name, or the one of no known name that has most of its cells. And what it is called."""
    if (content := submitted.read(name + SUFFIX)) is not None:
        return content, name
    wanted = set(by_grade_id(given_out["cells"]))
    found = []
    for called in set(submitted.notebooks).difference(others):
        shared = wanted.intersection(_grade_ids(submitted.notebook(called), called))
        if 2 * len(shared) > len(wanted):
            found.append((len(shared), called))
    if not found:
        raise AssignmentError("notebook_missing", notebook=name)
    called = max(found)[1]
    return submitted.notebook(called), called


def _grade_ids(raw: bytes, name: str) -> set[str]:
    try:
        return set(by_grade_id(read(raw, name=name)["cells"]))
    except AssignmentError:
        return set()


class _Doctor:
    """Treats one notebook."""

    def __init__(self, name: str, release: Notebook) -> None:
        self._name = name
        self._release = release
        self._given = by_grade_id(release["cells"])
        self._order = list(self._given)
        self._repairs: list[Repair] = []

    def treat(self, submitted: Notebook) -> Doctored:
        cells = [copy_of(cell) for cell in submitted["cells"]]
        self._look_at_marks(cells)
        cells = self._without_strangers(cells)
        cells = self._one_of_each(cells)
        cells = self._found_again(cells)
        cells = [self._as_given_out(cell) if grade_id_of(cell) else cell for cell in cells]
        cells = self._with_deleted(cells)
        cells = self._tests_behind_answers(cells)
        minor = max(submitted["nbformat_minor"], self._release["nbformat_minor"])
        cells, renewed = with_ids(cells, minor=minor)
        if renewed and submitted["nbformat_minor"] == minor:
            self._tell("ids_renewed")
        notebook = {**submitted, "nbformat_minor": minor, "cells": cells, "metadata": self._metadata(submitted)}
        return Doctored(notebook, tuple(self._repairs))

    def _tell(self, code: str, grade_id: str = "", **facts: str | int) -> None:
        shown = grade_id.encode(errors="backslashreplace").decode()[:MAX_SHOWN]
        self._repairs.append(Repair(code, self._name, shown, tuple(facts.items())))

    def _look_at_marks(self, cells: list[Cell]) -> None:
        gradings = [grading for cell in cells if (grading := grading_of(cell)) is not None]
        if not gradings and self._given:
            self._tell("metadata_missing")
        elif any(grading.get("schema_version", 0) != SCHEMA for grading in gradings if grading):
            self._tell("schema_other")

    def _without_strangers(self, cells: list[Cell]) -> list[Cell]:
        """Nbgrader's marks only on cells that the release has."""
        for position, cell in enumerate(cells):
            grade_id = grade_id_of(cell)
            if grade_id not in self._given:
                if grade_id:
                    self._tell("cell_unknown", grade_id)
                cells[position] = plain(cell)
        return cells

    def _one_of_each(self, cells: list[Cell]) -> list[Cell]:
        """Of several copies all but the right one without marks."""
        places: dict[str, list[int]] = {}
        for position, cell in enumerate(cells):
            if grade_id_of(cell):
                places.setdefault(grade_id_of(cell), []).append(position)
        for grade_id, copies in places.items():
            if len(copies) > 1:
                right = max(copies, key=lambda place: (*_worth(cells[place], self._given[grade_id]), place))
                cells = [plain(cell) if i in copies and i != right else cell for i, cell in enumerate(cells)]
                self._tell("cell_copied", grade_id, times=len(copies))
        return cells

    def _found_again(self, cells: list[Cell]) -> list[Cell]:
        """Marks on cells that have lost them: known by their identity, by what is in them, or by where they are."""
        is_unmarked = not any(grade_id_of(cell) for cell in cells)
        for is_same in (_is_same_by_id, _is_same_by_source):
            for grade_id in self._absent(cells):
                given = self._given[grade_id]
                alike = [i for i, cell in enumerate(cells) if not grade_id_of(cell) and is_same(cell, given)]
                if len(alike) == 1 or (alike and is_unmarked):
                    self._mark(cells, alike[0], grade_id, is_told=not is_unmarked)
        for grade_id in self._absent(cells):
            given = self._given[grade_id]
            if is_answer(given) and len(alike := self._between_neighbours(cells, grade_id)) == 1:
                self._mark(cells, alike[0], grade_id, is_told=True)
        return cells

    def _absent(self, cells: list[Cell]) -> list[str]:
        present = {grade_id_of(cell) for cell in cells}
        return [grade_id for grade_id in self._order if grade_id not in present]

    def _mark(self, cells: list[Cell], place: int, grade_id: str, *, is_told: bool) -> None:
        marks = dict(grading_of(self._given[grade_id]) or {})
        cells[place] = {**cells[place], "metadata": {**cells[place]["metadata"], "nbgrader": marks}}
        if is_told:
            self._tell("cell_found", grade_id)

    def _between_neighbours(self, cells: list[Cell], grade_id: str) -> list[int]:
        """The plain cells of its type with something in them where it should be."""
        start, end = self._room_for(cells, grade_id)
        cell_type = self._given[grade_id]["cell_type"]
        return [i for i in range(start, end) if cells[i]["cell_type"] == cell_type and _is_own(cells[i], self._release)]

    def _room_for(self, cells: list[Cell], grade_id: str) -> tuple[int, int]:
        """From behind the nearest cell above it in the release, up to the nearest below it."""
        at = {grade_id_of(cell): place for place, cell in enumerate(cells) if grade_id_of(cell)}
        position = self._order.index(grade_id)
        start = next((at[one] + 1 for one in reversed(self._order[:position]) if one in at), 0)
        end = next((at[one] for one in self._order[position + 1 :] if one in at), len(cells))
        return start, max(start, end)

    def _as_given_out(self, cell: Cell) -> Cell:
        """With the marks and the type of the release. What is in it stays, for nbgrader restores what it must."""
        grade_id = grade_id_of(cell)
        given = self._given[grade_id]
        if cell["cell_type"] != given["cell_type"]:
            self._tell("type_restored", grade_id)
            cell = of_type(cell, given["cell_type"])
        if _flags(cell) != _flags(given):
            self._tell("flags_restored", grade_id)
        if not is_answer(given) and not same_words(cell["source"], given["source"]):
            self._tell("locked_edited", grade_id)
        return {**cell, "metadata": {**cell["metadata"], "nbgrader": dict(grading_of(given) or {})}}

    def _tests_behind_answers(self, cells: list[Cell]) -> list[Cell]:
        """The order is the student's, but for a test that would be run before there is anything to test."""
        order = [grade_id_of(cell) for cell in cells if grade_id_of(cell)]
        if order == [grade_id for grade_id in self._order if grade_id in order]:
            return cells
        self._tell("cells_reordered")
        for grade_id in self._order:
            answer = self._answer_of(grade_id, order)
            if not answer or not is_test(self._given[grade_id]):
                continue
            at = {grade_id_of(cell): place for place, cell in enumerate(cells) if grade_id_of(cell)}
            if at[grade_id] < at[answer]:
                self._tell("test_moved", grade_id)
                behind = self._behind(cells, at[answer], grade_id)
                cells.insert(behind - 1, cells.pop(at[grade_id]))
        return cells

    def _answer_of(self, grade_id: str, present: list[str]) -> str:
        """The answer nearest above a cell of the release; empty if either is not there."""
        above = self._order[: self._order.index(grade_id)] if grade_id in present else []
        return next((one for one in reversed(above) if one in present and is_answer(self._given[one])), "")

    def _behind(self, cells: list[Cell], place: int, grade_id: str) -> int:
        """Behind an answer, and behind the tests of it that come before this one."""
        before = set(self._order[: self._order.index(grade_id)])
        place += 1
        while place < len(cells) and grade_id_of(cells[place]) in before and is_test(cells[place]):
            place += 1
        return place

    def _with_deleted(self, cells: list[Cell]) -> list[Cell]:
        """What was deleted, as it was given out. An answer right behind what it followed, so that it hides nothing of
        what the student wrote instead; anything else right before what follows, so that it tests that too.
        """
        for grade_id in self._absent(cells):
            given = copy_of(self._given[grade_id])
            start, end = self._room_for(cells, grade_id)
            cells.insert(start if is_answer(given) else end, given)
            self._tell("cell_put_back", grade_id)
        return cells

    def _metadata(self, submitted: Notebook) -> Mapping[str, Any]:
        given: Mapping[str, Any] = self._release["metadata"]
        found: Mapping[str, Any] = submitted["metadata"]
        was, wanted = _kernel(found), _kernel(given)
        if not wanted or was == wanted:
            return found
        self._tell("kernel_restored", was=was or "?", kernel=wanted)
        language = {"language_info": given["language_info"]} if "language_info" in given else {}
        metadata: dict[str, Any] = {**found, "kernelspec": given["kernelspec"], **language}
        return metadata


def _worth(cell: Cell, given: Cell) -> tuple[bool, bool]:
    """What speaks for one of several copies of a cell."""
    is_as_given = same_words(cell["source"], given["source"])
    is_right = bool(cell["source"].strip()) and not is_as_given if is_answer(given) else is_as_given
    return is_right, cell["cell_type"] == given["cell_type"]


def _is_same_by_id(cell: Cell, given: Cell) -> bool:
    return bool(given.get("id")) and cell.get("id") == given["id"] and cell["cell_type"] == given["cell_type"]


def _is_same_by_source(cell: Cell, given: Cell) -> bool:
    return (
        bool(given["source"].strip())
        and cell["cell_type"] == given["cell_type"]
        and same_words(cell["source"], given["source"])
    )


def _is_own(cell: Cell, release: Notebook) -> bool:
    """Whether it is a cell of the student's own, with something in it."""
    if grade_id_of(cell) or not cell["source"].strip():
        return False
    return not any(same_words(given["source"], cell["source"]) for given in release["cells"])


def _flags(cell: Cell) -> dict[str, Any]:
    """How it is graded, in words of the present schema."""
    grading = dict(grading_of(cell) or {})
    flags = {key: grading.get(key, False) for key in ("grade", "solution", "locked", "task")}
    points = grading.get("points") if flags["grade"] or flags["task"] else None
    try:
        return {**flags, "points": float(points or 0)}
    except (TypeError, ValueError):
        return {**flags, "points": None}


def _kernel(metadata: Mapping[str, Any]) -> str:
    kernel = metadata.get("kernelspec")
    name = kernel.get("name") if isinstance(kernel, Mapping) else None
    return name.encode(errors="backslashreplace").decode()[:MAX_SHOWN] if isinstance(name, str) else ""
