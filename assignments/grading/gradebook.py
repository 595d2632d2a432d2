"""The points of everybody: every change is written down and never changed, and what counts is folded from them.

`points.fold` says how, and this module where: changes are rows, and beside them stands what they come to (`CellGrade`,
`Submission`, `Grade`), so that pages need not fold. Whatever changes points ends in `refold`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import prefetch_related_objects

from accounts.models import User
from assignments.deadlines import NOTHING_EXTRA, Allowance, counting, standing
from assignments.grading.freezing import Terms, cells_that_begin_full, terms_of
from assignments.grading.points import CellKey, CellKind, CellWorth, Change, ChangeKind, SubmissionPoints, fold
from assignments.grading.sinks import sinks
from assignments.models import (
    Assignment,
    Autograding,
    Cell,
    CellGrade,
    Extension,
    Feedback,
    Grade,
    GradeChange,
    RubricItem,
    Submission,
)
from assignments.submitting.submissions import allowances_of, attempts_of
from classes.models import Membership

_LAST = 1 << 62
"""Beyond the numbers of changes that were written down."""
REFOLDED_AT_ONCE = 200


# --- Changing ----------------------------------------------------------------------------------------------


@transaction.atomic
def take_over(autograding: Autograding, *, now: datetime) -> None:
    """Let the points that these tests gave count. Taking over the same again changes nothing.

    Tests of an earlier release than that whose points count by now, asked for before it was corrected, come too late.
    """
    submission = Submission.objects.select_for_update().get(pk=autograding.submission_id)
    counts = submission.autograding
    if counts is not None and counts.release.number > autograding.release.number:
        Submission.objects.filter(pk=submission.pk).update(state=Submission.State.GRADED)
        return
    if not autograding.changes.exists():
        GradeChange.objects.bulk_create(
            GradeChange(
                submission=submission,
                notebook=cell["notebook"],
                grade_id=cell["grade_id"],
                kind=ChangeKind.AUTOMATIC,
                points=None if cell["auto_points"] is None else Decimal(str(cell["auto_points"])),
                at=now,
                autograding=autograding,
            )
            for cell in autograding.scores
        )
    submission.state = Submission.State.GRADED
    submission.autograding = autograding
    submission.save(update_fields=["state", "autograding"])
    refold(submission, now=now)


@transaction.atomic
def change_points(
    submission: Submission,
    *,
    kind: ChangeKind,
    points: Decimal | None,
    by: User,
    now: datetime,
    cell: CellKey | None = None,
    why: str = "",
    item: RubricItem | None = None,
    is_chosen: bool = True,
) -> GradeChange:
    """Write down what a person says of a cell's points, or of the whole, and let it count."""
    locked = Submission.objects.select_for_update().get(pk=submission.pk)
    change = GradeChange.objects.create(
        submission=locked,
        notebook=cell.notebook if cell is not None else "",
        grade_id=cell.grade_id if cell is not None else "",
        kind=kind,
        points=points,
        is_chosen=is_chosen,
        rubric_item=item,
        why=why,
        by=by,
        at=now,
    )
    refold(locked, now=now)
    return change


@transaction.atomic
def refold(submission: Submission, *, now: datetime) -> SubmissionPoints:
    """Work out anew what a submission has, and what its student has for the assignment."""
    folded = _folded(submission)
    _write_cells(submission, folded, now=now)
    submission.points, submission.max_points = folded.points, folded.max_points
    submission.needs_manual = sum(cell.needs_manual for cell in folded.cells)
    submission.save(update_fields=["points", "max_points", "needs_manual"])
    regrade_person(submission.assignment, submission.membership, now=now)
    return folded


@transaction.atomic
def regrade_person(assignment: Assignment, membership: Membership, *, now: datetime) -> Grade | None:
    """Work out anew which of somebody's submissions counts, and what they have; after dates or rules have moved too.

    Reads what it depends on only once the grade is locked: whoever else works it out has then said their last word.
    """
    theirs = Grade.objects.select_for_update().filter(assignment=assignment, membership=membership)
    grade = theirs.first()
    submissions = list(
        Submission.objects.filter(assignment=assignment, membership=membership).select_related("assignment")
    )
    if not submissions:
        return None
    facts = _facts_of_counting(submissions, now=now)
    if grade is None:
        grade, is_new = Grade.objects.get_or_create(assignment=assignment, membership=membership, defaults=facts)
        return grade if is_new else regrade_person(assignment, membership, now=now)
    if _takes(grade, facts):
        grade.save(update_fields=list(facts))
    return grade


@transaction.atomic
def refold_all(assignment: Assignment, submissions: Collection[Any], *, now: datetime) -> None:
    """Work out anew what these submissions, by their keys, have: so many at a time with the same few questions."""
    keys = sorted(submissions)
    for first in range(0, len(keys), REFOLDED_AT_ONCE):
        _refold_batch(assignment, keys[first : first + REFOLDED_AT_ONCE], now=now)


# --- Publishing --------------------------------------------------------------------------------------------


@transaction.atomic
def publish_grades(
    assignment: Assignment,
    memberships: Iterable[Membership] | None,
    *,
    by: User,
    now: datetime,
    message: str = "",
    is_finished: bool = False,
) -> Sequence[Grade]:
    """Tell these students, or all of whom there is news, what they have, with feedback.

    Those with nothing graded yet are left out; `is_finished` leaves out, too, whoever has an answer that waits.
    """
    grades = Grade.objects.select_for_update().filter(assignment=assignment, points__isnull=False)
    if is_finished:
        grades = grades.filter(needs_manual=0)
    grades = grades.with_news() if memberships is None else grades.filter(membership__in=list(memberships))
    published = list(grades.order_by("pk"))
    terms: dict[Any, Terms] = {}
    for first in range(0, len(published), REFOLDED_AT_ONCE):  # SQLite takes no thousand in one question.
        # As they are once locked.
        batch = published[first : first + REFOLDED_AT_ONCE]
        prefetch_related_objects(batch, "submission", "membership")
        terms |= terms_of(assignment, [grade.submission for grade in batch if grade.submission is not None])
    for grade in published:
        grade.published_points, grade.published_max_points = grade.points, grade.max_points
        grade.published_at, grade.published_by = now, by
        if grade.submission is not None:
            told = {"published_at": now, "published_by": by, "terms": terms[grade.submission.pk].as_json()}
            told |= {"message": message} if message else {}
            Feedback.objects.update_or_create(submission=grade.submission, defaults=told)
    columns = ["published_points", "published_max_points", "published_at", "published_by"]
    Grade.objects.bulk_update(published, columns, batch_size=200)
    for sink in sinks():
        sink.published(published)
    return published


# --- Asking ------------------------------------------------------------------------------------------------


def points_as_of(
    submission: Submission, *, until: datetime, terms: Terms | None = None
) -> tuple[SubmissionPoints, Autograding | None]:
    """What a submission had at that moment, and the run of tests this came from; whatever was changed since.

    `terms` says what they rested on then; without them they rest on what is so now.
    """
    changes = list(submission.changes.filter(at__lte=until).select_related("autograding__release"))
    ran = [row.autograding for row in changes if row.kind == ChangeKind.AUTOMATIC and row.autograding is not None]
    autograding = ran[-1] if ran else None
    folded = fold(
        [_change(row) for row in changes],
        cells=_worth(submission, autograding, begin_full=terms.begin_full if terms is not None else None),
        items=_items(submission.assignment_id) if terms is None else _worth_then(terms),
        percent_kept=_percent_kept(submission) if terms is None else terms.percent_kept,
    )
    return folded, autograding


@dataclass(frozen=True, slots=True)
class Trial:
    """A run of tests that is done, and what of its submission its points depend on."""

    pk: UUID
    submission_id: UUID
    membership_id: UUID
    submitted_at: datetime
    scores: Sequence[Mapping[str, Any]]


def points_if_taken_over(
    assignment: Assignment, release_id: UUID, trials: Sequence[Trial]
) -> dict[UUID, SubmissionPoints]:
    """What submissions would have if the points of these runs, all of one release, counted; by the run.

    As many questions to the tables for a thousand as for one. What comes to the same for many is folded once.
    """
    if not trials:
        return {}
    cells, items = _worth_by(assignment, release_id), _items(assignment)
    changes = _changes_in_columns(trials, but_automatic=_say_all(trials, cells))  # These replace those, which are most.
    kept_of = _percent_kept_of(assignment, trials)
    found: dict[UUID, SubmissionPoints] = {}
    known: dict[object, SubmissionPoints] = {}
    for trial in trials:
        theirs, kept = changes.get(trial.submission_id, ()), kept_of[trial.pk]
        scores = tuple((cell["notebook"], cell["grade_id"], cell["auto_points"]) for cell in trial.scores)
        same = (kept, scores, *theirs)
        if same not in known:
            history = [*(_change_of(number, *row) for number, row in enumerate(theirs)), *_automatic(trial)]
            known[same] = fold(history, cells=cells, items=items, percent_kept=kept)
        found[trial.pk] = known[same]
    return found


def totals_with_rubric(
    assignment: Assignment, submissions: Collection[Any], rubric: Sequence[RubricItem]
) -> dict[Any, Decimal]:
    """What the students of these submissions would have with these rubric items, and no others; by the member.

    As many questions to the tables for a thousand as for one.
    """
    rows = list(Submission.objects.filter(pk__in=submissions).select_related("autograding"))
    folded = _folded_batch(assignment, rows, rubric=rubric)
    counting_now = _counting_points(assignment, {row.membership_id for row in rows}, folded, rubric=rubric)
    return {member: points.total for member, (_, points) in counting_now.items() if points is not None}


# --- Steps -------------------------------------------------------------------------------------------------


def _folded(submission: Submission) -> SubmissionPoints:
    return fold(
        [_change(row) for row in submission.changes.all()],
        cells=_worth(submission, submission.autograding),
        items=_items(submission.assignment_id),
        percent_kept=_percent_kept(submission),
    )


def _say_all(trials: Iterable[Trial], cells: Iterable[CellWorth]) -> bool:
    """Whether each run has something to say of every cell that can give points."""
    graded = {(cell.key.notebook, cell.key.grade_id) for cell in cells if cell.is_graded}
    return all(graded <= {(cell["notebook"], cell["grade_id"]) for cell in trial.scores} for trial in trials)


_Columns = tuple[str, str, str, Decimal | None, UUID | None, bool, UUID | None]
_COLUMNS = ("kind", "notebook", "grade_id", "points", "rubric_item", "is_chosen", "by")


def _changes_in_columns(trials: Sequence[Trial], *, but_automatic: bool) -> dict[UUID, list[_Columns]]:
    """What was changed of these submissions, the first first. Rows of models would take longer than what is asked."""
    rows = GradeChange.objects.filter(submission__in=[trial.submission_id for trial in trials])
    if but_automatic:
        rows = rows.exclude(kind=ChangeKind.AUTOMATIC)
    changes: dict[UUID, list[_Columns]] = {}
    for submission_id, *columns in rows.order_by("pk").values_list("submission", *_COLUMNS):
        changes.setdefault(submission_id, []).append(tuple(columns))
    return changes


def _change_of(
    number: int,
    kind: str,
    notebook: str,
    grade_id: str,
    points: Decimal | None,
    item: UUID | None,
    is_chosen: bool,
    by: UUID | None,
) -> Change:
    return Change(
        number=number,
        kind=ChangeKind(kind),
        cell=CellKey(notebook, grade_id) if grade_id else None,
        points=points,
        item=str(item or ""),
        is_chosen=is_chosen,
        by=str(by or ""),
    )


def _percent_kept_of(assignment: Assignment, trials: Sequence[Trial]) -> dict[UUID, int]:
    schedule = assignment.schedule
    extensions = Extension.objects.filter(assignment=assignment)
    allowances = {extension.membership_id: extension.allowance for extension in extensions}
    return {
        trial.pk: standing(
            schedule, trial.submitted_at, allowances.get(trial.membership_id, NOTHING_EXTRA)
        ).percent_kept
        for trial in trials
    }


def _automatic(trial: Trial) -> list[Change]:
    """The points of a run, as if they were written down now."""
    return [
        Change(
            number=_LAST + position,
            kind=ChangeKind.AUTOMATIC,
            cell=CellKey(cell["notebook"], cell["grade_id"]),
            points=None if cell["auto_points"] is None else Decimal(str(cell["auto_points"])),
        )
        for position, cell in enumerate(trial.scores)
    ]


def _change(row: GradeChange) -> Change:
    return _change_of(
        row.pk, row.kind, row.notebook, row.grade_id, row.points, row.rubric_item_id, row.is_chosen, row.by_id
    )


def _worth(
    submission: Submission, autograding: Autograding | None, *, begin_full: Collection[CellKey] | None = None
) -> list[CellWorth]:
    """What its cells can give, by the release that graded it."""
    release_id = autograding.release_id if autograding is not None else submission.release_id
    return _worth_by(submission.assignment_id, release_id, begin_full=begin_full)


def _worth_by(assignment: Any, release_id: UUID, *, begin_full: Collection[CellKey] | None = None) -> list[CellWorth]:
    taking = begin_full
    if taking is None:
        taking = cells_that_begin_full(RubricItem.objects.filter(assignment=assignment))
    return [
        CellWorth(key := CellKey(cell.notebook, cell.grade_id), CellKind(cell.kind), cell.points, key in taking)
        for cell in Cell.objects.filter(release_id=release_id)
    ]


def _items(assignment: Any) -> dict[str, Decimal]:
    items = RubricItem.objects.filter(assignment=assignment)
    return {str(key): points for key, points in items.values_list("pk", "points")}


def _worth_then(terms: Terms) -> dict[str, Decimal]:
    return {key: points for key, (_label, points) in terms.items.items()}


def _percent_kept(submission: Submission) -> int:
    assignment = submission.assignment
    extension = Extension.objects.filter(assignment=assignment, membership=submission.membership_id).first()
    allowance = NOTHING_EXTRA if extension is None else extension.allowance
    return standing(assignment.schedule, submission.submitted_at, allowance).percent_kept


def _write_cells(submission: Submission, folded: SubmissionPoints, *, now: datetime) -> None:
    _write_cells_of([(submission, folded)], now=now)


def _write_cells_of(all_folded: Sequence[tuple[Submission, SubmissionPoints]], *, now: datetime) -> None:
    rows = [
        CellGrade(
            submission=submission,
            notebook=cell.key.notebook,
            grade_id=cell.key.grade_id,
            max_points=cell.max_points,
            points=cell.points,
            origin=cell.origin,
            automatic=cell.automatic,
            extra=cell.extra,
            needs_manual=cell.needs_manual,
            graded_by_id=cell.by or None,
            graded_at=now,
        )
        for submission, folded in all_folded
        for cell in folded.cells
    ]
    columns = ["max_points", "points", "origin", "automatic", "extra", "needs_manual", "graded_by", "graded_at"]
    keys = {(row.submission_id, row.notebook, row.grade_id) for row in rows}
    there = CellGrade.objects.filter(submission__in=[submission.pk for submission, _ in all_folded])
    gone = [
        pk for pk, *key in there.values_list("pk", "submission_id", "notebook", "grade_id") if tuple(key) not in keys
    ]
    CellGrade.objects.filter(pk__in=gone).delete()  # Of an earlier release.
    CellGrade.objects.bulk_create(
        rows,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["submission", "notebook", "grade_id"],
        update_fields=columns,
    )


def _refold_batch(assignment: Assignment, keys: Sequence[Any], *, now: datetime) -> None:
    rows = Submission.objects.select_for_update().prefetch_related("autograding").filter(pk__in=keys)
    submissions = list(rows.order_by("pk"))
    grades = _locked_grades(assignment, submissions)
    assignment = Assignment.objects.get(pk=assignment.pk)  # With the rules that hold now that nobody else counts.
    folded = _folded_batch(assignment, submissions)
    for submission in submissions:
        points = folded[submission.pk]
        submission.points, submission.max_points = points.points, points.max_points
        submission.needs_manual = sum(cell.needs_manual for cell in points.cells)
    _write_cells_of([(submission, folded[submission.pk]) for submission in submissions], now=now)
    Submission.objects.bulk_update(submissions, ["points", "max_points", "needs_manual"], batch_size=100)
    _regrade_batch(assignment, grades, folded, now=now)


def _locked_grades(assignment: Assignment, submissions: Sequence[Submission]) -> dict[Any, Grade]:
    """What their students have, by the member."""
    members = {submission.membership_id for submission in submissions}
    locked = Grade.objects.select_for_update(of=("self",)).filter(assignment=assignment, membership__in=members)
    return {grade.membership_id: grade for grade in locked.select_related("submission").order_by("pk")}


def _folded_batch(
    assignment: Assignment, submissions: Sequence[Submission], *, rubric: Sequence[RubricItem] | None = None
) -> dict[Any, SubmissionPoints]:
    """By the rubric as it is, or by another."""
    if rubric is None:
        rubric = list(RubricItem.objects.filter(assignment=assignment))
    changes: dict[Any, list[Change]] = {submission.pk: [] for submission in submissions}
    for row in GradeChange.objects.filter(submission__in=list(changes)):
        changes[row.submission_id].append(_change(row))
    release_of = {
        one.pk: one.autograding.release_id if one.autograding is not None else one.release_id for one in submissions
    }
    taking = cells_that_begin_full(rubric)
    worth: dict[Any, list[CellWorth]] = {release: [] for release in release_of.values()}
    for cell in Cell.objects.filter(release__in=list(worth)):
        key = CellKey(cell.notebook, cell.grade_id)
        worth[cell.release_id].append(CellWorth(key, CellKind(cell.kind), cell.points, key in taking))
    items = {str(item.pk): item.points for item in rubric}
    allowances = allowances_of(assignment, {submission.membership_id for submission in submissions})
    return {
        one.pk: fold(
            changes[one.pk],
            cells=worth[release_of[one.pk]],
            items=items,
            percent_kept=standing(
                assignment.schedule, one.submitted_at, allowances.get(one.membership_id, NOTHING_EXTRA)
            ).percent_kept,
        )
        for one in submissions
    }


def _regrade_batch(
    assignment: Assignment, grades: Mapping[Any, Grade], folded: Mapping[Any, SubmissionPoints], *, now: datetime
) -> None:
    """These grades, once these submissions of their students were folded anew."""
    counting_now = _counting_points(assignment, grades, folded)
    changed = [
        grades[member]
        for member, (submission, points) in counting_now.items()
        if _takes(grades[member], _facts_of(submission, points, now=now))
    ]
    columns = ["submission", "points", "penalty", "max_points", "needs_manual", "changed_at"]
    Grade.objects.bulk_update(changed, columns, batch_size=100)


def _counting_points(
    assignment: Assignment,
    members: Collection[Any],
    folded: Mapping[Any, SubmissionPoints],
    *,
    rubric: Sequence[RubricItem] | None = None,
) -> dict[Any, tuple[Submission, SubmissionPoints | None]]:
    """The submission that counts of each of these members, and what it has; with these folded, it may be another."""
    allowances = allowances_of(assignment, members)
    theirs: dict[Any, list[Submission]] = {}
    for submission in Submission.objects.filter(assignment=assignment, membership__in=list(members)):
        if submission.pk in folded:
            submission.points = folded[submission.pk].points
        theirs.setdefault(submission.membership_id, []).append(submission)
    counts = {
        member: _counting_one(assignment, submissions, allowances.get(member, NOTHING_EXTRA))
        for member, submissions in theirs.items()
    }
    others = [one for one in counts.values() if one.pk not in folded and one.points is not None]
    prefetch_related_objects(others, "autograding")
    all_folded = {**folded, **_folded_batch(assignment, others, rubric=rubric)} if others else folded
    return {member: (submission, all_folded.get(submission.pk)) for member, submission in counts.items()}


def _counting_one(assignment: Assignment, submissions: Sequence[Submission], allowance: Allowance) -> Submission:
    """That of somebody's submissions that counts. There is one, where there are any."""
    chosen = counting(assignment.schedule, attempts_of(submissions), allowance)
    return next(one for one in submissions if chosen is not None and one.attempt == chosen.number)


def _takes(grade: Grade, facts: Mapping[str, object]) -> bool:
    """Whether these facts are another grade. It has them then, and is not saved."""
    if all(getattr(grade, name) == value for name, value in facts.items() if name != "changed_at"):
        return False
    for name, value in facts.items():
        setattr(grade, name, value)
    return True


def _facts_of_counting(submissions: Sequence[Submission], *, now: datetime) -> dict[str, object]:
    """What the grade of a student is who has these submissions, by the one of them that counts."""
    first = submissions[0]
    allowance = allowances_of(first.assignment, [first.membership_id]).get(first.membership_id, NOTHING_EXTRA)
    submission = _counting_one(first.assignment, submissions, allowance)
    return _facts_of(submission, _folded(submission) if submission.points is not None else None, now=now)


def _facts_of(submission: Submission, folded: SubmissionPoints | None, *, now: datetime) -> dict[str, object]:
    return {
        "submission": submission,
        "points": folded.total if folded is not None else None,
        "penalty": folded.penalty if folded is not None else Decimal(0),
        "max_points": folded.max_points if folded is not None else None,
        "needs_manual": submission.needs_manual,
        "changed_at": now,
    }
