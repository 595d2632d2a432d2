"""The accounts as tables, charts and CSV. Rows come in, already narrowed to whom they may be shown."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import astuple, dataclass
from datetime import date
from typing import Any

from django.db.models import Max
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from environments.ledger import months_before
from environments.models import MonthlyUse
from environments.plots import Bars, bars_of
from environments.querysets import MonthlyUseQuerySet
from environments.references import unmarked

MONTHS_DRAWN = 12
ROWS_SHOWN = 100
AMOUNTS = MonthlyUseQuerySet.AMOUNTS
CSV_COLUMNS = ("month", "person", "name", "repository", "server", "group", *AMOUNTS)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Amounts:
    """What was used, in units people read."""

    starts: int
    server_hours: float
    cpu_hours: float
    memory_gib_hours: float
    storage_gib_days: float
    build_minutes: float

    @property
    def is_nothing(self) -> bool:
        """Whether nothing was used at all."""
        return not any(astuple(self))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: what it is about, how to narrow the page down to it, and what was used."""

    title: str
    key: str
    amounts: Amounts


def total_of(rows: MonthlyUseQuerySet) -> Amounts:
    """All of it together."""
    return _amounts(rows.aggregate(**rows.sums()))


def by_person(rows: MonthlyUseQuerySet) -> list[Line]:
    """Those who used the most, the most first."""
    columns = ("person__username", "person__display_name")
    lines = []
    for found in rows.summed_by(*columns)[:ROWS_SHOWN]:
        username = found["person__username"] or ""
        name = found["person__display_name"] or username or _("no longer here")
        lines.append(Line(name, username, _amounts(found)))
    return lines


def by_environment(rows: MonthlyUseQuerySet) -> list[Line]:
    """The repositories that were used the most, the most first; personal files are a line of their own."""
    return [
        Line(_environment(found["repository_url"]), found["repository_url"], _amounts(found))
        for found in rows.summed_by("repository_url")[:ROWS_SHOWN]
    ]


def by_group(rows: MonthlyUseQuerySet) -> list[Line]:
    """The classes and groups whose servers were used the most, by the last of their names; the rest is one line.

    Nothing where none was run for any.
    """
    found = list(rows.summed_by("group_key").annotate(name=Max("group_name"))[:ROWS_SHOWN])
    lines = [Line(row["name"] or _("Neither class nor group"), row["name"], _amounts(row)) for row in found]
    return lines if any(row["group_key"] for row in found) else []


def by_server(rows: MonthlyUseQuerySet) -> list[Line]:
    """The servers that were used the most, and what belongs to none."""
    columns = ("server_key", "server_name", "repository_url")
    return [
        Line(_server(found["server_name"], found["repository_url"]), found["server_key"], _amounts(found))
        for found in rows.summed_by(*columns)[:ROWS_SHOWN]
    ]


def by_month(rows: MonthlyUseQuerySet, *, until: date) -> dict[date, Amounts]:
    """The last twelve months, the oldest first, those of no use among them."""
    months = [months_before(until, count) for count in reversed(range(MONTHS_DRAWN))]
    found = {row["month"]: _amounts(row) for row in rows.filter(month__range=(months[0], until)).summed_by("month")}
    return {month: found.get(month, _amounts({})) for month in months}


def charts_of(months: Mapping[date, Amounts]) -> list[Bars]:
    """What was used, month by month."""
    labels = [date_format(month, "M Y") for month in months]
    series = (
        (_("Server hours"), "", [amounts.server_hours for amounts in months.values()]),
        (_("Processor hours"), "", [amounts.cpu_hours for amounts in months.values()]),
        (_("Memory"), _("GB × hours"), [amounts.memory_gib_hours for amounts in months.values()]),
        (_("Files"), _("GB × days"), [amounts.storage_gib_days for amounts in months.values()]),
    )
    return [bars_of(title, unit, labels, values) for title, unit, values in series]


def month_words(month: date) -> str:
    """A month as people write it."""
    return date_format(month, "YEAR_MONTH_FORMAT")


async def csv_lines(rows: MonthlyUseQuerySet) -> AsyncIterator[str]:
    """The rows as CSV, line by line, so that years of a large school need no more memory than a day of a small one.

    A spreadsheet takes a text that begins like a formula for one; such texts get an apostrophe in front.
    """
    writer = csv.writer(_Echo())
    yield writer.writerow(CSV_COLUMNS)
    async for row in rows.select_related("person").order_by("month", "pk").aiterator(chunk_size=_CHUNK):
        yield writer.writerow([*map(defused, _texts(row)), *(_number(getattr(row, name)) for name in AMOUNTS)])


def defused(text: str) -> str:
    """The text as no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


class _Echo:
    """What `csv` writes to: gives it back."""

    def write(self, line: str) -> str:
        return line


def _texts(row: MonthlyUse) -> Iterable[str]:
    yield f"{row.month:%Y-%m}"
    yield row.person.username if row.person else ""
    yield row.person.get_full_name() if row.person else ""
    yield unmarked(row.repository_url)
    yield row.server_name
    yield row.group_name


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.6f}".rstrip("0").rstrip(".")


def _amounts(found: Mapping[str, Any]) -> Amounts:
    sums = {name: found.get(name) or 0 for name in AMOUNTS}
    return Amounts(
        starts=sums["starts"],
        server_hours=sums["running_seconds"] / 3600,
        cpu_hours=sums["cpu_seconds"] / 3600,
        memory_gib_hours=sums["memory_gib_hours"],
        storage_gib_days=sums["storage_gib_days"],
        build_minutes=sums["build_seconds"] / 60,
    )


def _environment(repository_url: str) -> str:
    return unmarked(repository_url) if repository_url else _("Personal files")


def _server(name: str, repository_url: str) -> str:
    if name:
        return name
    if not repository_url:
        return _("Personal files")
    return _("Preparing %(repository)s") % {"repository": unmarked(repository_url).removeprefix("https://")}
