"""What the check of an assignment can find, in words for its teacher."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

from django.utils.translation import gettext_lazy as _

from assignments.errors import explained

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

Level = Literal["error", "warning"]
LEVELS: tuple[Level, ...] = ("error", "warning")
"""Worst first."""

GATE_WORDS: dict[str, str | _StrPromise] = {
    # Found by running it
    "solution_fails": _("Your own solution gets {points} of {most} points here: {why}"),
    "stub_earns": _("Whoever hands in the students' version unchanged gets {points} of {most} points here."),
    "runs_differ": _("Run twice, these tests gave {first} and then {second} points. Points must not come by chance."),
    "stderr_in_tests": _("These tests write warnings or errors (stderr), for which nbgrader gives no points."),
    "solution_died": _(
        "Running your own solution ended before its last cell. Perhaps {memory} MB is too little memory."
    ),
    "solution_stuck": _("Running your own solution had to be ended: a cell took too long and would not stop."),
    "solution_out_of_time": _("Your own solution did not come to its end within {seconds} seconds."),
    "grading_image_missing": _(
        "The environment of the class is not there, so nothing could be run. Prepare it on the page “Environment” of "
        "the class, and check again."
    ),
    "solution_slow": _("Your own solution takes {seconds} seconds, more than half of the {most} that it may."),
    "tampered_here": _("After these tests, tests cannot fail any more in this notebook. Does it redefine “assert”?"),
    "solution_in_file": _("A line of your solution is in the file “{file}”, which students get: {line}"),
    # Ids, points and kinds
    "id_missing": _("This cell has no id. Give it one of its own."),
    "id_invalid": _("The id of this cell may have only letters, digits, hyphens and underscores."),
    "id_duplicate": _("Another cell has the same id, often because it was copied. Give each its own."),
    "points_missing": _("It is not said how many points this cell is worth."),
    "points_invalid": _("“{points}” is no number of points."),
    "schema_too_old": _(
        "This cell was marked with an old nbgrader (version {version} of its format). Run “nbgrader update”."
    ),
    "schema_too_new": _(
        "This cell was marked with a newer nbgrader than the one here (version {version} of its format)."
    ),
    "tests_not_code": _("Tests stand in a cell that is not code, so that they are never run."),
    "answer_without_points": _("This is an answer in words that nobody grades. Choose “Manually graded answer”."),
    "task_not_text": _("A task has to be a cell of text."),
    "cell_raw": _("A raw cell cannot be graded. Make it code or text."),
    "kernel_missing": _(
        "The notebook does not say which kernel it needs. Open it in JupyterLab, choose one, and save."
    ),
    "language_unknown": _("It is not known what to put in place of a solution in “{language}”."),
    "nothing_graded": _("Nothing in this notebook gives points."),
    "no_tests": _("There are answers in code, and no tests that give points for them."),
    "notebook_in_folder": _("This notebook is in a folder, so it is no part of the assignment. Put it at the top."),
    # Regions
    "solution_region_unmarked": _(
        "A solution stands in a cell that is not marked as an answer: students would see it."
    ),
    "hidden_tests_unmarked": _("Hidden tests stand in a cell that is not marked as tests: students would see them."),
    "mark_scheme_unmarked": _("A mark scheme stands in a cell that nobody grades by hand: students would see it."),
    "region_broken": _("“{region}” begins and does not end, or begins twice."),
    "autotests_unmarked": _("AUTOTEST stands in a cell that is not marked as tests."),
    "autotests_missing": _("AUTOTEST needs a file autotests.yml beside the notebook."),
    # Tests
    "tests_not_python": _("These tests cannot be read as Python."),
    "tests_empty": _("There are no tests in this cell of tests: everybody gets its points."),
    "tests_end_in_call": _(
        "The last line, {call}, gives a value, which nbgrader takes for points. End it with a semicolon."
    ),
    "tests_end_in_value": _(
        "The last line, {value}, is taken for points. If that is not meant, end it with a semicolon."
    ),
    "credit_negative": _("The last line gives {credit} points, less than none."),
    "credit_above_points": _("The last line gives {credit} points, more than the {points} of the cell."),
    # What students would see
    "solution_in_metadata": _("A line of a solution is in what the notebook says about itself, which students get."),
    "solution_in_outputs": _("A line of a solution is in the output of this cell, which students get. Clear it."),
    "solution_in_text": _("A line of a solution is in this cell, which students get as it is."),
    "attachment_in_answer": _("A picture is attached to this answer, and students get it."),
}
"""By code, with the facts that fill it. Codes of errors are explained by their own words."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at. `cell` is its id, or empty; `position` counts from 0, and is -1 for a whole notebook."""

    code: str
    level: Level
    notebook: str = ""
    cell: str = ""
    position: int = -1
    facts: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_row(cls, stored: Mapping[str, Any]) -> Self:
        """As a row keeps it."""
        return cls(**stored)

    @property
    def is_error(self) -> bool:
        """Whether it should be mended before anybody gets the assignment."""
        return self.level == "error"

    @property
    def words(self) -> str:
        """What was found, and where it is known what to do about it."""
        words = GATE_WORDS.get(self.code)
        if words is not None:
            return str(words).format_map(_Facts(self.facts))
        reason = explained(self.code, self.facts)
        return f"{reason.sentence} {reason.next_step}"

    @property
    def number(self) -> int | None:
        """Which cell of its notebook it is, as people count; None for the whole."""
        return None if self.position < 0 else self.position + 1


class _Facts(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "?"


def worst_first(findings: list[Finding]) -> list[Finding]:
    """In the order in which they are to be read, each once."""
    seen: dict[tuple[str, str, str, int], Finding] = {}
    for finding in findings:
        seen.setdefault((finding.code, finding.notebook, finding.cell, finding.position), finding)
    return sorted(seen.values(), key=lambda one: (LEVELS.index(one.level), one.notebook, one.position))
