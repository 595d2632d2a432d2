"""What a teacher has a link lead to in place of what its platform says, and what becomes of its column of grades.

A platform keeps a column for a link, not for what it leads to. So with another target, it gets the grades of another
assignment over those of the former. What that does is worked out and told first, and done only if it is still so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q

from accounts.models import User
from classes.models import Course
from lti import audit
from lti.audit import What
from lti.errors import LtiError
from lti.linking.offers import Offer
from lti.models import Context, LineItem, ResourceLink
from lti.passback import line_items, outbox
from lti.targets import Kind, Target


@dataclass(frozen=True, slots=True)
class Former:
    """An assignment whose grades fill the column of a link now, and will not any more."""

    assignment_id: UUID
    title: str
    sent: int
    """How many of its grades stand there."""
    has_another: bool
    """Whether its grades go into a column of its own from then on."""


@dataclass(frozen=True, slots=True)
class Effects:
    """What having a link lead somewhere does to grades over there."""

    column: str
    """The address of the link's own; empty where the platform keeps none for it."""
    is_filled: bool = False
    """Whether the grades of what it will lead to go into that."""
    is_linked_already: bool = False
    """Whether they do not, because they fill the column of another link, and go on doing so."""
    has_left_one: bool = False
    """Whether they leave a column for it that we made."""
    formers: Sequence[Former] = ()

    @property
    def fingerprint(self) -> str:
        """What tells them from other effects. Grades that arrive meanwhile make no difference."""
        formers = sorted((str(one.assignment_id), one.has_another) for one in self.formers)
        said = (self.column, self.is_filled, self.is_linked_already, self.has_left_one, formers)
        return sha256(repr(said).encode()).hexdigest()


def effects_of(link: ResourceLink, offer: Offer) -> Effects:
    """What it would do to have the link lead there. Its context has to be at hand. At most two questions."""
    assignment_id = _assignment_id(offer)
    if not link.line_item_url:
        return Effects("")
    formers = _formers(link, leads_to=assignment_id)
    if assignment_id is None:
        return Effects(link.line_item_url, formers=formers)
    its = LineItem.objects.filter(context=link.context_id, assignment=assignment_id)
    own = its.exclude(url=link.line_item_url).first()
    if own is not None and own.is_of_a_link:
        return Effects(link.line_item_url, is_linked_already=True, formers=formers)
    has_left_one = own is not None and own.is_made_by_us
    return Effects(link.line_item_url, is_filled=True, has_left_one=has_left_one, formers=formers)


@transaction.atomic
def lead(link: ResourceLink, offer: Offer, *, course: Course, seen: str, by: User, now: datetime) -> None:
    """Have the link lead there from now on, for everybody who comes by it; `seen` are the effects that were told.

    Its grades follow. Raises LtiError `link_moved` where it would do something else by now; then nothing has changed.
    """
    context = Context.objects.select_for_update().filter(pk=link.context_id, course=course).first()
    row = ResourceLink.objects.select_for_update().get(pk=link.pk)
    if context is None or effects_of(row, offer).fingerprint != seen:
        raise LtiError("link_moved")
    row.context = context
    said = Target.read(row.target)
    row.chosen = {} if said is not None and said.key == offer.key else offer.target.custom
    row.assignment_id = _assignment_id(offer)
    row.save(update_fields=["chosen", "assignment"])
    outbox.follow(row)
    facts = {"link": str(row), "context": str(context), "target": offer.title}
    audit.note(What.LINK_LED, platform=context.deployment.platform, actor=by, now=now, **facts)


def _assignment_id(offer: Offer) -> UUID | None:
    return offer.target.id if offer.target.kind == Kind.ASSIGNMENT else None


def _formers(link: ResourceLink, *, leads_to: UUID | None) -> list[Former]:
    rows = line_items.others_of(link, leads_to=leads_to).select_related("assignment")
    counted = rows.annotate(sent=Count("scores", filter=Q(scores__sent_at__isnull=False)))
    context = link.context
    return [
        Former(
            one.assignment_id,
            one.assignment.title,
            one.sent,
            has_another=bool(context.line_items_url)
            and one.assignment.deleted_at is None
            and one.assignment.course_id == context.course_id,
        )
        for one in counted
    ]
