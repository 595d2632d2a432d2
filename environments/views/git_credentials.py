"""Private repositories: the git hosts a person gave us a token for, adding one, removing one."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from environments.errors import UserError
from environments.forms import GitCredentialForm
from environments.git_credentials import keep_credential, remove_credential
from environments.models import GitCredential
from environments.views.requests import PageRequest

UNPROCESSABLE = 422


@login_required
@require_safe
def git_credential_list(request: HttpRequest) -> HttpResponse:
    """The hosts this person gave us a token for; never the tokens."""
    kept = GitCredential.objects.filter(owner=cast("PageRequest", request).user)
    return render(request, "environments/git_credential_list.html", {"credentials": kept})


@login_required
@never_cache
@sensitive_post_parameters("token")
@require_http_methods(["GET", "HEAD", "POST"])
def git_credential_add(request: HttpRequest) -> HttpResponse:
    """Take a token, in place of an earlier one for the same host. A form with errors comes back without it."""
    if request.method != "POST":
        form = GitCredentialForm(initial={"address": request.GET.get("address", "")})
        return render(request, "environments/git_credential_add.html", {"form": form})
    form = GitCredentialForm(request.POST)
    if form.is_valid():
        try:
            kept = _keep(cast("PageRequest", request), form)
        except UserError as error:
            form.add_address_error(error)
        else:
            messages.success(request, _("Your token for %(host)s is kept.") % {"host": kept.host})
            return redirect("environments:git-credential-list")
    return render(request, "environments/git_credential_add.html", {"form": form}, status=UNPROCESSABLE)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def git_credential_remove(request: HttpRequest, credential_id: UUID) -> HttpResponse:
    """Ask, and on the second word forget it."""
    own = GitCredential.objects.filter(owner=cast("PageRequest", request).user)
    kept = get_object_or_404(own, pk=credential_id)
    if request.method == "POST":
        remove_credential(kept)
        messages.success(request, _("Your token for %(host)s is forgotten here.") % {"host": kept.host})
        return redirect("environments:git-credential-list")
    return render(request, "environments/git_credential_remove.html", {"credential": kept})


def _keep(request: PageRequest, form: GitCredentialForm) -> GitCredential:
    return keep_credential(
        request.user,
        address=form.cleaned_data["address"],
        username=form.cleaned_data["username"],
        password=form.cleaned_data["token"],
        now=timezone.now(),
    )
