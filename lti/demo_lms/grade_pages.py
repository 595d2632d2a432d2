"""The gradebook: looked at by everybody, overruled and locked by teachers."""

from __future__ import annotations

from html import escape

from lti.demo_lms.access import in_course, placed, posted_by_editor
from lti.demo_lms.html import button, hidden, link, page
from lti.demo_lms.lms import Lms, Session
from lti.demo_lms.school import ASSISTANT, STUDENT, TEACHER, Column, Course, Result
from lti.demo_lms.web import Refused, Request, Response, redirect


def gradebook(lms: Lms, request: Request) -> Response:
    """The grades: everybody's for those who teach, their own for the others."""
    session, found = in_course(lms, request)
    person = lms.person_of(session)
    enrolment = lms.enrolment(found, person)
    sees_all = person.is_administrator or (enrolment is not None and enrolment.role in (TEACHER, ASSISTANT))
    may_edit = lms.may_edit(found, person)
    columns = lms.school.columns_of(found)
    heads = "".join(f"<th>{_column_head(lms, session, one, may_edit)}</th>" for one in columns)
    rows = "".join(
        f"<tr><th>{escape(lms.school.people[number].name)}</th>"
        + "".join(f"<td>{_cell(lms, session, one, number, may_edit)}</td>" for one in columns)
        + "</tr>"
        for number, who in found.people.items()
        if who.role == STUDENT and (sees_all or number == person.id)
    )
    table = f"<thead><tr><th>Student</th>{heads}</tr></thead><tbody>{rows}</tbody>"
    content = f'<div class="wide"><table>{table}</table></div>'
    content += f"<p>{link(lms, 'Back to the course', '/course/view.php', id=found.id)}</p>"
    return Response(page(lms, session, f"Gradebook: {found.title}", content))


def override(lms: Lms, request: Request) -> Response:
    """Set a teacher's own grade; an empty one takes it back."""
    _, found = posted_by_editor(lms, request)
    column = _column(lms, found, request)
    given = request.form.get("grade", "").strip()
    try:
        grade = float(given) if given else None
    except ValueError as error:
        raise Refused(400, "A grade is a number.") from error
    person, _ = placed(request, found)
    result = column.results.setdefault(person, Result())
    result.override, result.changed_at = grade, lms.now()
    return redirect(lms.url("/grade/report/grader/index.php", id=found.id))


def lock(lms: Lms, request: Request) -> Response:
    """Lock a column, or open it again."""
    _, found = posted_by_editor(lms, request)
    column = _column(lms, found, request)
    column.is_locked = not column.is_locked
    return redirect(lms.url("/grade/report/grader/index.php", id=found.id))


def _column_head(lms: Lms, session: Session, column: Column, may_edit: bool) -> str:
    words = f"{escape(column.label)} <span class='quiet'>of {column.maximum:g}</span>"
    if not may_edit:
        return words
    word = "Unlock" if column.is_locked else "Lock"
    return f"{words} {button(lms, session, word, '/grade/edit/tree/lock.php', id=column.course, column=column.id)}"


def _cell(lms: Lms, session: Session, column: Column, person: int, may_edit: bool) -> str:
    result = column.results.get(person, Result())
    shown = "–" if result.shown is None else f"{result.shown:g}"
    words = f"<strong>{shown}</strong>"
    if result.override is not None:
        raw = "–" if result.raw is None else f"{result.raw:g}"
        words += f" <span class='quiet'>set by hand; from the tool: {raw}</span>"
    if result.comment:
        words += f"<br><span class='quiet'>{escape(result.comment)}</span>"
    if not may_edit:
        return words
    who = escape(lms.school.people[person].name)
    fields = {"sesskey": session.sesskey, "id": column.course, "column": column.id, "person": person}
    inputs = hidden({name: str(value) for name, value in fields.items()})
    return (
        f'{words}<form method="post" action="{escape(lms.url("/grade/edit/tree/grade.php"))}">{inputs}'
        f'<input name="grade" inputmode="decimal" aria-label="Grade of {who}"><button>Set</button></form>'
    )


def _column(lms: Lms, course: Course, request: Request) -> Column:
    number = request.form.get("column", "")
    column = lms.school.columns.get(int(number)) if number.isdecimal() else None
    if column is None or column.course != course.id:
        raise Refused(404, "There is no such column.")
    return column
