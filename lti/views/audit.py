"""What was done about learning platforms, for whoever runs this Carrel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from environments.views.requests import PageRequest
from lti.audit import What, kind_of, sentence_of
from lti.models import AuditEntry, Platform
from lti.views.operators import for_operators

PAGE_SIZE = 50


class AuditFilter(forms.Form):
    """What to show. What makes no sense is passed over."""

    platform = forms.ChoiceField(label=_("Learning platform"), required=False)
    what = forms.ChoiceField(label=_("Kind"), required=False, choices=[("", _("All")), *What.choices])
    reference = forms.RegexField(
        label=_("Reference"),
        required=False,
        regex=r"[0-9a-f]{1,16}",
        error_messages={"invalid": _("A reference has digits and the letters a to f, and nothing else.")},
    )

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__(data)
        known = [(str(pk), name) for pk, name in Platform.objects.values_list("pk", "name")]
        self.fields["platform"].choices = [("", _("All")), *known]  # type: ignore[attr-defined]
        self.is_valid()

    @property
    def asked(self) -> dict[str, str]:
        """What to narrow by."""
        return {name: self.cleaned_data.get(name, "") for name in self.fields}


@for_operators
@require_safe
def audit(request: PageRequest) -> HttpResponse:
    """Page by page, the newest first."""
    form = AuditFilter(request.GET)
    entries = AuditEntry.objects.narrowed(**form.asked).select_related("actor")
    page = Paginator(entries, PAGE_SIZE).get_page(request.GET.get("page"))
    facts = {
        "form": form,
        "page": page,
        "rows": [(entry, kind_of(entry), sentence_of(entry)) for entry in page],
        "is_narrowed": any(form.asked.values()),
    }
    return render(request, "lti/audit.html", facts)
