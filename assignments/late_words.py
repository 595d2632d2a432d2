"""What being late costs, in words for those whom it costs something. Pure."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from assignments.deadlines import LateRule

MINUTE, HOUR, DAY = 1, 60, 24 * 60


def words_of(rule: LateRule) -> list[str]:
    """The rule, a sentence for each part of it."""
    words = []
    if rule.grace_minutes:
        words.append(_("Up to {time} late still counts as in time.").format(time=duration(rule.grace_minutes)))
    if rule.percent_per_day:
        words.append(
            _("Each day late that has begun costs {percent}% of the points.").format(percent=rule.percent_per_day)
        )
        if rule.keeps_percent:
            words.append(_("At least {percent}% of them stay.").format(percent=rule.keeps_percent))
    for step in rule.steps:
        time, percent = duration(step.after_minutes), step.percent
        if not step.after_minutes:
            words.append(_("Late, {percent}% of the points stay.").format(percent=percent))
        else:
            words.append(_("More than {time} late, {percent}% of them stay.").format(time=time, percent=percent))
    if not rule.percent_per_day and not rule.steps:
        words.append(_("Being late costs no points."))
    return words


def duration(minutes: int) -> str:
    """So long, in the largest unit in which it is a whole number."""
    count, unit = in_units(minutes)
    if unit == DAY:
        return ngettext("{count} day", "{count} days", count).format(count=count)
    if unit == HOUR:
        return ngettext("{count} hour", "{count} hours", count).format(count=count)
    return ngettext("{count} minute", "{count} minutes", count).format(count=count)


def in_units(minutes: int) -> tuple[int, int]:
    """The same time as a whole number of the largest unit, and that unit in minutes."""
    unit = next((unit for unit in (DAY, HOUR) if minutes and minutes % unit == 0), MINUTE)
    return minutes // unit, unit
