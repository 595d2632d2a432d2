"""What people used: everybody's own accounts for themselves, and the whole site's for its administrators."""

from __future__ import annotations

from datetime import date
from typing import Any, cast

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from accounts.models import Role
from environments.ledger import month_of
from environments.models import MonthlyUse
from environments.querysets import MonthlyUseQuerySet
from environments.usage_tables import (
    ROWS_SHOWN,
    by_environment,
    by_group,
    by_month,
    by_person,
    by_server,
    charts_of,
    csv_lines,
    month_words,
    total_of,
)
from environments.views.requests import PageRequest

ALL_MONTHS = "all"


class UsageFilter(forms.Form):
    """Which accounts to show: of one month or all, and of some people, groups and environments."""

    month = forms.ChoiceField(label=_("Month"))
    person = forms.CharField(label=_("Person"), max_length=150, required=False)
    group = forms.CharField(label=_("Class or group"), max_length=150, required=False)
    repository = forms.CharField(label=_("Environment"), max_length=1000, required=False)

    def __init__(self, data: Any, *, now: date) -> None:
        given = {name: data.get(name, "") for name in ("month", "person", "group", "repository")}
        super().__init__(given | {"month": given["month"] or f"{now:%Y-%m}"})
        months = sorted({now, *MonthlyUse.objects.order_by().values_list("month", flat=True).distinct()}, reverse=True)
        choices = [(f"{month:%Y-%m}", month_words(month)) for month in months]
        self.fields["month"].choices = [*choices, (ALL_MONTHS, _("All months"))]  # type: ignore[attr-defined]

    @property
    def chosen_month(self) -> date | None:
        """The first day of the month; None for all."""
        chosen: str = self.cleaned_data["month"]
        return None if chosen == ALL_MONTHS else date.fromisoformat(f"{chosen}-01")

    def narrow(self, rows: MonthlyUseQuerySet) -> MonthlyUseQuerySet:
        """Those of these people, groups and environments, of whatever month."""
        return rows.narrowed(**{name: self.cleaned_data[name] for name in ("person", "group", "repository")})


@login_required
@require_safe
def usage(request: HttpRequest) -> HttpResponse:
    """One's own accounts."""
    person = cast("PageRequest", request).user
    form = _filter(request)
    rows, month = MonthlyUse.objects.filter(person=person), form.chosen_month
    chosen = rows.narrowed(month=month)
    months = by_month(rows, until=month_of(timezone.now()))
    context = {
        "form": form,
        "month_words": month_words(month) if month else _("All months"),
        "total": total_of(chosen),
        "lines": by_server(chosen),
        "months": [(f"{first:%Y-%m}", month_words(first), amounts) for first, amounts in reversed(months.items())],
        "charts": charts_of(months),
    }
    return render(request, "environments/usage.html", context)


@login_required
@require_safe
def usage_csv(request: HttpRequest) -> StreamingHttpResponse:
    """All of one's own accounts as a file."""
    return _file(MonthlyUse.objects.filter(person=cast("PageRequest", request).user), "use.csv")


@login_required
@require_safe
def site_usage(request: HttpRequest) -> HttpResponse:
    """Everybody's accounts. Administrators only."""
    _check_administrator(request)
    form = _filter(request)
    everything = form.narrow(MonthlyUse.objects.all())
    chosen = everything.narrowed(month=form.chosen_month)
    context = {
        "form": form,
        "total": total_of(chosen),
        "people": by_person(chosen),
        "groups": by_group(chosen),
        "environments": by_environment(chosen),
        "rows_shown": ROWS_SHOWN,
        "charts": charts_of(by_month(everything, until=month_of(timezone.now()))),
    }
    return render(request, "environments/site_usage.html", context)


@login_required
@require_safe
def site_usage_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The same accounts as a file, row by row. Administrators only."""
    _check_administrator(request)
    form = _filter(request)
    return _file(form.narrow(MonthlyUse.objects.narrowed(month=form.chosen_month)), "site-use.csv")


def _check_administrator(request: HttpRequest) -> None:
    if cast("PageRequest", request).user.role != Role.ADMINISTRATOR:
        raise PermissionDenied


def _filter(request: HttpRequest) -> UsageFilter:
    form = UsageFilter(request.GET, now=month_of(timezone.now()))
    if not form.is_valid():
        raise BadRequest
    return form


def _file(rows: MonthlyUseQuerySet, name: str) -> StreamingHttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(csv_lines(rows), content_type="text/csv; charset=utf-8", headers=headers)
