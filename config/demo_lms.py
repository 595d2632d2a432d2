"""The pretend LMS that an embedded installation offers below its own address, and what joins it to the demo.

It is another program that happens to run in the same process: the two speak over HTTP, as Carrel does with every
learning platform. Here is what both have to know: the platform's row on this side, the tool's entry on the other, and
which of its people are accounts here. Nobody gets in there without the key that is printed with the accounts.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.crypto import salted_hmac

from classes.models import Course
from config import demo_class, demo_work
from lti import contexts
from lti.claims import Place
from lti.demo_lms.lms import Lms
from lti.demo_lms.registration import facts_of
from lti.demo_lms.school import ASSISTANT, TEACHER, Enrolment, Person, School, Tool
from lti.demo_lms.school import Course as TheirCourse
from lti.linking.offers import Offer
from lti.models import LtiPerson, Platform
from lti.platforms import add_platform
from lti.registration import description
from lti.targets import Kind, Target

NAME = "Demo LMS"
CLIENT_ID = "carrel-demo"
OTHER_COURSE = ("CS101", "Computing 101")
"""A course that is no class yet."""
ASSIGNMENTS = ((demo_work.OPEN, "Playing with chance"), (demo_work.GRADED, "Describing data"))
KNOWN = (
    (demo_class.TEACHER, "Tom", "Teacher", TEACHER),
    (demo_class.GRADER, "Greta", "Grader", ASSISTANT),
    (demo_class.STUDENT, "Sam", "Student", ""),
)
"""Those who are the demo's own people here too, as if they had connected their accounts."""


def address() -> str:
    """Where to begin: its address with the key that opens it."""
    return f"{settings.DEMO_LMS_URL}/enter?key={entry_key()}"


def entry_key() -> str:
    """What has to be brought: else everybody who reaches this machine could be its teacher, and run programs on it."""
    return salted_hmac("config.demo_lms", "entry", algorithm="sha256").hexdigest()[:32]


def state_file() -> Path:
    """Where it keeps everything."""
    return Path(settings.CARREL_DATA) / "demo-lms.json"


def is_there() -> bool:
    """Whether there is one to be visited."""
    return bool(settings.DEMO_LMS_URL) and state_file().is_file()


def read() -> Lms:
    """It, as it was left. The web server alone changes it from then on."""
    return _lms(None)


@transaction.atomic
def make(*, now: datetime) -> None:
    """Make it, with a course that is the demo's class, unless it was made before. Safe to repeat."""
    if not settings.DEMO_LMS_URL or is_there():
        return
    school = School(name=NAME)
    lms = _lms(school)
    tool = lms.add_tool(CLIENT_ID, **_tool_facts(), is_active=True)
    platform = add_platform(
        Platform(name=NAME, client_id=CLIENT_ID, state=Platform.State.ACTIVE, **_platform_addresses()), now=now
    )
    deployment = platform.deployments.create(deployment_id=tool.deployment, created_at=now)
    people = _fill(school)
    ours = demo_class.find_class()
    theirs = _course_of(school, people)
    if ours is not None:
        context = contexts.recognise(deployment, Place(str(theirs.id), theirs.title, theirs.label), now=now)
        contexts.connect(context, ours, by=ours.owner, now=now)
        _link(school, theirs, tool, ours)
    for username, *_name in KNOWN:
        if (user := demo_class.find_person(username)) is not None:
            LtiPerson.objects.create(
                platform=platform,
                sub=lms.sub(people[username]),
                user=user,
                name=people[username].name,
                has_made_account=False,
                first_seen_at=now,
                last_seen_at=now,
            )
    lms.save()


def follow_address() -> None:
    """Have both sides know the address of this site, when it is another than at the last start.

    Nobody may be served meanwhile.
    """
    if not is_there():
        return
    platform = Platform.objects.filter(name=NAME, client_id=CLIENT_ID).first()
    if platform is None or platform.issuer == settings.DEMO_LMS_URL:
        return
    former = platform.issuer.removesuffix("/demo-lms")
    lms = read()
    for tool in lms.school.tools.values():
        if tool.client_id == CLIENT_ID:
            for name, value in _tool_facts().items():
                setattr(tool, name, value)
    for activity in lms.school.activities.values():
        activity.url = activity.url.replace(f"{former}/", f"{settings.PUBLIC_URL}/", 1)
    lms.save()
    Platform.objects.filter(pk=platform.pk).update(**_platform_addresses())


# --- Both sides ----------------------------------------------------------------------------------------------


def _lms(school: School | None) -> Lms:
    return Lms(
        settings.DEMO_LMS_URL,
        school=school,
        state_file=state_file(),
        entry_key=entry_key(),
        tool_origin=settings.PUBLIC_URL,
    )


def _tool_facts() -> dict[str, Any]:
    """Carrel, as it would register itself with the LMS."""
    return facts_of(description(settings.PUBLIC_URL))


def _platform_addresses() -> dict[str, str]:
    """The LMS, as Carrel knows it."""
    names = {"auth_login_url": "auth", "token_url": "token", "jwks_url": "certs"}
    urls = {field: f"{settings.DEMO_LMS_URL}/mod/lti/{page}.php" for field, page in names.items()}
    return {"issuer": settings.DEMO_LMS_URL, **urls}


# --- The school ----------------------------------------------------------------------------------------------


def _fill(school: School) -> dict[str, Person]:
    """The people one can be, by username."""
    school.add_person("admin", given_name="Andrea", family_name="Admin", is_administrator=True)
    for username, given_name, family_name, _role in KNOWN:
        school.add_person(username, given_name=given_name, family_name=family_name, email=f"{username}@lms.example")
    school.add_person("tess", given_name="Tess", family_name="Moreau", email="tess@lms.example")
    school.add_person("ada", given_name="Ada", family_name="Lindqvist", email="ada@lms.example")
    school.add_person("ben", given_name="Ben", family_name="Castillo", email="ben@lms.example")
    school.add_person("chloe", given_name="Chloé 🎓", family_name="Brun")
    return {person.username: person for person in school.people.values()}


def _course_of(school: School, people: dict[str, Person]) -> TheirCourse:
    """The course that is the demo's class, beside one that is none yet."""
    students = {people[username].id: Enrolment() for username in ("ada", "ben", "chloe")}
    course = school.add_course(demo_class.CODE, demo_class.TITLE)
    course.people = {people[username].id: Enrolment(role) if role else Enrolment() for username, *_, role in KNOWN}
    course.people |= students
    other = school.add_course(*OTHER_COURSE)
    other.people = {people["tess"].id: Enrolment(TEACHER), people["ada"].id: Enrolment(), people["ben"].id: Enrolment()}
    return course


def _link(school: School, theirs: TheirCourse, tool: Tool, ours: Course) -> None:
    """Put the class and its assignments into the course, as if picked; they are given out soon after, or were."""
    what = "The class in Carrel: lessons, notebooks, files"
    school.add_activity(theirs, tool, ours.title, description=what, **_led_to(tool, Target(Kind.COURSE)))
    for name, title in ASSIGNMENTS:
        led = _led_to(tool, Target(Kind.ASSIGNMENT, name=name))
        activity = school.add_activity(theirs, tool, title, description="An assignment, for points", **led)
        school.add_column(theirs, tool, title, _points(name), activity=activity.id)


def _led_to(tool: Tool, target: Target) -> dict[str, Any]:
    """Where an activity leads, as a picker would have said it."""
    item = Offer(target, "").item(url=tool.target_link_uri, with_column=False)
    return {name: item[name] for name in ("url", "custom")}


def _points(name: str) -> float:
    """What there is to earn in one of the demo's assignments."""
    cells = json.loads((demo_work.SOURCES / name / f"{name}.ipynb").read_text())["cells"]
    return float(sum(cell["metadata"].get("nbgrader", {}).get("points", 0) for cell in cells))
