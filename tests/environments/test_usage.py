"""The accounts as people see them: their own, the site's, as pages, as CSV and through the API."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from datetime import date, datetime
from html import unescape
from typing import cast

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group
from django.http import StreamingHttpResponse
from django.test import AsyncClient, Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from environments import ledger
from environments.ledger import month_of, months_before
from environments.models import MonthlyUse
from environments.templatetags.environments import amount
from environments.usage_tables import CSV_COLUMNS, by_environment, by_month, by_person, by_server, defused
from tests.environments.api_client import program_of
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

OWN, SITE = "/usage/", "/status/usage/"
API = "/api/v1/usage/"
STATISTICS = "https://git.example/statistics"
OPTICS = "https://git.example/optics"
MARCH, FEBRUARY = date(2026, 3, 1), date(2026, 2, 1)


def this_month() -> date:
    return month_of(timezone.now())


def use(
    person: User | None,
    *,
    month: date | None = None,
    server: str = "",
    url: str = STATISTICS,
    group: Group | None = None,
    **amounts: float,
) -> None:
    """Something that was used."""
    ledger.charge(
        month=month or this_month(),
        person=person.pk if person else None,
        repository_url=url,
        server_key=server,
        server_name=server,
        group=group,
        **amounts,
    )


@pytest.fixture
def browser(client: Client, student: User) -> Client:
    client.force_login(student)
    return client


@pytest.fixture
def operator(client: Client, administrator: User) -> Client:
    client.force_login(administrator)
    return client


def text_of(client: Client, address: str) -> str:
    return unescape(client.get(address).content.decode())


# --- Sums


def test_lines_sum_rows_and_put_the_most_first(student: User, stranger: User) -> None:
    use(student, server="a", memory_gib_hours=1, cpu_seconds=3600)
    use(student, server="b", memory_gib_hours=2, running_seconds=7200)
    use(stranger, server="c", url=OPTICS, memory_gib_hours=9)
    use(None, url="", storage_gib_days=4)
    rows = MonthlyUse.objects.all()

    people = [(line.key, line.amounts.memory_gib_hours) for line in by_person(rows)]
    environments = [(line.title, line.amounts.memory_gib_hours) for line in by_environment(rows)]
    servers = [line.title for line in by_server(rows)]

    assert people == [("stranger", 9), ("student", 3), ("", 0)]
    assert environments == [(OPTICS, 9), (STATISTICS, 3), ("Personal files", 0)]
    assert servers == ["c", "b", "a", "Personal files"]


def test_months_without_use_are_among_them(student: User) -> None:
    use(student, month=MARCH, starts=1)
    use(student, month=date(2025, 4, 1), starts=2)
    use(student, month=date(2025, 3, 1), starts=4)

    months = by_month(MonthlyUse.objects.all(), until=MARCH)

    assert len(months) == 12
    assert [(month, amounts.starts) for month, amounts in months.items() if amounts.starts] == [
        (date(2025, 4, 1), 2),
        (MARCH, 1),
    ]


@pytest.mark.parametrize(
    ("value", "words"), [(0, "–"), (0.01, "< 0.1"), (0.06, "0.1"), (12.34, "12.3"), (1234.5, "1234.5")]
)
def test_amount_of_little_is_not_nothing(value: float, words: str) -> None:
    assert amount(value) == words


# --- One's own


def test_own_page_shows_servers_of_this_month_and_months_before(browser: Client, student: User) -> None:
    use(student, server="calculus", cpu_seconds=7200)
    use(student, build_seconds=90)
    use(student, month=months_before(this_month(), 1), server="last-month", starts=3)

    page = text_of(browser, OWN)

    assert "calculus" in page
    assert "Preparing git.example/<wbr>statistics" in page
    assert "last-month" not in page
    assert page.count("<rect") == 48


def test_own_page_shows_the_month_that_is_chosen(browser: Client, student: User) -> None:
    use(student, month=MARCH, server="in-march", starts=1)
    use(student, month=FEBRUARY, server="in-february", starts=1)

    page = text_of(browser, f"{OWN}?month=2026-02")

    assert ("in-february" in page, "in-march" in page) == (True, False)


def test_own_page_shows_nobody_elses(browser: Client, stranger: User) -> None:
    use(stranger, server="secret", starts=1)

    assert "secret" not in text_of(browser, OWN)
    assert "Nothing was used." in text_of(browser, OWN)


def test_own_page_is_an_administrators_own(operator: Client, student: User) -> None:
    use(student, server="theirs", starts=1)

    assert "theirs" not in text_of(operator, OWN)


@pytest.mark.parametrize("month", ["2026-13", "yesterday", "2026-3", "1999-01", "\x00"])
def test_page_refuses_a_month_there_is_not(browser: Client, month: str) -> None:
    assert browser.get(OWN, {"month": month}).status_code == 400


def test_account_page_leads_to_ones_own(browser: Client) -> None:
    assert f'href="{OWN}"' in text_of(browser, "/account/")


# --- The site's


def test_site_page_shows_people_and_environments(operator: Client, student: User, stranger: User) -> None:
    use(student, server="a", memory_gib_hours=1)
    use(stranger, server="b", url=OPTICS, memory_gib_hours=3)

    context = operator.get(SITE).context

    assert [line.title for line in context["people"]] == ["Stranger", "Student"]
    assert [line.title for line in context["environments"]] == [OPTICS, STATISTICS]
    assert context["total"].memory_gib_hours == 4


def test_site_page_sums_by_class_and_group(operator: Client, student: User, stranger: User) -> None:
    first, second = Group.objects.create(name="Optics"), Group.objects.create(name="Statistics")
    use(student, server="a", group=first, memory_gib_hours=1)
    use(stranger, server="b", group=first, month=this_month(), memory_gib_hours=2)
    use(stranger, server="c", group=second, memory_gib_hours=9)
    use(stranger, server="d", memory_gib_hours=0.5)

    lines = operator.get(SITE).context["groups"]
    narrowed = operator.get(SITE, {"group": "opt"}).context

    amounts = [(line.title, line.amounts.memory_gib_hours) for line in lines]
    assert amounts == [("Statistics", 9), ("Optics", 3), ("Neither class nor group", 0.5)]
    assert narrowed["total"].memory_gib_hours == 3


def test_site_page_sums_a_group_with_two_names_once(operator: Client, student: User) -> None:
    group = Group.objects.create(name="Optics I")
    use(student, server="a", group=group, starts=1)
    group.name = "Optics II"
    use(student, server="b", group=group, starts=1)

    (line,) = operator.get(SITE).context["groups"]

    assert (line.title, line.amounts.starts) == ("Optics II", 2)


def test_site_page_says_nothing_of_groups_where_there_are_none(operator: Client, student: User) -> None:
    use(student, server="a", starts=1)

    assert "By class or group" not in text_of(operator, SITE)


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ({}, 7),
        ({"month": "2026-02"}, 8),
        ({"month": "all"}, 15),
        ({"month": "all", "person": "STUDENT"}, 9),
        ({"month": "all", "person": "range"}, 6),
        ({"month": "all", "repository": "optics"}, 6),
        ({"person": "nobody"}, 0),
    ],
)
def test_site_page_can_be_narrowed(
    operator: Client, student: User, stranger: User, query: dict[str, str], total: float
) -> None:
    use(student, server="a", starts=1)
    use(stranger, server="b", url=OPTICS, starts=6)
    use(student, month=FEBRUARY, server="a", starts=8)

    assert operator.get(SITE, query).context["total"].starts == total


def test_site_page_breaks_no_tag_into_a_name(operator: Client) -> None:
    use(UserFactory.create(display_name="<b>Ada</b>"), url="https://git.example/<i>", server="a", starts=1)

    page = operator.get(SITE).content.decode()

    assert "<b>Ada" not in page
    assert "<i>" not in page


def test_site_page_asks_as_much_for_many_as_for_one(
    operator: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        use(UserFactory.create(), url=f"https://git.example/{number}", server=str(number), starts=1)

    with django_assert_max_num_queries(9):
        operator.get(SITE)


@pytest.mark.parametrize("address", [SITE, f"{SITE}csv/"])
def test_site_accounts_are_the_administrators(client: Client, teacher: User, address: str) -> None:
    client.force_login(teacher)

    assert client.get(address).status_code == 403


def test_status_leads_to_the_accounts(operator: Client) -> None:
    assert f'href="{SITE}"' in text_of(operator, "/status/")


# --- CSV


async def rows_of(client: AsyncClient, address: str) -> list[dict[str, str]]:
    """A file as a spreadsheet reads it."""
    response = cast("StreamingHttpResponse", await client.get(address))
    assert response.is_async
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    lines = [part.decode() async for part in cast("AsyncIterator[bytes]", response.streaming_content)]
    return list(csv.DictReader("".join(lines).splitlines()))


@pytest.mark.django_db(transaction=True)
async def test_csv_holds_every_row_one_may_see(async_client: AsyncClient, student: User, stranger: User) -> None:
    await sync_to_async(use)(student, month=MARCH, server="a", cpu_seconds=1.5, starts=2)
    group = await Group.objects.acreate(name="Optics")
    await sync_to_async(use)(student, month=FEBRUARY, server="a", group=group, memory_gib_hours=0.25)
    await sync_to_async(use)(stranger, month=MARCH, server="b", starts=1)
    await async_client.aforce_login(student)

    rows = await rows_of(async_client, f"{OWN}csv/")

    assert list(rows[0]) == list(CSV_COLUMNS)
    assert [
        (row["month"], row["server"], row["starts"], row["cpu_seconds"], row["memory_gib_hours"]) for row in rows
    ] == [
        ("2026-02", "a", "0", "0", "0.25"),
        ("2026-03", "a", "2", "1.5", "0"),
    ]
    words = (rows[0]["person"], rows[0]["name"], rows[0]["repository"], rows[0]["group"])
    assert words == ("student", "Student", STATISTICS, "Optics")


@pytest.mark.django_db(transaction=True)
async def test_site_csv_is_narrowed_like_the_page(
    async_client: AsyncClient, administrator: User, student: User, stranger: User
) -> None:
    await sync_to_async(use)(student, server="a", starts=1)
    await sync_to_async(use)(stranger, server="b", starts=1)
    await sync_to_async(use)(None, month=FEBRUARY, server="c", starts=1)
    await async_client.aforce_login(administrator)

    narrowed = await rows_of(async_client, f"{SITE}csv/?person=student")
    everything = await rows_of(async_client, f"{SITE}csv/?month=all")

    assert [row["server"] for row in narrowed] == ["a"]
    assert [row["person"] for row in everything] == ["", "student", "stranger"]


@pytest.mark.django_db(transaction=True)
async def test_csv_holds_no_formula(async_client: AsyncClient, administrator: User) -> None:
    person = await sync_to_async(UserFactory.create)(username="@sum", display_name='=HYPERLINK("http://x")')
    await sync_to_async(use)(person, url="-1+1", server="+cmd", starts=1)
    await async_client.aforce_login(administrator)

    (row,) = await rows_of(async_client, f"{SITE}csv/")

    assert (row["person"], row["name"]) == ("'@sum", '\'=HYPERLINK("http://x")')
    assert (row["repository"], row["server"]) == ("'-1+1", "'+cmd")


@pytest.mark.parametrize(
    ("text", "expected"), [("=1", "'=1"), ("\t=1", "'\t=1"), ("\r", "'\r"), ("a=1", "a=1"), ("", ""), ("'", "'")]
)
def test_text_like_a_formula_is_defused(text: str, expected: str) -> None:
    assert defused(text) == expected


# --- The API


def test_api_shows_ones_own(student: User, stranger: User) -> None:
    use(student, month=MARCH, server="7c0e4a3e-0000-4000-8000-000000000000", cpu_seconds=3.5, starts=1)
    use(stranger, month=MARCH, starts=1)

    body = program_of(student).get(API).json()

    assert body["results"] == [
        {
            "month": "2026-03",
            "person": "student",
            "repository_url": STATISTICS,
            "server": "7c0e4a3e-0000-4000-8000-000000000000",
            "server_name": "7c0e4a3e-0000-4000-8000-000000000000",
            "group": "",
            "starts": 1,
            "running_seconds": 0,
            "cpu_seconds": 3.5,
            "memory_gib_hours": 0,
            "storage_gib_days": 0,
            "build_seconds": 0,
        }
    ]


def test_api_shows_an_administrator_everybodys(administrator: User, student: User, stranger: User) -> None:
    use(student, starts=1)
    use(stranger, starts=1)
    use(None, starts=1)
    program = program_of(administrator)

    assert program.get(API).json()["count"] == 3
    assert [row["person"] for row in program.get(API, {"person": "stranger"}).json()["results"]] == ["stranger"]


def test_api_shows_nobody_elses_by_their_name(student: User, stranger: User) -> None:
    use(stranger, starts=1)

    assert program_of(student).get(API, {"person": "stranger"}).json()["count"] == 0


@pytest.mark.parametrize(
    "query", [{"month": "2026-13"}, {"month": "0000-01"}, {"month": "x"}, {"limit": "0"}, {"person": "x" * 151}]
)
def test_api_refuses_what_means_nothing(student: User, query: dict[str, str]) -> None:
    response = program_of(student).get(API, query)

    assert (response.status_code, response.json()["code"]) == (400, "invalid")


def test_api_tells_and_narrows_by_group(student: User) -> None:
    use(student, server="7c0e4a3e-0000-4000-8000-000000000000", group=Group.objects.create(name="Optics"), starts=1)
    use(student, starts=1)

    (row,) = program_of(student).get(API, {"group": "optics"}).json()["results"]

    assert row["group"] == "Optics"


def test_api_narrows_by_month_and_repository(student: User, now: datetime) -> None:
    use(student, month=MARCH, starts=1)
    use(student, month=FEBRUARY, url=OPTICS, starts=1)
    program = program_of(student)

    assert program.get(API, {"month": "2026-02"}).json()["count"] == 1
    assert program.get(API, {"repository": "statistics"}).json()["results"][0]["month"] == "2026-03"
