"""What a student is told of a submission: its notebooks as they were run, with points, comments and a message.

Points and comments are those of the moment of publishing, and so is what they rest on (`freezing`): what graders have
changed since, of a rubric too, is told when it is published again. Of hidden tests is shown what their tier allows
(`redacting`), and of outputs only text and pictures (`classes.notebooks`), so that nothing of a notebook ever runs or
is laid out where it is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from assignments import artefacts, files
from assignments.errors import AssignmentError
from assignments.files import Bundle
from assignments.grading.freezing import Terms, terms_in
from assignments.grading.gradebook import points_as_of
from assignments.grading.points import CellKey, CellPoints, SubmissionPoints
from assignments.models import Assignment, CellComment, CellKind, Feedback, GradeChange, Release, RubricItem, Submission
from assignments.notebooks.cells import Notebook, grade_id_of, read
from assignments.notebooks.redacting import Sees, Tier, hidden_of, redact, sees
from assignments.submitting.fetching import given_out
from classes.errors import CourseError
from classes.notebooks import Cell, read_notebook


@dataclass(frozen=True, slots=True)
class ToldCell:
    """One cell of a notebook, and what is said of it."""

    name: str
    """Its `grade_id`; empty for a cell that nbgrader knows nothing of."""
    cell: Cell | None
    """None where the notebook cannot be shown, or has the cell no more."""
    points: CellPoints | None = None
    """None where it gives none, or its student is not told."""
    items: Sequence[RubricItem] = ()
    comments: Sequence[CellComment] = ()
    has_hidden: bool = False
    """Whether some of it is kept from students."""


@dataclass(frozen=True, slots=True)
class ToldNotebook:
    """One notebook of a submission."""

    name: str
    cells: Sequence[ToldCell]
    comments: Sequence[CellComment]
    """Of the whole, and of cells that are no longer there."""
    is_readable: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What a student is told of one submission."""

    notebooks: Sequence[ToldNotebook]
    points: SubmissionPoints
    message: str
    published_at: datetime | None
    """None while it is not published: what it would say if it were now."""
    hidden_until: datetime | None
    """From when on hidden tests are shown, if they are not yet."""
    items: Mapping[str, RubricItem]
    """The rubric as it is told, by its keys."""

    def points_of(self, key: CellKey) -> CellPoints | None:
        """The points of this cell, if its student is told them."""
        told = (cell for notebook in self.notebooks if notebook.name == key.notebook for cell in notebook.cells)
        return next((cell.points for cell in told if cell.name == key.grade_id), None)


def feedback_of(submission: Submission) -> Feedback | None:
    """That it is published; None before it is."""
    return Feedback.objects.filter(submission=submission).first()


def told_of(submission: Submission, feedback: Feedback | None, *, now: datetime) -> Told:
    """What its student is told. Raises AssignmentError `artefact_missing`."""
    until = feedback.published_at if feedback is not None else now
    terms = terms_in(feedback)
    points, autograding = points_as_of(submission, until=until, terms=terms)
    seen, hidden_until = _seen(submission.assignment, now=now)
    items = _items(submission.assignment, terms)
    page = _Page(
        points={cell.key: cell for cell in points.cells},
        items=items,
        comments=_comments(submission, terms, until=until),
        seen=seen,
    )
    release = autograding.release if autograding is not None else submission.release
    executed = _read(autograding.bundle if autograding is not None else submission.repaired or submission.bundle)
    released = given_out(release)
    names = _names(executed, points)
    return Told(
        notebooks=[page.notebook(name, executed, released, tests=_tests_of(release)) for name in names],
        points=points,
        message=feedback.message if feedback is not None else "",
        published_at=feedback.published_at if feedback is not None else None,
        hidden_until=hidden_until,
        items=items,
    )


def note_reading(feedback: Feedback, *, now: datetime) -> None:
    """That its student has opened it; the first time, and again once it was published anew."""
    unread = Q(read_at=None) | Q(read_at__lt=feedback.published_at)
    Feedback.objects.filter(unread, pk=feedback.pk).update(read_at=now)


def history_of(submission: Submission, told: Told) -> Sequence[GradeChange]:
    """How the points that they were told came about, the latest first; nothing of tests of which they see nothing."""
    if told.published_at is None:
        return []
    changes = submission.changes.filter(at__lte=told.published_at).order_by("-at", "-pk")
    shown = [change for change in changes if not change.grade_id or told.points_of(_key(change)) is not None]
    for change in shown:
        change.rubric_item = told.items.get(str(change.rubric_item_id))
    return shown


# --- Steps -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Page:
    """What is known of all cells of a submission."""

    points: Mapping[CellKey, CellPoints]
    items: Mapping[str, RubricItem]
    comments: Sequence[CellComment]
    seen: Sees

    def notebook(self, name: str, executed: Bundle, released: Bundle, *, tests: frozenset[CellKey]) -> ToldNotebook:
        comments = [one for one in self.comments if one.notebook == name]
        shown = _shown(name, executed, released, seen=self.seen, tests=tests)
        placed = [self._cell(name, *one, comments) for one in shown or ()]
        missing = {key.grade_id for key in self.points if key.notebook == name} - {cell.name for cell in placed}
        hidden = {key.grade_id for key in tests} if self.seen != Sees.EVERYTHING else set()
        placed += [self._cell(name, grade_id, "", None, grade_id in hidden, comments) for grade_id in sorted(missing)]
        said = {comment.pk for cell in placed for comment in cell.comments}
        return ToldNotebook(name, placed, [one for one in comments if one.pk not in said], shown is not None)

    def _cell(
        self, notebook: str, grade_id: str, own: str, cell: Cell | None, has_hidden: bool, said: Iterable[CellComment]
    ) -> ToldCell:
        points = self.points.get(CellKey(notebook, grade_id)) if grade_id else None
        is_secret = has_hidden and self.seen == Sees.NOTHING
        chosen = [self.items[item] for item in points.items if item in self.items] if points is not None else []
        return ToldCell(
            name=grade_id,
            cell=cell,
            points=None if is_secret else points,
            items=[] if is_secret else chosen,
            comments=[one for one in said if one.cell and one.cell in (grade_id, own)],
            has_hidden=has_hidden,
        )


def _items(assignment: Assignment, terms: Terms | None) -> dict[str, RubricItem]:
    """The rubric, as it was then."""
    items = {str(item.pk): item for item in RubricItem.objects.filter(assignment=assignment)}
    for key, (label, points) in (terms.items if terms is not None else {}).items():
        if key in items:
            items[key].label, items[key].points = label, points
    return items


def _comments(submission: Submission, terms: Terms | None, *, until: datetime) -> list[CellComment]:
    """What was said by then, in the words of then. What was taken back since is gone at once."""
    said = list(submission.comments.filter(Q(at__lte=until)))
    for comment in said:
        comment.text = terms.comments.get(str(comment.pk), comment.text) if terms is not None else comment.text
    return said


def _key(change: GradeChange) -> CellKey:
    return CellKey(change.notebook, change.grade_id)


def _seen(assignment: Assignment, *, now: datetime) -> tuple[Sees, datetime | None]:
    tier, at = Tier(assignment.hidden_tests), assignment.hidden_tests_from
    seen = sees(tier, shows_at=at, now=now)
    return seen, at if tier == Tier.LATER and seen != Sees.EVERYTHING else None


_Shown = tuple[str, str, Cell, bool]
"""The `grade_id` of a cell, its own id, what of it is shown, and whether something is kept back."""


def _shown(
    name: str, executed: Bundle, released: Bundle, *, seen: Sees, tests: frozenset[CellKey]
) -> list[_Shown] | None:
    """The cells as they may be seen; None for a notebook that cannot be shown without giving something away."""
    ran, given = _notebook(executed, name), _notebook(released, name)
    if ran is None or (given is None and seen != Sees.EVERYTHING and any(key.notebook == name for key in tests)):
        return None
    hidden = hidden_of(ran, given_out=given) if given is not None else {}
    redacted = redact(ran, given_out=given, hidden=hidden, what=lambda _cell: seen) if given is not None else ran
    try:
        cells = read_notebook(json.dumps(redacted).encode())
    except CourseError:
        return None
    kept = hidden if seen != Sees.EVERYTHING else {}
    return [
        (grade_id := grade_id_of(raw), str(raw.get("id", "")), cell, grade_id in kept)
        for raw, cell in zip(redacted["cells"], cells, strict=True)
    ]


def _notebook(bundle: Bundle, name: str) -> Notebook | None:
    content = bundle.read(f"{name}{files.SUFFIX}")
    try:
        return read(content, name=name) if content is not None else None
    except AssignmentError:
        return None


def _tests_of(release: Release) -> frozenset[CellKey]:
    cells = release.cells.filter(kind=CellKind.TESTS)
    return frozenset(CellKey(*row) for row in cells.values_list("notebook", "grade_id"))


def _names(executed: Bundle, points: SubmissionPoints) -> list[str]:
    there = {file.path.removesuffix(files.SUFFIX) for file in executed if file.path.endswith(files.SUFFIX)}
    return sorted({name for name in there if name and "/" not in name} | {cell.key.notebook for cell in points.cells})


def _read(artefact: str) -> Bundle:
    return files.from_tar([artefacts.read(artefact)], limits=files.KEPT).bundle
