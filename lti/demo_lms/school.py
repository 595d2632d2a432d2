"""What the pretend LMS knows: people, courses, tools, activities and grades, kept in memory or in one JSON file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

TEACHER, ASSISTANT, STUDENT = "editingteacher", "teacher", "student"
"""Moodle's own names: its `teacher` is the one who may not edit."""


@dataclass
class Person:
    """Somebody with an account."""

    id: int
    username: str
    given_name: str = ""
    family_name: str = ""
    email: str = ""
    is_administrator: bool = False
    is_test_user: bool = False
    sub: str = ""
    """What tools know them by; their number where this is empty."""

    @property
    def name(self) -> str:
        """Their name as people say it."""
        return f"{self.given_name} {self.family_name}".strip() or self.username


@dataclass
class Enrolment:
    """One person in one course."""

    role: str = STUDENT
    is_suspended: bool = False
    is_gradable: bool = True


@dataclass
class Course:
    """A course with the people in it."""

    id: int
    label: str
    title: str
    people: dict[int, Enrolment] = field(default_factory=dict)
    copied_from: list[int] = field(default_factory=list)


@dataclass
class Tool:
    """A registered tool; Moodle calls it a type, and its number is the deployment."""

    id: int
    client_id: str
    name: str
    initiate_login_uri: str = ""
    redirect_uris: list[str] = field(default_factory=list)
    target_link_uri: str = ""
    domain: str = ""
    jwks_uri: str = ""
    public_keys: dict[str, Any] = field(default_factory=dict)
    """Given in place of an address."""
    scopes: list[str] = field(default_factory=list)
    claims: list[str] = field(default_factory=list)
    custom: dict[str, str] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    is_active: bool = False
    is_unreachable: bool = False
    """Whether this LMS may not fetch the tool's keys, as Moodle by default may not from a private address."""
    deployment: str = ""

    @property
    def deep_linking(self) -> dict[str, Any] | None:
        """The message with which it wants to be asked what to link to."""
        return next((one for one in self.messages if one.get("type") == "LtiDeepLinkingRequest"), None)


@dataclass
class Activity:
    """A link of a tool in a course."""

    id: int
    course: int
    tool: int
    title: str
    description: str = ""
    url: str = ""
    custom: dict[str, str] = field(default_factory=dict)
    copied_from: list[int] = field(default_factory=list)


@dataclass
class Result:
    """What one column says of one person."""

    raw: float | None = None
    override: float | None = None
    comment: str = ""
    timestamp: str = ""
    seconds: float | None = None
    """The timestamp as it is compared."""
    is_locked: bool = False
    progress: str = ""
    changed_at: int = 0

    @property
    def shown(self) -> float | None:
        """The grade people see: the teacher's own before the tool's."""
        return self.raw if self.override is None else self.override


@dataclass
class Column:
    """A column of the gradebook; the services call it a line item."""

    id: int
    course: int
    tool: int
    label: str
    maximum: float
    resource_id: str = ""
    tag: str = ""
    activity: int | None = None
    is_locked: bool = False
    results: dict[int, Result] = field(default_factory=dict)


@dataclass
class School:
    """All of it. Numbers are small, and each kind of thing has its own, as in Moodle."""

    name: str = "Demo LMS"
    people: dict[int, Person] = field(default_factory=dict)
    courses: dict[int, Course] = field(default_factory=dict)
    tools: dict[int, Tool] = field(default_factory=dict)
    activities: dict[int, Activity] = field(default_factory=dict)
    columns: dict[int, Column] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    """The last number given, by kind: a number is never given twice."""

    def next_id(self, kind: str) -> int:
        """A number nothing of the kind has had."""
        self.last[kind] = self.last.get(kind, 1) + 1
        return self.last[kind]

    def add_person(self, username: str, **facts: Any) -> Person:
        """Give somebody an account."""
        person = Person(self.next_id("person"), username, **facts)
        self.people[person.id] = person
        return person

    def add_course(self, label: str, title: str) -> Course:
        """Make an empty course."""
        course = Course(self.next_id("course"), label, title)
        self.courses[course.id] = course
        return course

    def add_tool(self, client_id: str, name: str, **facts: Any) -> Tool:
        """Enter a tool that nobody has activated yet."""
        tool = Tool(self.next_id("tool"), client_id, name, **facts)
        self.tools[tool.id] = tool
        return tool

    def add_activity(self, course: Course, tool: Tool, title: str, **facts: Any) -> Activity:
        """Put a link of the tool into the course."""
        activity = Activity(self.next_id("activity"), course.id, tool.id, title, **facts)
        self.activities[activity.id] = activity
        return activity

    def add_column(self, course: Course, tool: Tool, label: str, maximum: float, **facts: Any) -> Column:
        """Give the gradebook a column; nothing keeps two from being alike."""
        column = Column(self.next_id("column"), course.id, tool.id, label, maximum, **facts)
        self.columns[column.id] = column
        return column

    def remove_tool(self, tool: Tool) -> None:
        """Delete a tool with its activities and columns."""
        del self.tools[tool.id]
        self.activities = {number: one for number, one in self.activities.items() if one.tool != tool.id}
        self.columns = {number: one for number, one in self.columns.items() if one.tool != tool.id}

    def activities_of(self, course: Course, tool: Tool | None = None) -> list[Activity]:
        """The course's links, of one tool if given."""
        return [one for one in self.activities.values() if one.course == course.id and tool in (None, self._tool(one))]

    def columns_of(self, course: Course) -> list[Column]:
        """The columns of the course's gradebook."""
        return [one for one in self.columns.values() if one.course == course.id]

    def column_of(self, activity: Activity) -> Column | None:
        """The activity's own column."""
        return next((one for one in self.columns.values() if one.activity == activity.id), None)

    def copy_course(self, course: Course) -> Course:
        """Copy a course as Moodle does: new numbers throughout; custom parameters, resources and tags are kept."""
        copy = self.add_course(f"{course.label} copy", f"{course.title} (copy)")
        copy.copied_from = [course.id, *course.copied_from]
        copy.people = {
            number: Enrolment(one.role) for number, one in course.people.items() if one.role in (TEACHER, ASSISTANT)
        }
        moved: dict[int, int] = {}
        for activity in self.activities_of(course):
            history = [activity.id, *activity.copied_from]
            number = moved[activity.id] = self.next_id("activity")
            custom = dict(activity.custom)
            self.activities[number] = replace(activity, id=number, course=copy.id, custom=custom, copied_from=history)
        for column in self.columns_of(course):
            number = self.next_id("column")
            activity_id = moved.get(column.activity or 0)
            self.columns[number] = replace(column, id=number, course=copy.id, activity=activity_id, results={})
        return copy

    def to_json(self) -> dict[str, Any]:
        """All of it, as JSON can carry it."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> School:
        """What `to_json` made, after a journey through JSON."""
        courses = {
            int(number): Course(**one | {"people": {int(key): Enrolment(**who) for key, who in one["people"].items()}})
            for number, one in kept["courses"].items()
        }
        columns = {
            int(number): Column(**one | {"results": {int(key): Result(**got) for key, got in one["results"].items()}})
            for number, one in kept["columns"].items()
        }
        return cls(
            name=kept["name"],
            people={int(number): Person(**one) for number, one in kept["people"].items()},
            courses=courses,
            tools={int(number): Tool(**one) for number, one in kept["tools"].items()},
            activities={int(number): Activity(**one) for number, one in kept["activities"].items()},
            columns=columns,
            last=kept["last"],
        )

    def _tool(self, activity: Activity) -> Tool:
        return self.tools[activity.tool]


def demo_school() -> School:
    """Two courses and the people a newcomer can be."""
    school = School()
    school.add_person(
        "admin", given_name="Andrea", family_name="Admin", email="admin@lms.example", is_administrator=True
    )
    tess = school.add_person("tess", given_name="Tess", family_name="Moreau", email="tess@lms.example")
    toby = school.add_person("toby", given_name="Toby", family_name="Okafor", email="toby@lms.example")
    ada = school.add_person("ada", given_name="Ada", family_name="Lindqvist", email="ada@lms.example")
    ben = school.add_person("ben", given_name="Ben", family_name="Castillo", email="ben@lms.example")
    chloe = school.add_person("chloe", given_name="Chloé 🎓", family_name="Brun")
    computing = school.add_course("CS101", "Computing 101")
    statistics = school.add_course("ST2", "Statistics 2")
    computing.people = {
        tess.id: Enrolment(TEACHER),
        toby.id: Enrolment(ASSISTANT),
        ada.id: Enrolment(),
        ben.id: Enrolment(),
        chloe.id: Enrolment(),
    }
    statistics.people = {ben.id: Enrolment(TEACHER), ada.id: Enrolment(), tess.id: Enrolment()}
    return school
