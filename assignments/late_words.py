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
            _("Each day late that has begun costs {share} of the points.").format(share=share(rule.percent_per_day))
        )
        if rule.keeps_percent:
            words.append(_("At least {share} of them stay.").format(share=share(rule.keeps_percent)))
    for step in rule.steps:
        time, stays = duration(step.after_minutes), share(step.percent)
        if not step.after_minutes:
            words.append(_("Late, {share} of the points stay.").format(share=stays))
        else:
            words.append(_("More than {time} late, {share} of them stay.").format(time=time, share=stays))
    if not rule.percent_per_day and not rule.steps:
        words.append(_("Being late costs no points."))
    return words


def share(percent: int) -> str:
    """So many in a hundred, as it is written. Apart from its sentence, where gettext takes “% o” for a placeholder."""
    return _("{percent}%").format(percent=percent)


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
