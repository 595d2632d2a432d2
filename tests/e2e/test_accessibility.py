"""Every page, in both themes and at the width of a telephone: for screen readers, keyboards and strict browsers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from decimal import Decimal
from urllib.parse import urljoin

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page, ViewportSize, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import Role, User
from assignments.arranging import give_extension
from assignments.deadlines import Allowance
from assignments.grading import rubrics
from assignments.grading.gradebook import publish_grades
from assignments.grading.marking import Place, comment, take_lease
from assignments.grading.rubrics import add_item
from assignments.models import Assignment
from classes.members import admit
from classes.models import Membership
from classes.models import Role as CourseRole
from config.demo import publish_examples
from environments.catalog import set_tags
from environments.collaborating import make_invitation
from environments.models import (
    Build,
    BuildLogLine,
    Collaborator,
    Environment,
    NotebookServer,
    Outcome,
    ServerUsage,
    SharedVolume,
    SiteSample,
)
from environments.models import Visit as Presence
from lti.models import Context, Platform, Roster, Score
from lti.platforms import add_platform
from lti.rosters.pages import Listed
from tests.assignments.marked import ESSAY, PROOF, graded, to_be_graded
from tests.e2e.accessible import Theme, assert_accessible_in_both_themes, assert_fits_a_telephone
from tests.factories import (
    BuildFactory,
    CourseFactory,
    EnvironmentFactory,
    GitCredentialFactory,
    ImageRecordFactory,
    NotebookServerFactory,
    ServerMountFactory,
    SharedVolumeFactory,
    SiteReportFactory,
    UserFactory,
    VolumeFactory,
    VolumeMemberFactory,
    member,
    running_server,
    update_of,
)
from tests.identity import openid, use_providers

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]

State = NotebookServer.State
DESK: ViewportSize = {"width": 1280, "height": 800}
A_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Visit:
    """A page to look at: signed in or not, as whom, and with which state and version of the server it is about."""

    path: str
    is_signed_in: bool = True
    state: str = State.RUNNING
    role: Role = Role.MEMBER
    has_credentials: bool = True
    disk_mb: int = 0
    """How much room the person has for files; 0 is all there is."""
    version: str = ""
    has_providers: bool = False
    """Whether people can sign in at an institution."""
    is_teacher: bool = False
    """Whether it is a page of an assignment that the person grades."""
    is_student: bool = False
    """Whether it is a page of an assignment that the person has submitted."""
    has_platform: bool = False
    """Whether a learning platform is connected; with the class, where it is a page of one."""
    presses: str = ""
    """The button, by its selector, that leads to the page."""


LMS = "https://lms.example.org"
HUBS = ["mybinder binder https://mybinder.org mybinder.org"]
VISITS = {
    "welcome": Visit("/", is_signed_in=False),
    "sign in": Visit("/accounts/login/", is_signed_in=False),
    "sign in at institutions": Visit("/accounts/login/", is_signed_in=False, has_providers=True),
    "sign-in refused": Visit("/accounts/oidc/university/login/callback/", is_signed_in=False, has_providers=True),
    "ways to sign in": Visit("/account/", has_providers=True),
    "connect": Visit("/account/sign-in/university/connect/", has_providers=True),
    "password reset": Visit("/accounts/password/reset/", is_signed_in=False),
    "nothing": Visit("/nothing/", is_signed_in=False),
    "home": Visit("/"),
    "account": Visit("/account/"),
    "new token": Visit("/account/tokens/new/"),
    "private repositories": Visit("/account/repositories/"),
    "no private repositories": Visit("/account/repositories/", has_credentials=False),
    "add a token": Visit("/account/repositories/new/"),
    "remove a token": Visit("/account/repositories/{credential}/remove/"),
    "e-mail": Visit("/accounts/email/"),
    "style guide": Visit("/styleguide/"),
    "preparing": Visit("/servers/{server}/", state=State.BUILDING),
    "running": Visit("/servers/{server}/?launching=1", state=State.STARTING),
    "ready": Visit("/servers/{server}/"),
    "stopped": Visit("/servers/{server}/", state=State.STOPPED),
    "failed": Visit("/servers/{server}/", state=State.FAILED),
    "home, room used up": Visit("/", disk_mb=1),
    "ready, room used up": Visit("/servers/{server}/", disk_mb=1),
    "newer version": Visit("/servers/{server}/", version="newer"),
    "updating": Visit("/servers/{server}/", version="updating"),
    "update failed": Visit("/servers/{server}/", version="failed", state=State.STOPPED),
    "updated": Visit("/servers/{server}/", version="updated"),
    "updated in vain": Visit("/servers/{server}/", version="in vain", state=State.FAILED),
    "guest": Visit("/servers/{shared}/"),
    "invitation": Visit("/invitations/{invitation}/"),
    "no invitation": Visit("/invitations/made-up/"),
    "leave": Visit("/servers/{shared}/leave/"),
    "delete": Visit("/servers/{server}/delete/"),
    "confirmation": Visit("/v2/example/first-steps/HEAD?urlpath=lab/tree/first-steps.ipynb"),
    "more memory": Visit("/v2/gh/carrel-tests/example/HEAD?server=statistics&memory=2G&idle=90"),
    "another repository": Visit("/v2/example/first-steps/HEAD?server=statistics"),
    "another hub": Visit("/v2/gh/ada/engine/HEAD?hub=mybinder&mount=data:in:ro&collaborator=bob"),
    "unknown hub": Visit("/v2/gh/ada/engine/HEAD?hub=nowhere"),
    "link refused": Visit("/v2/file/etc"),
    "shared files": Visit("/volumes/"),
    "make shared files": Visit("/volumes/new/"),
    "own shared files": Visit("/volumes/{own}/"),
    "others' shared files": Visit("/volumes/{others}/"),
    "leave shared files": Visit("/volumes/{others}/leave/"),
    "delete shared files": Visit("/volumes/{own}/delete/"),
    "trusted repositories": Visit("/trusted-repositories/"),
    "catalog": Visit("/environments/?q=first"),
    "nothing in the catalog": Visit("/environments/?q=chemistry&tag=physics"),
    "somebody's environment": Visit("/environments/first-steps/"),
    "own environment": Visit("/environments/{environment}/"),
    "publish": Visit("/environments/new/?server={server}"),
    "edit": Visit("/environments/{environment}/edit/"),
    "out of the catalog": Visit("/environments/{environment}/delete/"),
    "status": Visit("/status/", role=Role.ADMINISTRATOR),
    "learning platforms": Visit("/lti/platforms/", role=Role.ADMINISTRATOR, has_platform=True),
    "learning platform": Visit("/lti/platforms/{platform}/", role=Role.ADMINISTRATOR, has_platform=True),
    "add a learning platform": Visit("/lti/platforms/new/", role=Role.ADMINISTRATOR),
    "nothing done about platforms": Visit("/lti/audit/", role=Role.ADMINISTRATOR),
    "register in a platform": Visit(
        f"/lti/register/?openid_configuration={LMS}/&registration_token=1", is_signed_in=False
    ),
    "which class is it": Visit("/lti/courses/{unconnected}/", has_platform=True),
    "links of a platform": Visit("/lti/classes/biology/", is_teacher=True, has_platform=True),
    "lead a link elsewhere": Visit("/lti/classes/biology/links/{link}/", is_teacher=True, has_platform=True),
    "before a link is led": Visit(
        "/lti/classes/biology/links/{link}/lead/?to=assignment:{assignment}", is_teacher=True, has_platform=True
    ),
    "grades in a platform": Visit("/lti/grades/biology/homework/", is_teacher=True, has_platform=True),
    "list of a platform": Visit("/lti/classes/biology/people/{context}/", is_teacher=True, has_platform=True),
    "grading": Visit("homework/grading/", is_teacher=True),
    "an answer": Visit("homework/grading/{graded}/?cell=essay&notebook=problem1&compare=1", is_teacher=True),
    "an answer somebody else has": Visit("homework/grading/{graded}/?cell=proof&notebook=problem1", is_teacher=True),
    "answers alike": Visit("homework/grading/{graded}/alike/?cell=essay&notebook=problem1", is_teacher=True),
    "rubric": Visit(
        "homework/grading/{graded}/?cell=essay&notebook=problem1",
        is_teacher=True,
        presses=".marking-rubric [value=retire]",
    ),
    "gradebook": Visit("-/gradebook/", is_teacher=True),
    "publish grades": Visit("homework/grades/publish/", is_teacher=True),
    "history of a grade": Visit("homework/grades/{grade}/", is_teacher=True),
    "regrading": Visit("homework/regrading/", is_teacher=True),
    "feedback and questions": Visit("homework/submissions/{graded}/feedback/", is_teacher=True),
    "receipt": Visit("homework/submissions/{graded}/", is_teacher=True),
    "assignments": Visit("", is_teacher=True),
    "make an assignment": Visit("new/", is_teacher=True),
    "assignment": Visit("homework/", is_teacher=True),
    "notebooks": Visit("homework/notebooks/", is_teacher=True),
    "settings of an assignment": Visit("homework/settings/", is_teacher=True),
    "more time": Visit("homework/extensions/", is_teacher=True),
    "delete an assignment": Visit("homework/delete/", is_teacher=True),
    "statistics": Visit("homework/statistics/", is_teacher=True),
    "live by assignment": Visit("homework/live/", is_teacher=True),
    "questions about points": Visit("homework/requests/", is_teacher=True),
    "from nbgrader": Visit("-/nbgrader/", is_teacher=True),
    "check a receipt": Visit("-/receipts/", is_teacher=True),
    "student's assignments": Visit("", is_student=True),
    "student's assignment": Visit("homework/", is_student=True),
    "student's receipt": Visit("homework/submissions/{graded}/", is_student=True),
    "student's feedback": Visit("homework/submissions/{graded}/feedback/", is_student=True),
}


@pytest.fixture(scope="module", autouse=True)
def examples() -> None:
    """Repositories that links can lead to."""
    publish_examples()


@pytest.fixture
def person() -> User:
    return UserFactory.create(username="student")


@pytest.fixture
def open_page(browser: Browser, live_server: LiveServer, person: User) -> Iterator[Callable[..., Page]]:
    """Opens a path in a browser of its own, signed in or not."""
    contexts = []

    def open_path(path: str, *, is_signed_in: bool = True, theme: Theme = "light", viewport: ViewportSize) -> Page:
        context = browser.new_context(viewport=viewport, color_scheme=theme)
        contexts.append(context)
        if is_signed_in:
            client = Client()
            client.force_login(person)
            name = settings.SESSION_COOKIE_NAME
            context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
        page = context.new_page()
        page.goto(f"{live_server.url}{path}")
        return page

    yield open_path
    for context in contexts:
        context.close()


def configure(settings: Settings, visit: Visit) -> None:
    """Sets up the installation that the visit is to."""
    settings.PERSON_DISK_MB, settings.HUBS = visit.disk_mb, HUBS
    if visit.has_providers:
        use_providers(settings, openid("http://127.0.0.1", name="The University of Northern Example"))


def prepare(person: User, visit: Visit) -> str:
    """Makes what the visit's page shows, and returns its path."""
    if visit.is_teacher or visit.is_student:
        return make_graded(person, visit)
    EnvironmentFactory.create(title="First steps", description="Variables, loops and a first plot.")
    environment = make_environment(person)
    server = make_server(person, visit.state)
    make_version(server, visit.version)
    NotebookServerFactory.create(owner=person, name="algebra", deleted_at=timezone.now())
    if visit.role == Role.ADMINISTRATOR:
        User.objects.filter(pk=person.pk).update(role=visit.role)
        measure(server)
    kept = GitCredentialFactory.create(owner=person, last_used_at=timezone.now())
    if not visit.has_credentials:
        kept.delete()
    shared, invitation = make_company(server)
    own, others = share_files(server)
    unconnected = make_platform(person) if visit.has_platform else None
    return visit.path.format(
        platform=unconnected and unconnected.deployment.platform_id,
        unconnected=unconnected and unconnected.pk,
        server=server.pk,
        credential=kept.pk,
        environment=environment.slug,
        shared=shared.pk,
        invitation=invitation,
        own=own.pk,
        others=others.pk,
    )


def make_graded(person: User, visit: Visit) -> str:
    """An assignment of a class that the person teaches, or is in, in the middle of being graded."""
    now = timezone.now()
    course = CourseFactory.create(slug="biology", colour="purple")
    admit(course, person, role=CourseRole.TEACHER, now=now)
    grader = member(course, "grader", CourseRole.GRADER).person
    assignment = to_be_graded(course=course, name="homework", title="Why water is wet")
    ada, charles = member(course, "ada"), member(course, "charles")
    graded(assignment, ada, now=now, essay="Water is wet.")
    submission = graded(assignment, ada, now=now, flags=[{"notebook": "problem1", "cell": "essay", "code": "tampered"}])
    graded(assignment, charles, now=now)
    add_item(assignment, ESSAY, label="Gives a reason that somebody else can follow", points=Decimal(1), now=now)
    wrong = add_item(assignment, ESSAY, label="Says something wrong", points=Decimal(-1), now=now)
    rubrics.choose(submission, wrong, is_chosen=True, by=grader, now=now)
    text = "**Well said**, but `why`?\n\n- [here](https://example.org)\n\n> water\n\n```\nprint(1)\n```"
    comment(submission, notebook="problem1", cell="essay", text=text, by=person, now=now)
    rubrics.save_comment(course, text=text, by=person, now=now)
    publish_grades(assignment, [ada], by=person, now=now, message="Well done.")
    asked = submission.regrade_requests.create(notebook="problem1", grade_id="essay", opened_at=now)
    asked.messages.create(text="Why not 4?", by=ada.person, at=now)
    take_lease(Place(submission.pk, PROOF), by=grader, now=now)
    week = Allowance(extra_minutes=7 * 24 * 60)
    give_extension(assignment, charles, week, note="Ill until Monday", by=person, now=now)
    if visit.is_student:
        course.memberships.filter(person=person).delete()
        course.memberships.filter(pk=ada.pk).update(person=person)
    keys: dict[str, object] = {"graded": submission.pk, "grade": assignment.grades.get(membership=ada).pk}
    if visit.has_platform:
        connected = connect_platform(assignment, ada)
        keys |= {"context": connected.pk, "link": connected.resource_links.get().pk, "assignment": assignment.pk}
    return urljoin("/classes/biology/assignments/", visit.path.format(**keys))


def make_platform(teacher: User) -> Context:
    """A course of a platform that this teacher has come from, which is no class yet."""
    now = timezone.now()
    described = {name: f"{LMS}/{name}" for name in ("auth_login_url", "token_url", "jwks_url")}
    name = "Campus of the University of Northern Example"
    state = Platform.State.ACTIVE
    platform = add_platform(
        Platform(name=name, issuer=LMS, client_id="c" * 200, state=state, **described), deployment_id="1" * 200, now=now
    )
    platform.unknown_deployments.create(deployment_id="2" * 200, last_tried_at=now)
    context = platform.deployments.get().contexts.create(context_id="2", title="Biology for everybody")
    person = platform.people.create(sub="1", user=teacher)
    context.enrolments.create(person=person, role=CourseRole.TEACHER)
    return context


def connect_platform(assignment: Assignment, student: Membership) -> Context:
    """A course that is this assignment's class: with a link, a grade that was not taken, and a list that was read."""
    now, course = timezone.now(), assignment.course
    context = make_platform(course.memberships.filter(role=CourseRole.TEACHER)[0].person)
    context.course, context.connected_at, context.line_items_url = course, now, f"{LMS}/columns"
    context.save()
    context.resource_links.create(
        resource_link_id="1", title="A link with quite a long title, made by hand", line_item_url=f"{LMS}/columns/2"
    )
    person = context.deployment.platform.people.create(sub="2", user=student.person, name="Ada")
    column = context.line_items.create(assignment=assignment, url=f"{LMS}/columns/1")
    column.scores.create(
        person=person,
        grade=assignment.grades.get(membership=student),
        **{"points": 4, "maximum": 10, "graded_at": now, "state": Score.State.REFUSED, "failure_code": "grade_refused"},
    )
    learner = "http://purl.imsglobal.org/vocab/lis/v2/membership#Learner"
    listed = [asdict(Listed(str(number), (learner,), name=f"Person {number}")) for number in range(3, 6)]
    Roster.objects.create(context=context, listed=listed, listed_at=now)
    return context


def make_environment(person: User) -> Environment:
    """One of the person's own, whose newest version could not be prepared."""
    now = timezone.now()
    made = {"commit": "1" * 40, "newest_commit": "2" * 40, "has_image": True, "made_at": now, "made_by": person}
    failure = {"outcome": Outcome.FAILED, "failure_code": "post_build_failed", "looked_at": now}
    environment = EnvironmentFactory.create(owner=person, is_featured=True, memory_mb=512, **made, **failure)
    set_tags(environment, ["first term", "R"])
    return environment


def make_company(server: NotebookServer) -> tuple[NotebookServer, str]:
    """Bring somebody into this server, and its owner into another; that one, and the secret of a link to a third."""
    now, guest = timezone.now(), UserFactory.create(display_name="Somebody with Quite a Long Name")
    Collaborator.objects.create(server=server, person=guest, last_entered_at=now)
    Presence.objects.create(server=server, person=guest, entered_at=now, last_seen_at=now)
    Presence.objects.create(server=server, person=guest, entered_at=now - A_MINUTE * 90, last_seen_at=now - A_MINUTE)
    make_invitation(server, by=server.owner, lifetime=A_MINUTE, uses=2, now=now)
    shared, third = (running_server(owner=guest, name=name) for name in ("together", "not-yet"))
    Collaborator.objects.create(server=shared, person=server.owner)
    return shared, make_invitation(third, by=guest, lifetime=A_MINUTE, uses=1, now=now)[1]


def share_files(server: NotebookServer) -> tuple[SharedVolume, SharedVolume]:
    """Shared files of the server's owner and of somebody else, and some that cannot be used any more, all in it."""
    own = SharedVolumeFactory.create(owner=server.owner, title="Data of the spring course")
    group = Group.objects.create(name="a-group-with-rather-a-long-name")
    group.user_set.add(server.owner)
    VolumeMemberFactory.create(volume=own, group=group)
    VolumeMemberFactory.create(volume=own, access="write")
    others = VolumeMemberFactory.create(person=server.owner).volume
    SharedVolumeFactory.create(owner=server.owner, deleted_at=timezone.now())
    for shared in (own, others, SharedVolumeFactory.create()):
        ServerMountFactory.create(server=server, volume=shared)
    return own, others


def measure(server: NotebookServer) -> None:
    """A day of the site, this server's use, and a queue."""
    now, gigabyte = timezone.now(), 10**9
    ServerUsage.objects.create(
        server=server, start_id="f" * 32, measured_at=now, cpu_seconds=60, cores=0.5, memory_bytes=gigabyte
    )
    SiteReportFactory.create(
        **{"runtime": "docker", "version": "", "problem": "silent", "detail": "timed out " * 30, "firewall": "unseen"},
        **{"engine_disk_total_bytes": gigabyte, "engine_disk_free_bytes": 1, "images_measured_at": now},
    )
    ImageRecordFactory.create(image_key=server.image_key)
    ImageRecordFactory.create(used_at=None)
    SiteSample.objects.bulk_create(
        SiteSample(
            taken_at=now - n * A_MINUTE,
            running=n % 9,
            waiting=1,
            building=1,
            cores=n % 5,
            memory_bytes=n * gigabyte,
            disk_used_bytes=gigabyte,
        )
        for n in range(0, 24 * 60, 3)
    )
    BuildFactory.create(state=Build.State.BUILDING, requested_by=server.owner)
    NotebookServerFactory.create(state=State.QUEUED, name="a-name-as-long-as-somebody-can-think-of")


def make_server(owner: User, state: str) -> NotebookServer:
    facts: dict[str, object] = {}
    if state == State.FAILED:
        facts = {"failure_code": "build_failed"}
    if state == State.RUNNING:
        now = timezone.now()
        facts = {"started_at": now, "last_activity_at": now, "idle_minutes": 5, "keep_until": now + A_MINUTE}
    build_states = {State.BUILDING: Build.State.BUILDING, State.FAILED: Build.State.FAILED}
    build = BuildFactory.create(state=build_states.get(State(state), Build.State.SUCCEEDED))
    BuildLogLine.objects.bulk_create(
        BuildLogLine(build=build, sequence=n, phase="building", text=f"Downloading package {n} " + "x" * 200)
        for n in range(1, 60)
    )
    volume = VolumeFactory.create(owner=owner, bytes=10**9, measured_at=timezone.now())
    return NotebookServerFactory.create(
        owner=owner, state=state, build=build, name="statistics", volume=volume, **facts
    )


def make_version(server: NotebookServer, version: str) -> None:
    """Bring the server to some point on its way to another version."""
    if version == "newer":
        server.newest_commit, server.ref = "2" * 40, "main"
    elif version == "updating":
        update_of(server, ref="v2", memory_mb=2048, build=BuildFactory.create(state=Build.State.BUILDING))
    elif version == "failed":
        update_of(server, failure_code="package_not_found", failure_facts={"package": "nympy"})
    elif version:
        names = [f"week {n}/a-notebook-with-quite-a-long-name-{n}.ipynb" for n in range(1, 15)]
        none = {"count": 0, "names": []}
        server.merge_report = {
            "added": {"count": 3, "names": names[:3]},
            "replaced": {"count": 2, "names": names[:2]},
            "deleted": none,
            "kept": {"count": 1, "names": names[:1]},
            "beside": {"count": 14, "names": names},
            "targets": [name.replace(".ipynb", ".1111111.new.ipynb") for name in names],
        }
        server.previous_commit, server.previous_image_key = "0" * 40, "0" * 64
    if version == "in vain":
        server.merge_report = {"failure_code": "refresh_failed", "failure_facts": {}}
    server.save()


def arrive(page: Page, visit: Visit) -> Page:
    """Goes on to the page that a button leads to."""
    if visit.presses:
        with page.expect_navigation():
            page.locator(visit.presses).first.evaluate("button => button.click()")
    return page


@pytest.mark.parametrize("name", VISITS)
def test_page_is_accessible_and_fits_a_telephone(
    open_page: Callable[..., Page], person: User, settings: Settings, name: str
) -> None:
    visit = VISITS[name]
    configure(settings, visit)
    path = prepare(person, visit)

    page = arrive(open_page(path, is_signed_in=visit.is_signed_in, viewport=DESK), visit)

    assert_accessible_in_both_themes(page)
    assert_fits_a_telephone(page, picture=name)


@pytest.mark.parametrize("path", ["/", "/styleguide/"])
def test_page_obeys_its_content_security_policy(open_page: Callable[..., Page], path: str) -> None:
    page = open_page(path, viewport=DESK)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    page.reload(wait_until="networkidle")

    assert complaints == []


def test_skip_link_leads_past_the_masthead(open_page: Callable[..., Page]) -> None:
    page = open_page("/", viewport=DESK)

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")

    expect(page.locator("main")).to_be_focused()


def test_form_with_something_wrong_begins_at_that_field(open_page: Callable[..., Page]) -> None:
    page = open_page("/", viewport=DESK)
    page.get_by_text("More choices").click()

    page.get_by_label("Address of the repository").fill("gh/ada/engine")
    page.get_by_label("What to open").fill("//evil.example")
    page.keyboard.press("Enter")

    expect(page.get_by_label("What to open")).to_be_focused()
    expect(page.get_by_label("What to open")).to_be_in_viewport()


def test_page_that_says_what_was_done_begins_there(open_page: Callable[..., Page], person: User) -> None:
    shared = SharedVolumeFactory.create(owner=person)
    UserFactory.create(username="ada")
    page = open_page(f"/volumes/{shared.pk}/", viewport=DESK)

    page.get_by_label("Person").fill("ada")
    page.keyboard.press("Enter")

    expect(page.get_by_role("status").filter(has_text="can use these files now")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("main").get_by_role("link", name="Shared files")).to_be_focused()


def test_page_that_says_what_was_done_begins_there_whatever_its_address(
    open_page: Callable[..., Page], person: User
) -> None:
    server = make_server(person, State.RUNNING)
    page = open_page(f"/servers/{server.pk}/", viewport=DESK)
    page.get_by_text("Let somebody in").press("Enter")

    page.get_by_label("User name or e-mail address").fill("nobody")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile("#people$"))
    expect(page.get_by_role("status").filter(has_text="Nobody called")).to_be_focused()
    expect(page.get_by_role("status").filter(has_text="Nobody called")).to_be_in_viewport()


def test_swap_that_takes_a_button_away_keeps_the_keyboard_beside_it(
    open_page: Callable[..., Page], person: User
) -> None:
    server = make_server(person, State.RUNNING)
    page = open_page(f"/servers/{server.pk}/", viewport=DESK)

    page.locator("#keep-no-longer").press("Enter")

    expect(page.locator("#keep-no-longer")).to_have_count(0)
    expect(page.locator("#server-ending")).to_be_focused()


def test_stopping_from_the_list_leaves_the_keyboard_at_that_server(
    open_page: Callable[..., Page], person: User
) -> None:
    make_server(person, State.RUNNING)
    page = open_page("/", viewport=DESK)

    page.get_by_role("button", name="Stop statistics").press("Enter")

    expect(page.get_by_role("heading", name="statistics")).to_be_focused()


def test_copying_is_said(open_page: Callable[..., Page], person: User) -> None:
    shared = SharedVolumeFactory.create(owner=person, name="data")
    page = open_page(f"/volumes/{shared.pk}/", viewport=DESK)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])

    page.get_by_role("button", name="Copy (To read)").press("Enter")

    expect(page.get_by_role("status").filter(has_text="Copied")).to_be_attached()
    assert page.evaluate("navigator.clipboard.readText()") == "mount=data:ro"


def test_what_cannot_be_copied_is_selected(open_page: Callable[..., Page], person: User) -> None:
    shared = SharedVolumeFactory.create(owner=person, name="data")
    page = open_page(f"/volumes/{shared.pk}/", viewport=DESK)
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('refused')); }")

    page.get_by_role("button", name="Copy (To read)").press("Enter")

    page.wait_for_function("getSelection().toString() === 'mount=data:ro'")


def test_server_that_opens_by_itself_waits_for_who_presses_escape(open_page: Callable[..., Page], person: User) -> None:
    server = make_server(person, State.RUNNING)
    page = open_page(f"/servers/{server.pk}/?launching=1", viewport=DESK)

    page.keyboard.press("Escape")

    expect(page.get_by_text("It opens by itself")).to_have_count(0)
    expect(page.locator("#open-server")).to_be_visible()


def test_shared_files_of_a_server_follow_what_is_put_in(open_page: Callable[..., Page], person: User) -> None:
    server = make_server(person, State.RUNNING)
    shared = SharedVolumeFactory.create(owner=person, title="Data of spring")
    page = open_page(f"/servers/{server.pk}/", viewport=DESK)
    ServerMountFactory.create(server=server, volume=shared)

    page.locator("#keep-no-longer").press("Enter")

    expect(page.locator("#server-mounts").get_by_role("link", name="Data of spring")).to_be_visible()


def test_link_and_badge_follow_what_is_typed(open_page: Callable[..., Page]) -> None:
    page = open_page("/", viewport=DESK)
    page.get_by_text("More choices").click()

    page.get_by_label("Address of the repository").fill("https://github.com/ada/engine")
    page.get_by_text("As a badge").click()
    page.get_by_label("Version").fill("v2")

    expect(page.locator("#shared-link")).to_contain_text("/v2/gh/ada/engine/v2")
    expect(page.locator("#badge-Markdown")).to_contain_text("/v2/gh/ada/engine/v2)")
    expect(page.locator("#badge-Markdown")).to_be_visible()


def test_theme_changes_in_place_and_stays(open_page: Callable[..., Page]) -> None:
    page = open_page("/", viewport=DESK)
    page.get_by_label("Address of the repository").fill("half an address")

    with page.expect_response(lambda response: response.url.endswith("/preferences/")):
        page.get_by_role("button", name="Dark").click()

    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    expect(page.get_by_label("Address of the repository")).to_have_value("half an address")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_list_of_servers_refreshes_and_keeps_the_focus(open_page: Callable[..., Page], person: User) -> None:
    server = make_server(person, State.BUILDING)
    page = open_page("/", viewport=DESK)
    page.get_by_role("link", name="statistics", exact=True).focus()

    NotebookServer.objects.filter(pk=server.pk).update(state=State.RUNNING)

    expect(page.get_by_role("link", name="Open statistics")).to_be_visible()
    expect(page.get_by_role("link", name="statistics", exact=True)).to_be_focused()


def test_stopping_from_the_list_needs_no_page_load(open_page: Callable[..., Page], person: User) -> None:
    make_server(person, State.RUNNING)
    page = open_page("/", viewport=DESK)
    page.get_by_label("Address of the repository").fill("half an address")

    page.get_by_role("button", name="Stop statistics").click()

    expect(page.locator("#servers .status")).to_have_text("Stopping")
    expect(page.get_by_label("Address of the repository")).to_have_value("half an address")


def test_keeping_a_server_running_needs_no_page_load(open_page: Callable[..., Page], person: User) -> None:
    server = make_server(person, State.RUNNING)
    page = open_page(f"/servers/{server.pk}/", viewport=DESK)
    page.locator("h1").evaluate("heading => heading.dataset.same = 'yes'")

    page.get_by_label("Keep it running").select_option("for 2 hours")
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.locator(".ending-near")).to_have_count(0)
    page.get_by_role("button", name="Take that back").click()

    expect(page.locator(".ending-near")).to_have_count(1)
    expect(page.get_by_role("button", name="Take that back")).to_have_count(0)
    expect(page.locator("h1")).to_have_attribute("data-same", "yes")


def test_giving_an_update_up_needs_no_page_load(open_page: Callable[..., Page], person: User) -> None:
    server = make_server(person, State.RUNNING)
    make_version(server, "updating")
    page = open_page(f"/servers/{server.pk}/", viewport=DESK)
    page.locator("h1").evaluate("heading => heading.dataset.same = 'yes'")

    page.get_by_role("button", name="Stay with the present version").click()

    expect(page.get_by_role("button", name="Look for a newer version")).to_be_visible()
    expect(page.locator("h1")).to_have_attribute("data-same", "yes")


def test_launch_form_works_without_scripts(browser: Browser, live_server: LiveServer, person: User) -> None:
    client = Client()
    client.force_login(person)
    name = settings.SESSION_COOKIE_NAME
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    page = context.new_page()
    page.goto(live_server.url)

    page.get_by_label("Address of the repository").fill("file:///etc")
    page.get_by_role("button", name="Launch").click()

    expect(page.get_by_text("own disk")).to_be_visible()
    context.close()
