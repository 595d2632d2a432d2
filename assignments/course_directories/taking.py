"""Making assignments, submissions and grades of a course directory of nbgrader. Done twice, it doubles nothing.

An assignment is known by its name, a submission by what was handed in, and a grade that was imported before is written
again only where the archive says something else by now. What people of this class have said meanwhile stays.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from assignments import artefacts
from assignments.course_directories.folders import AUTOTESTS, CourseFolder, has_autotests
from assignments.course_directories.importing import Found, FoundAssignment, members_of, opened, words_for
from assignments.course_directories.stored_grades import NO_RESPONSE, changes_of, is_graded
from assignments.deadlines import NOTHING_EXTRA, standing
from assignments.files import Bundle, File
from assignments.grading.gradebook import refold
from assignments.grading.points import ChangeKind
from assignments.models import (
    Assignment,
    Autograding,
    Cell,
    CellComment,
    CourseDirectory,
    Extension,
    GradeChange,
    Origin,
    Release,
    Source,
    Submission,
    Way,
)
from assignments.notebooks.doctoring import doctor_files
from assignments.releasing import gate
from assignments.releasing.authoring import LIMITS, add_assignment, bring_source
from assignments.releasing.modernising import modernised
from assignments.running import engine
from assignments.running.engine import StoredAssignment, StoredCourse, StoredMark, StoredSubmission
from assignments.running.grading_runs import GRADED_LIMITS, bundle_in, written
from assignments.submitting.fetching import given_out, submission_limits
from classes.models import Membership
from environments.errors import Explanation, UserError
from environments.scratch import scratch


@dataclass(frozen=True, slots=True)
class MadeAssignment:
    """What became of an assignment of the archive. `code` and `facts` say why not all of it could be made."""

    name: str
    title: str
    is_new: bool = False
    submissions: int = 0
    grades: int = 0
    code: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def problem(self) -> Explanation | None:
        """Why not all of it could be made, in words."""
        return words_for(self.code, self.facts)


@dataclass(frozen=True, slots=True)
class _Given:
    """What belongs to one import."""

    directory: CourseDirectory
    folder: CourseFolder
    stored: StoredCourse
    members: Mapping[str, Membership]
    by: User
    now: datetime


def take(directory: CourseDirectory) -> dict[str, Any]:
    """Import it; what came of it, as columns of its row."""
    members, by = members_of(directory), directory.asked_by or directory.course.owner
    with opened(directory) as (folder, stored):
        given = _Given(directory, folder, stored, members, by, timezone.now())
        assignments = [_assignment(given, it) for it in Found.of(directory).assignments if not it.code]
    return {"made": {"assignments": [asdict(each) for each in assignments]}}


def made_of(directory: CourseDirectory) -> list[MadeAssignment]:
    """What came of it, as it was written down."""
    return [MadeAssignment(**each) for each in directory.made.get("assignments", ())]


# --- An assignment -----------------------------------------------------------------------------------------


def _assignment(given: _Given, found: FoundAssignment) -> MadeAssignment:
    made = MadeAssignment(found.name, found.stored_name)
    try:
        assignment, is_new = _find_or_add(given, found)
        made = replace(made, title=assignment.title, is_new=is_new)
        source = _source(given, assignment, found.stored_name)
        work = list(_work(given, found.stored_name))
        if not work:
            return made
        release = _release(given, assignment, source, found.stored_name)
    except UserError as error:
        return replace(made, code=error.code, facts=error.facts)
    for who, stored in work:
        try:
            graded = _submission(given, assignment, release, found.stored_name, who, stored)
        except UserError as error:
            made = replace(made, code=error.code, facts=error.facts)
        else:
            made = replace(made, submissions=made.submissions + 1, grades=made.grades + graded)
    return made


def _find_or_add(given: _Given, found: FoundAssignment) -> tuple[Assignment, bool]:
    course = given.directory.course
    there = Assignment.objects.present().filter(course=course, name=found.name).select_related("release").first()
    if there is not None:
        there.course = course
        return there, False
    return add_assignment(course, title=found.stored_name[:200], name=found.name, due_at=found.due), True


def _source(given: _Given, assignment: Assignment, stored_name: str) -> Source:
    """What the teacher wrote, and what tells nbgrader how to write tests, which lies at the top of a course."""
    bundle = given.folder.bundle("source", stored_name, limits=LIMITS)
    autotests = given.folder.files.get(AUTOTESTS)
    if autotests is not None and has_autotests(bundle) and bundle.read(AUTOTESTS) is None:
        added = (*bundle, File(AUTOTESTS, autotests.read_bytes()))
        bundle = Bundle(tuple(sorted(added, key=lambda file: file.path)))
    bundle, _upgraded = modernised(bundle)
    there = assignment.sources.filter(bundle=bundle.sha256).first()
    if there is not None:
        return there
    detail = f"{given.directory.name} · source/{stored_name}"
    source = bring_source(assignment, bundle, origin=Origin.NBGRADER, detail=detail, by=given.by, now=given.now)
    gate.ask_gate_run(source, by=given.by, now=given.now)
    return source


def _work(given: _Given, stored_name: str) -> Iterator[tuple[str, StoredSubmission | None]]:
    """What members have handed in of it, or were graded for; by their ids in the archive."""
    stored = {each.student: each for each in given.stored.submissions if each.assignment == stored_name}
    with_files = set(given.folder.students(stored_name))
    for who in sorted({*stored, *with_files}):
        it = stored.get(who)
        is_something = who in with_files or (it is not None and any(map(is_graded, it.marks)))
        if who in given.members and is_something:
            yield who, it


# --- What it is graded by ----------------------------------------------------------------------------------

_CellRow = tuple[str, str, str, Decimal]


def _release(given: _Given, assignment: Assignment, source: Source, stored_name: str) -> Release:
    """What the work of the archive was made from: as its own gradebook has it, so that its points are the same."""
    known = next((each for each in given.stored.assignments if each.name == stored_name), None)
    bundle, book, cells = _made(given, assignment, stored_name, known)
    kept = artefacts.keep(bundle.tar)
    for there in assignment.releases.filter(source=source, bundle=kept):
        rows = there.cells.values_list("notebook", "grade_id", "kind", "points")
        if set(rows) == set(cells):
            return there
    return _write_release(given, assignment, source, kept, artefacts.keep(book), cells)


@transaction.atomic
def _write_release(
    given: _Given, assignment: Assignment, source: Source, bundle: str, book: str, cells: Sequence[_CellRow]
) -> Release:
    last = assignment.releases.aggregate(last=Max("number"))["last"] or 0
    made = Release.objects.create(
        assignment=assignment,
        number=last + 1,
        source=source,
        bundle=bundle,
        gradebook=book,
        engine_version=version("nbgrader"),
        note=_("Imported from nbgrader, as it was given out there."),
        released_by=given.by,
        released_at=given.now,
    )
    Cell.objects.bulk_create(
        Cell(release=made, notebook=notebook, grade_id=grade_id, kind=kind, points=points, position=position)
        for position, (notebook, grade_id, kind, points) in enumerate(cells)
    )
    if assignment.release is None:
        Assignment.objects.filter(pk=assignment.pk, release=None).update(release=made)
        assignment.release = made
    return made


def _made(
    given: _Given, assignment: Assignment, stored_name: str, known: StoredAssignment | None
) -> tuple[Bundle, bytes, list[_CellRow]]:
    """The students' version, the gradebook that grades it, and its cells; made anew as far as the archive lacks it."""
    bundle, _upgraded = modernised(given.folder.bundle("release", stored_name, limits=LIMITS))
    with scratch("release") as folder:
        if known is not None and known.notebooks and bundle.notebooks:
            only = StoredCourse(assignments=(replace(known, name=assignment.name),))
            engine.write_gradebook(only, into=folder / "made")
            cells = [
                (notebook.name, cell.grade_id, str(cell.kind), _exact(cell.points))
                for notebook in known.notebooks
                for cell in notebook.cells
            ]
            return bundle, (folder / "made" / "gradebook.db").read_bytes(), cells
        source, _same = modernised(given.folder.bundle("source", stored_name, limits=LIMITS))
        written(source, folder / "source")
        generated = engine.generate(folder / "source", name=assignment.name, into=folder / "made")
        made = bundle_in(folder / "made" / "release", limits=LIMITS)
        cells = [(row.notebook, row.grade_id, str(row.kind), _exact(row.points)) for row in generated.cells]
        return made, (folder / "made" / "gradebook.db").read_bytes(), cells


# --- A submission ------------------------------------------------------------------------------------------


@transaction.atomic
def _submission(
    given: _Given,
    assignment: Assignment,
    release: Release,
    stored_name: str,
    who: str,
    stored: StoredSubmission | None,
) -> bool:
    """Have what this member handed in, and what they were given for it; whether that is anything."""
    member = Membership.objects.select_for_update(of=("self",)).select_related("person").get(pk=given.members[who].pk)
    autograded = given.folder.bundle("autograded", stored_name, who, limits=GRADED_LIMITS)
    received = given.folder.bundle("submitted", stored_name, who, limits=submission_limits())
    if not len(received):
        received = given.folder.bundle("autograded", stored_name, who, limits=submission_limits())
    submission = _find_or_receive(
        assignment,
        member,
        release,
        received,
        at=_submitted_at(given, stored_name, who, stored),
        by=given.by,
    )
    if stored is None:
        return False
    if stored.extension_seconds > 0:
        minutes = math.ceil(stored.extension_seconds / 60)
        defaults = {"extra_minutes": minutes, "given_by": given.by, "given_at": given.now}
        Extension.objects.get_or_create(assignment=assignment, membership=member, defaults=defaults)
    if not any(map(is_graded, stored.marks)):
        return False
    run, is_new = _run(submission, release, stored, autograded, given)
    is_changed = _write_changes(submission, release, stored, run, given)
    _write_comments(submission, stored, given)
    if not (is_new or is_changed):
        return True
    submission.state, submission.autograding = Submission.State.GRADED, run
    submission.save(update_fields=["state", "autograding"])
    refold(submission, now=given.now)
    return True


def _find_or_receive(
    assignment: Assignment, member: Membership, release: Release, bundle: Bundle, *, at: datetime, by: User
) -> Submission:
    kept, theirs = artefacts.keep(bundle.tar), Submission.objects.filter(assignment=assignment, membership=member)
    there = theirs.filter(bundle=kept, way=Way.TEACHER).first()
    if there is not None:
        return there
    doctored = doctor_files(bundle, release=given_out(release)) if bundle.notebooks else None
    changed = doctored is not None and doctored.bundle.sha256 != kept
    return Submission.objects.create(
        assignment=assignment,
        membership=member,
        release=release,
        attempt=theirs.count() + 1,
        submitted_at=at,
        way=Way.TEACHER,
        submitted_by=by,
        bundle=kept,
        bytes=len(bundle.tar),
        files=[[file.path, len(file.content), file.sha256] for file in bundle],
        repaired=artefacts.keep(doctored.bundle.tar) if doctored is not None and changed else "",
        repairs=[repair.as_json() for repair in doctored.repairs] if doctored is not None else [],
    )


def _submitted_at(given: _Given, stored_name: str, who: str, stored: StoredSubmission | None) -> datetime:
    """As its gradebook has it, or the file beside it; when it came here where nobody has written it down."""
    if stored is not None and stored.submitted_at is not None:
        return stored.submitted_at
    return given.folder.timestamp(stored_name, who) or given.directory.asked_at


def _run(
    submission: Submission, release: Release, stored: StoredSubmission, autograded: Bundle, given: _Given
) -> tuple[Autograding, bool]:
    """The run of tests that the archive tells of, and whether that is news."""
    bundle = artefacts.keep(autograded.tar) if len(autograded) else submission.repaired or submission.bundle
    kinds = {(cell.notebook, cell.grade_id): (cell.kind, float(cell.points)) for cell in release.cells.all()}
    marks = [mark for mark in stored.marks if (mark.notebook, mark.grade_id) in kinds]
    scores = [_score(mark, *kinds[mark.notebook, mark.grade_id]) for mark in marks]
    for there in submission.autogradings.filter(state=Autograding.State.DONE, release=release, bundle=bundle):
        if there.scores == scores:
            return there, False
    made = Autograding.objects.create(
        submission=submission,
        release=release,
        state=Autograding.State.DONE,
        asked_by=given.by,
        asked_at=given.now,
        done_at=given.now,
        bundle=bundle,
        scores=scores,
    )
    return made, True


def _score(mark: StoredMark, kind: str, max_points: float) -> dict[str, Any]:
    """As `engine.ScoredCell` is stored."""
    return {
        "notebook": mark.notebook,
        "grade_id": mark.grade_id,
        "kind": kind,
        "max_points": max_points,
        "auto_points": mark.auto_points,
        "needs_manual": mark.needs_manual,
        "is_unanswered": mark.comment == NO_RESPONSE,
        "oddity": None,
    }


_Key = tuple[str, str]
_Kind = tuple[_Key, str]


def _write_changes(
    submission: Submission, release: Release, stored: StoredSubmission, run: Autograding, given: _Given
) -> bool:
    """Write down what the archive says otherwise than when it was last imported; whether that is anything."""
    before = _imported_before(submission)
    worth = {(cell.notebook, cell.grade_id): cell.points for cell in release.cells.all()}
    news: list[tuple[_Key, ChangeKind, Decimal | None]] = []
    for mark in stored.marks:
        key = (mark.notebook, mark.grade_id)
        if key in worth and is_graded(mark):
            now = [(each.kind, each.points) for each in changes_of(mark, max_points=worth[key])]
            news += _news(key, now, before)
    penalty = sum((_exact(each.points) for each in stored.penalties), Decimal(0))
    is_costly = penalty or _percent_kept(submission) < 100 or (("", ""), ChangeKind.PENALTY) in before
    if is_costly:
        news += _news(("", ""), [(ChangeKind.PENALTY, penalty)], before)
    GradeChange.objects.bulk_create(
        GradeChange(
            submission=submission,
            notebook=key[0],
            grade_id=key[1],
            kind=kind,
            points=points,
            is_imported=True,
            by=None if kind == ChangeKind.AUTOMATIC else given.by,
            at=given.now,
            autograding=run if kind == ChangeKind.AUTOMATIC else None,
        )
        for key, kind, points in news
    )
    return bool(news)


def _imported_before(submission: Submission) -> dict[_Kind, Decimal | None]:
    imported = submission.changes.filter(is_imported=True).order_by("pk")
    return {((one.notebook, one.grade_id), one.kind): one.points for one in imported}


def _news(
    key: _Key, now: Sequence[tuple[ChangeKind, Decimal | None]], before: Mapping[_Kind, Decimal | None]
) -> list[tuple[_Key, ChangeKind, Decimal | None]]:
    """All that is said of a cell if any of it is new, because its order tells too; and what is said no longer."""
    earlier = {kind: points for (place, kind), points in before.items() if place == key}
    said = dict(now)
    gone = [
        (key, ChangeKind(kind), None) for kind, points in earlier.items() if kind not in said and points is not None
    ]
    is_new = any(kind not in earlier or earlier[kind] != points for kind, points in now)
    return [*((key, kind, points) for kind, points in now if is_new or gone), *gone]


def _percent_kept(submission: Submission) -> int:
    assignment = submission.assignment
    extension = Extension.objects.filter(assignment=assignment, membership=submission.membership_id).first()
    allowance = NOTHING_EXTRA if extension is None else extension.allowance
    return standing(assignment.schedule, submission.submitted_at, allowance).percent_kept


def _write_comments(submission: Submission, stored: StoredSubmission, given: _Given) -> None:
    there = set(submission.comments.values_list("notebook", "cell", "text"))
    said = [(mark.notebook, mark.grade_id, mark.comment[:10_000]) for mark in stored.marks]
    CellComment.objects.bulk_create(
        CellComment(submission=submission, notebook=notebook, cell=cell, text=text, by=given.by, at=given.now)
        for notebook, cell, text in said
        if text and text != NO_RESPONSE and (notebook, cell, text) not in there
    )


def _exact(points: float) -> Decimal:
    return Decimal(str(points)).quantize(Decimal("0.0001"))
