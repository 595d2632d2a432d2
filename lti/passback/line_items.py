"""The columns of grades: found or made once for each assignment in each course, and kept in step with it.

A platform makes as many columns as it is asked for, and says nothing of it. So one worker at a time asks, and each
looks first whether there is one: an answer that was lost has made it all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Max, Q, QuerySet

from assignments.models import Assignment
from environments.references.http import Answer
from lti.errors import LtiError, LtiFailure
from lti.models import Context, LineItem, ResourceLink, Score
from lti.models.platform import MAX_ADDRESS
from lti.paging import is_of_same_origin
from lti.passback.service import (
    LINE_ITEM_TYPE,
    LINE_ITEMS_TYPE,
    Unlisted,
    entries,
    narrowed,
)
from lti.services import LINE_ITEM, LINE_ITEM_READ, ask, document_of

logger = logging.getLogger(__name__)

State = LineItem.State
CLAIM = timedelta(minutes=3)
"""Longer than looking and making can take."""
MAX_LABEL = 200


def take_part(contexts: Iterable[Context], assignments: Iterable[Assignment]) -> dict[tuple[UUID, UUID], LineItem]:
    """The columns of these assignments in these courses of their classes, by both; those not known yet by name only.

    A course that has said of no place for grades has none. Three questions, however many there are.
    """
    courses, wanted = list(contexts), list(assignments)
    links = ResourceLink.objects.filter(context__in=courses, assignment__in=wanted).exclude(line_item_url="")
    linked = {(link.context_id, link.assignment_id) for link in links}
    LineItem.objects.bulk_create(
        [
            LineItem(context=context, assignment=assignment)
            for context in courses
            for assignment in wanted
            if assignment.course_id == context.course_id
            and (context.line_items_url or (context.pk, assignment.pk) in linked)
        ],
        ignore_conflicts=True,
    )
    known = LineItem.objects.filter(context__in=courses, assignment__in=wanted)
    return {(one.context_id, one.assignment_id): one for one in known}


def note_link(link: ResourceLink) -> bool:
    """A launch has said where the platform keeps the grades of a link to an assignment: whether they go there anew.

    One that we made before is left behind; of two links to one assignment, the first keeps its grades. Another
    assignment that filled the column, because the link led to it before, fills it no more.
    """
    if link.assignment_id is None or not link.line_item_url:
        return False
    let_go(link)
    of_it = LineItem.objects.filter(context=link.context_id, assignment=link.assignment_id)
    one = of_it.exclude(url=link.line_item_url).first()
    if one is None or one.is_of_a_link:
        return False
    has_left = one.has_left_one or one.is_made_by_us
    _begin_anew(one, url=link.line_item_url, is_platforms=True, has_left_one=has_left)
    return True


def let_go(link: ResourceLink) -> None:
    """Have the column of a link be that of what the link leads to: other assignments forget that it was theirs.

    What they were given stands in it until something takes its place. In the caller's transaction.
    """
    if link.line_item_url:
        # Columns before their grades, as whoever publishes locks them.
        others = others_of(link, leads_to=link.assignment_id).select_for_update().values_list("pk", flat=True)
        LineItem.objects.filter(pk__in=list(others)).delete()


def others_of(link: ResourceLink, *, leads_to: UUID | None) -> QuerySet[LineItem]:
    """Who fills the column of a link that leads there, and should not: no other link with this column leads to them."""
    of_column = {"context": link.context_id, "line_item_url": link.line_item_url}
    siblings = ResourceLink.objects.filter(**of_column, assignment__isnull=False).exclude(pk=link.pk)
    filling = LineItem.objects.filter(context=link.context_id, url=link.line_item_url)
    return filling.exclude(assignment__in=siblings.values("assignment")).exclude(assignment=leads_to)


def ready(line_item: LineItem, *, now: datetime) -> bool:
    """Have the column be there, as its assignment is called and worth now. False if another worker is about it.

    Raises LtiError `column_refused` and `column_unoffered`, LtiFailure, and what `ask` raises.
    """
    if line_item.url:
        _follow(line_item, now=now)
        return True
    free, claim = Q(claimed_until=None) | Q(claimed_until__lt=now), now + CLAIM
    if not LineItem.objects.filter(free, pk=line_item.pk, url="").update(claimed_until=claim):
        return False
    try:
        facts = _of_link(line_item) or _found(line_item, now=now) or _made(line_item, now=now)
        LineItem.objects.filter(pk=line_item.pk).update(**facts)
        for name, value in facts.items():
            setattr(line_item, name, value)
    finally:
        LineItem.objects.filter(pk=line_item.pk, claimed_until=claim).update(claimed_until=None)
    return True


def make_anew(line_item: LineItem) -> None:
    """Forget the column that is gone, and have another take its place with all grades."""
    ResourceLink.objects.filter(context=line_item.context_id, line_item_url=line_item.url).update(line_item_url="")
    _begin_anew(line_item, url="", is_platforms=False)


def reopen(line_item: LineItem) -> None:
    """Try again what was given up, without waiting."""
    anew = {"state": State.OPEN, "failures": 0, "failure_code": "", "next_try_at": None}
    LineItem.objects.filter(pk=line_item.pk).exclude(state=State.GONE).update(**anew)


# --- Steps -------------------------------------------------------------------------------------------------


@transaction.atomic
def _begin_anew(line_item: LineItem, **facts: Any) -> None:
    """Another column takes its place: nothing that was sent is in it."""
    anew = {"label": "", "maximum": None, "state": State.OPEN, "failures": 0, "failure_code": "", "next_try_at": None}
    LineItem.objects.filter(pk=line_item.pk).update(**anew | facts)
    line_item.scores.update(
        state=Score.State.WAITING,
        version=F("version") + 1,
        worker=None,
        attempts=0,
        next_try_at=None,
        failure_code="",
        sent_at=None,
        sent_points=None,
        sent_maximum=None,
    )


def _of_link(line_item: LineItem) -> dict[str, Any] | None:
    """The one that the platform keeps for the link to the assignment."""
    links = ResourceLink.objects.filter(context=line_item.context_id, assignment=line_item.assignment_id)
    link = links.exclude(line_item_url="").order_by("-last_launched_at").first()
    return {"url": link.line_item_url, "is_platforms": True} if link is not None else None


def _found(line_item: LineItem, *, now: datetime) -> dict[str, Any] | None:
    """The one that was made before, for this assignment."""
    context, resource = line_item.context, str(line_item.assignment_id)
    if not context.line_items_url:
        raise LtiError("column_unoffered", platform=line_item.platform.name)
    scopes = [LINE_ITEM if LINE_ITEM in context.scopes or LINE_ITEM_READ not in context.scopes else LINE_ITEM_READ]
    url = narrowed(context.line_items_url, resource_id=resource)
    try:
        for one in entries(line_item.platform, url, accept=LINE_ITEMS_TYPE, scopes=scopes, now=now):
            if one.get("resourceId") == resource and _is_usable(one.get("id"), context):
                if _leads_elsewhere(line_item, one["id"]):
                    continue
                is_linked = bool(one.get("resourceLinkId"))
                return {"url": one["id"], "is_platforms": is_linked, **({} if is_linked else _as_told(one))}
    except Unlisted as refusal:
        raise LtiError("column_refused", platform=line_item.platform.name, detail=str(refusal)) from None
    return None


def _leads_elsewhere(line_item: LineItem, url: str) -> bool:
    """Whether the column is of a link that leads to something else by now, whatever assignment it was made for."""
    links = ResourceLink.objects.filter(context=line_item.context_id, line_item_url=url)
    return links.exclude(assignment=line_item.assignment_id).exists()


def _made(line_item: LineItem, *, now: datetime) -> dict[str, Any]:
    label, maximum = _wanted(line_item)
    said = {"label": label, "scoreMaximum": float(maximum), "resourceId": str(line_item.assignment_id)}
    answer = _send(line_item, "POST", line_item.context.line_items_url, said, now=now)
    made = document_of(answer)
    if answer.status not in (200, 201):
        raise LtiError("column_refused", platform=line_item.platform.name, detail=f"HTTP status {answer.status}")
    if not isinstance(made, dict) or not _is_usable(made.get("id"), line_item.context):
        # It may have been made: looked for the next time, before another is.
        raise LtiFailure("platform_unreachable", detail="line item: no address in the answer")
    return {"url": made["id"], "is_platforms": False, "label": label, "maximum": maximum}


def _follow(line_item: LineItem, *, now: datetime) -> None:
    """Tell the platform of another name or other points; where it does not take them, leave its column as it is."""
    label, maximum = _wanted(line_item)
    if line_item.is_platforms or (line_item.label, line_item.maximum) == (label, maximum):
        return
    answer = ask(line_item.platform, "GET", line_item.url, scopes=[LINE_ITEM], accept=LINE_ITEM_TYPE, now=now)
    kept = document_of(answer)
    if answer.status == 200 and isinstance(kept, dict):
        answer = _send(
            line_item, "PUT", line_item.url, kept | {"label": label, "scoreMaximum": float(maximum)}, now=now
        )
    if answer.status in (404, 410):
        return  # Said of the grades, too.
    if answer.status >= 500 or answer.has_had_enough:
        logger.warning("line item %s was not changed: HTTP status %s", line_item.pk, answer.status)
        return
    is_rescaled = line_item.maximum is not None and line_item.maximum != maximum
    line_item.label, line_item.maximum = label, maximum
    LineItem.objects.filter(pk=line_item.pk).update(label=label, maximum=maximum)
    if is_rescaled and answer.status < 300:
        # What stands in the column is now worth another share of it.
        Score.objects.filter(line_item=line_item, state=Score.State.SENT).update(
            state=Score.State.WAITING, version=F("version") + 1, attempts=0
        )


def _send(line_item: LineItem, method: str, url: str, said: Mapping[str, Any], *, now: datetime) -> Answer:
    answer = ask(
        line_item.platform,
        method,
        url,
        scopes=[LINE_ITEM],
        accept=LINE_ITEM_TYPE,
        said=dict(said),
        media_type=LINE_ITEM_TYPE,
        now=now,
    )
    if method == "POST" and (answer.status >= 500 or answer.has_had_enough):
        raise LtiFailure("platform_unreachable", detail=f"line item: HTTP status {answer.status}")
    return answer


def _wanted(line_item: LineItem) -> tuple[str, Decimal]:
    """What the column is called, and what most can be had: the most that anybody's grade is out of."""
    most = line_item.scores.aggregate(most=Max("maximum"))["most"]
    return line_item.assignment.title[:MAX_LABEL], most or Decimal(100)


def _as_told(one: Mapping[str, Any]) -> dict[str, Any]:
    maximum = one.get("scoreMaximum")
    is_number = isinstance(maximum, int | float) and not isinstance(maximum, bool) and 0 < maximum < 10**6
    label = one.get("label")
    return {
        "label": label[:MAX_LABEL] if isinstance(label, str) else "",
        "maximum": Decimal(str(maximum)) if is_number else None,
    }


def _is_usable(url: object, context: Context) -> bool:
    return isinstance(url, str) and len(url) <= MAX_ADDRESS and is_of_same_origin(url, other=context.line_items_url)
