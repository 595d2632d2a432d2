"""The pages of the pretend LMS, for a person with a browser: signing in, courses, activities."""

from __future__ import annotations

from html import escape

from lti.demo_lms import deep_links, launching
from lti.demo_lms.access import in_course, placed, posted_by_editor, posting, require_editor, require_member, signed_in
from lti.demo_lms.html import button, hidden, link, page
from lti.demo_lms.lms import COOKIE, KEY_COOKIE, Launch, Lms, Session
from lti.demo_lms.school import ASSISTANT, STUDENT, TEACHER, Course, Enrolment, Person
from lti.demo_lms.web import Refused, Request, Response, redirect

ROLES = {TEACHER: "Teacher", ASSISTANT: "Non-editing teacher", STUDENT: "Student"}


def home(lms: Lms, request: Request) -> Response:
    """The courses of whoever is signed in."""
    session = signed_in(lms, request)
    person = lms.person_of(session)
    courses = [one for one in lms.school.courses.values() if lms.may_enter(one, person)]
    items = "".join(
        f"<li>{link(lms, one.title, '/course/view.php', id=one.id)}<span>{escape(_role(one, person))}</span></li>"
        for one in courses
    )
    return Response(page(lms, session, "Your courses", f'<ul class="plain">{items}</ul>'))


def enter(lms: Lms, request: Request) -> Response:
    """Take the key of whoever brings it, or ask for it."""
    given = request.query.get("key", "").strip()
    if lms.has_entry_key(given):
        answer = redirect(lms.url("/my/"))
        answer.headers.append(lms.cookie(KEY_COOKIE, given))
        return answer
    wrong = "<p><strong>That is not the key.</strong></p>" if given else ""
    content = (
        f"<p>Open the address that was printed when this was started, or copy the key at its end.</p>{wrong}"
        f'<form action="{escape(lms.url("/enter"))}">'
        "<label>Key <input name='key' required autofocus autocomplete='off'></label><button>Come in</button></form>"
    )
    return Response(page(lms, None, "Only with a key", content), 403)


def sign_in(lms: Lms, request: Request) -> Response:
    """Everybody one can be; a click is enough, of whoever has the key."""
    if not lms.has_entry_key(request.cookies.get(KEY_COOKIE, "")):
        return redirect(lms.url("/enter"))
    if request.method == "POST":
        number = request.form.get("person", "")
        person = lms.school.people.get(int(number)) if number.isdecimal() else None
        if person is None:
            raise Refused(404, "There is no such person.")
        answer = redirect(_own_path(lms, request.form.get("wantsurl", "")))
        answer.headers.append(lms.cookie(COOKIE, lms.sign_in(person)))
        return answer
    wanted = request.query.get("wantsurl", "")
    items = "".join(_sign_in_item(lms, one, wanted) for one in list(lms.school.people.values())[:200])
    content = "<p>A click is enough. Then do what they would do at their school: open a course, and what is in it.</p>"
    content += f'<ul class="plain">{items}</ul>'
    if lms.tool_origin:
        content += f'<p>The tool to try is at <a href="{escape(lms.tool_origin)}/">{escape(lms.tool_origin)}</a>.</p>'
    return Response(page(lms, None, "Who do you want to be?", content))


def sign_out(lms: Lms, request: Request) -> Response:
    """End the session."""
    posting(lms, request)
    lms.sessions.pop(request.cookies.get(COOKIE, ""), None)
    return redirect(lms.url("/login/index.php"))


def course(lms: Lms, request: Request) -> Response:
    """One course: what there is to click, and who is in it."""
    session, found = in_course(lms, request)
    person = lms.person_of(session)
    may_edit = lms.may_edit(found, person)
    items = "".join(_activity_item(lms, one.id, one.title, one.description) for one in lms.school.activities_of(found))
    content = f"<p>{link(lms, 'Gradebook', '/grade/report/grader/index.php', id=found.id)}</p><h2>Activities</h2>"
    content += f'<ul class="plain">{items}</ul>' if items else "<p>Nothing yet.</p>"
    if may_edit:
        content += _adding(lms, found)
        content += f"<h2>The course</h2>{button(lms, session, 'Copy this course', '/backup/copy.php', id=found.id)}"
    content += f"<h2>People</h2><ul class='plain'>{_people(lms, session, found, may_edit)}</ul>"
    return Response(page(lms, session, found.title, content))


def add_activity(lms: Lms, request: Request) -> Response:
    """The tool's picker, framed, or in a window of its own."""
    session, found = in_course(lms, request, name="course")
    require_editor(lms, session, found)
    tool = lms.tool(request.query.get("tool", ""))
    address = lms.url("/mod/lti/contentitem.php", course=found.id, id=tool.id)
    window = link(
        lms,
        "Open it in a window instead",
        "/mod/lti/contentitem.php",
        course=found.id,
        id=tool.id,
        attributes='target="_blank" rel="opener"',
    )
    content = f'<iframe name="picker" title="{escape(tool.name)}" src="{escape(address)}"></iframe><p>{window}</p>'
    content += f"<p>{link(lms, 'Cancel', '/course/view.php', id=found.id)}</p>"
    return Response(page(lms, session, f"Add: {tool.name}", content))


def pick(lms: Lms, request: Request) -> Response:
    """Start a deep linking request."""
    session, found = in_course(lms, request, name="course")
    require_editor(lms, session, found)
    return launching.begin(lms, session, Launch(lms.tool(request.query.get("id", "")).id, found.id))


def picked(lms: Lms, request: Request) -> Response:
    """Take what the tool's picker sends."""
    found, added = deep_links.take_items(lms, request)
    words = f"{len(added)} added." if added else "Nothing was picked."
    back = link(lms, "Back to the course", "/course/view.php", id=found.id, attributes='target="_top" data-show')
    return Response(page(lms, None, words, f"<p>{back}</p>"))


def show_activity(lms: Lms, request: Request) -> Response:
    """An activity in a frame, as Moodle shows tools that registered themselves."""
    session = signed_in(lms, request)
    activity = lms.activity(request.query.get("id", ""))
    require_member(lms, session, lms.school.courses[activity.course])
    source = escape(lms.url("/mod/lti/launch.php", id=activity.id))
    content = f'<iframe name="tool" title="{escape(activity.title)}" src="{source}" allow="fullscreen"></iframe>'
    content += f"<p>{link(lms, 'Back to the course', '/course/view.php', id=activity.course)}</p>"
    return Response(page(lms, session, activity.title, content))


def launch(lms: Lms, request: Request) -> Response:
    """Start a launch of an activity."""
    session = signed_in(lms, request)
    activity = lms.activity(request.query.get("id", ""))
    require_member(lms, session, lms.school.courses[activity.course])
    opened = Launch(activity.tool, activity.course, activity.id, new_window="window" in request.query)
    return launching.begin(lms, session, opened)


def came_back(lms: Lms, request: Request) -> Response:
    """Where tools send people when they are done."""
    return redirect(lms.url("/course/view.php", id=request.query.get("course", "")))


def suspend(lms: Lms, request: Request) -> Response:
    """Suspend somebody in a course, or let them in again."""
    _, found = posted_by_editor(lms, request)
    _, enrolment = placed(request, found)
    enrolment.is_suspended = not enrolment.is_suspended
    return redirect(lms.url("/course/view.php", id=found.id))


def copy_course(lms: Lms, request: Request) -> Response:
    """Copy a course and show the copy."""
    session, found = posted_by_editor(lms, request)
    copy = lms.school.copy_course(found)
    copy.people.setdefault(session.person, Enrolment(TEACHER))
    return redirect(lms.url("/course/view.php", id=copy.id))


def _sign_in_item(lms: Lms, person: Person, wanted: str) -> str:
    told = [f"{_role(one, person)} in {one.title}" for one in lms.school.courses.values() if person.id in one.people]
    told += ["site administrator"] if person.is_administrator else []
    fields = hidden({"person": str(person.id), "wantsurl": wanted})
    form = f'<form class="one" method="post" action="{escape(lms.url("/login/index.php"))}">{fields}'
    name = escape(person.name)
    words = f'<strong>{name}</strong><br><span class="quiet">{escape(", ".join(told))}</span>'
    return f'<li><span>{words}</span>{form}<button aria-label="Sign in as {name}">Sign in</button></form></li>'


def _activity_item(lms: Lms, number: int, title: str, description: str) -> str:
    window = link(lms, "in a new window", "/mod/lti/launch.php", id=number, window=1, attributes='target="_blank"')
    told = f'<br><span class="quiet">{escape(description)}</span>' if description else ""
    return f"<li><span>{link(lms, title, '/mod/lti/view.php', id=number)}{told}</span>{window}</li>"


def _adding(lms: Lms, course: Course) -> str:
    ready = [one for one in lms.school.tools.values() if one.is_active and one.deep_linking]
    items = "".join(
        f"<li>{link(lms, one.name, '/course/modedit.php', course=course.id, tool=one.id)}</li>" for one in ready
    )
    nothing = "<p>No tool is there yet. An administrator can register one under Tools.</p>"
    return f"<h2>Add an activity</h2>{f'<ul class=plain>{items}</ul>' if items else nothing}"


def _people(lms: Lms, session: Session, course: Course, may_edit: bool) -> str:
    items = ""
    for number, enrolment in list(course.people.items())[:200]:
        words = f"{lms.school.people[number].name} ({ROLES.get(enrolment.role, enrolment.role)})"
        said = " suspended" if enrolment.is_suspended else ""
        word = "Let in again" if enrolment.is_suspended else "Suspend"
        act = button(lms, session, word, "/enrol/editenrolment.php", id=course.id, person=number) if may_edit else ""
        items += f"<li><span>{escape(words)}{said}</span>{act}</li>"
    return items


def _role(course: Course, person: Person) -> str:
    enrolment = course.people.get(person.id)
    return ROLES.get(enrolment.role, enrolment.role) if enrolment else "Administrator"


def _own_path(lms: Lms, wanted: str) -> str:
    """Where to go after signing in: a page here and nowhere else."""
    is_ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return f"{lms.base_url}{wanted}" if is_ours else lms.url("/my/")
