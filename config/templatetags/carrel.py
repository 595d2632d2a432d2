"""Tags every template has without loading them: icons, form fields, times."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache

from django import template
from django.forms import BoundField, CheckboxInput, Select, Widget
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _

from config.env import BASE_DIR

register = template.Library()

A_MOMENT = timedelta(minutes=1)


@cache
def known_icons() -> frozenset[str]:
    """The names in the sprite that `make vendor` makes."""
    names = BASE_DIR / "static" / "icons" / "bootstrap-icons.txt"
    return frozenset(names.read_text().split())


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An icon of the sprite: silent beside words, with a `label` where it stands alone."""
    if name not in known_icons():
        raise template.TemplateSyntaxError(f"The sprite has no icon “{name}”; add it to bootstrap-icons.txt.")
    source = f"{static('vendor/bootstrap-icons/sprite.svg')}#{name}"
    if label:
        return format_html('<svg class="icon" role="img" aria-label="{}"><use href="{}"/></svg>', label, source)
    return format_html('<svg class="icon" aria-hidden="true" focusable="false"><use href="{}"/></svg>', source)


@register.inclusion_tag("components/_field.html")
def field(bound: BoundField, size: str = "") -> dict[str, object]:
    """One form field in the site's look; `size="lg"` makes it the one thing on the page to fill in."""
    widget = bound.field.widget
    describedby = " ".join(
        part
        for part, present in (
            (f"{bound.auto_id}_helptext", bound.help_text),
            (f"{bound.auto_id}_error", bound.errors),
        )
        if present
    )
    attributes: dict[str, str | bool] = {"class": _control_class(widget, size)}
    if describedby:
        attributes["aria-describedby"] = describedby
    if bound.errors:
        attributes["aria-invalid"] = "true"
    return {
        "field": bound,
        "control": "" if bound.use_fieldset else bound.as_widget(attrs=attributes),
        "is_checkbox": isinstance(widget, CheckboxInput),
        "describedby": describedby,
    }


def _control_class(widget: Widget, size: str) -> str:
    if isinstance(widget, CheckboxInput):
        return "form-check-input"
    if isinstance(widget, Select):
        return "form-select"
    return f"form-control form-control-{size}" if size else "form-control"


@register.simple_tag
def ago(moment: datetime | None) -> SafeString | str:
    """How long ago, or how soon, in words; the exact time in the reader's zone is its title."""
    if moment is None:
        return _("never")
    now = timezone.now()
    if abs(now - moment) < A_MOMENT:
        words = _("just now")
    elif moment < now:
        words = _("%(time)s ago") % {"time": timesince(moment, now, depth=1)}
    else:
        words = _("in %(time)s") % {"time": timeuntil(moment, now, depth=1)}
    local = timezone.localtime(moment)
    exact = f"{date_format(local, 'DATETIME_FORMAT')} {local.tzname()}"
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), exact, words)
