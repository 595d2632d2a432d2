"""Shared files: those a person has and may use, making some, sharing them, leaving, deleting, bringing back."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from environments.errors import UserError
from environments.links import SHARED_FOLDER
from environments.models import ServerMount, SharedVolume, VolumeMember
from environments.mounts import usable_volumes
from environments.policies import can_manage_volume
from environments.quotas import disk_use_of
from environments.shared_volumes import (
    change_access,
    delete_shared_volume,
    groups_giving,
    invite_group,
    invite_person,
    leave_shared_volume,
    make_shared_volume,
    remove_member,
    rename_shared_volume,
    undelete_shared_volume,
)
from environments.views.requests import PageRequest
from environments.volume_forms import AccessForm, InviteForm, VolumeForm, VolumeTitleForm

UNPROCESSABLE = 422


@login_required
@require_safe
def volume_list(request: HttpRequest) -> HttpResponse:
    """What this person has, what is shared with them, and what they deleted lately."""
    person = cast("PageRequest", request).user
    usable = list(usable_volumes(person).annotate(member_count=Count("members", distinct=True)))
    context = {
        "own": [shared for shared in usable if shared.owner_id == person.pk],
        "others": [shared for shared in usable if shared.owner_id != person.pk],
        "deleted": SharedVolume.objects.deleted_by(person).order_by("-deleted_at"),
        "disk": disk_use_of(person),
    }
    return render(request, "environments/volume_list.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def volume_create(request: HttpRequest) -> HttpResponse:
    """Make some."""
    if request.method != "POST":
        return render(request, "environments/volume_create.html", {"form": VolumeForm()})
    form = VolumeForm(request.POST)
    if form.is_valid():
        try:
            shared = make_shared_volume(
                cast("PageRequest", request).user,
                name=form.cleaned_data["name"],
                title=form.cleaned_data["title"],
                now=timezone.now(),
            )
        except UserError as error:
            form.add_refusal(error)
        else:
            return redirect("environments:volume-detail", shared.pk)
    return render(request, "environments/volume_create.html", {"form": form}, status=UNPROCESSABLE)


@login_required
@require_safe
def volume_detail(request: HttpRequest, volume_id: UUID) -> HttpResponse:
    """What they are, how to use them, and for their owner whom they are shared with."""
    person = cast("PageRequest", request)
    return _page(person, _usable_or_404(person, volume_id))


@login_required
@require_POST
def volume_rename(request: HttpRequest, volume_id: UUID) -> HttpResponse:
    """Give them another title."""
    person = cast("PageRequest", request)
    shared, form = _own(person, volume_id), VolumeTitleForm(request.POST)
    if not form.is_valid():
        return _page(person, shared, title_form=form)
    rename_shared_volume(shared, title=form.cleaned_data["title"])
    return redirect("environments:volume-detail", shared.pk)


@login_required
@require_POST
def volume_invite(request: HttpRequest, volume_id: UUID) -> HttpResponse:
    """Share them with one more person or group."""
    person = cast("PageRequest", request)
    shared, form = _own(person, volume_id), InviteForm(request.POST, owner=person.user)
    if not form.is_valid():
        return _page(person, shared, invite_form=form)
    try:
        member = _invite(shared, form)
    except UserError as error:
        form.add_refusal(error)
        return _page(person, shared, invite_form=form)
    messages.success(request, _("%(who)s can use these files now.") % {"who": member.who})
    return redirect("environments:volume-detail", shared.pk)


@login_required
@require_POST
def volume_member_change(request: HttpRequest, volume_id: UUID, member_id: UUID) -> HttpResponse:
    """Let a member do more, or less."""
    member, form = _member(cast("PageRequest", request), volume_id, member_id), AccessForm(request.POST)
    if not form.is_valid():
        raise BadRequest
    change_access(member, access=form.cleaned_data["access"])
    if member.can_write:
        messages.success(request, _("%(who)s may change these files now.") % {"who": member.who})
    else:
        messages.success(request, _("%(who)s may only read these files now.") % {"who": member.who})
    return redirect("environments:volume-detail", volume_id)


@login_required
@require_POST
def volume_member_remove(request: HttpRequest, volume_id: UUID, member_id: UUID) -> HttpResponse:
    """Share them with a member no more."""
    member = _member(cast("PageRequest", request), volume_id, member_id)
    remove_member(member)
    messages.success(request, _("These files are no longer shared with %(who)s.") % {"who": member.who})
    return redirect("environments:volume-detail", volume_id)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def volume_leave(request: HttpRequest, volume_id: UUID) -> HttpResponse:
    """Ask first, since only the owner can undo it; POST leaves."""
    person = cast("PageRequest", request)
    shared = _usable_or_404(person, volume_id)
    if can_manage_volume(person.user, shared):
        raise PermissionDenied
    if request.method != "POST":
        return render(request, "environments/volume_leave.html", {"shared": shared})
    try:
        leave_shared_volume(shared, person=person.user)
    except UserError as error:
        words = error.explain()
        messages.error(request, f"{words.sentence} {words.next_step}")
        return redirect("environments:volume-detail", shared.pk)
    messages.success(request, _("“%(title)s” is no longer shared with you by name.") % {"title": shared.title})
    return redirect("environments:volume-list")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def volume_delete(request: HttpRequest, volume_id: UUID) -> HttpResponse:
    """Ask first, saying what happens to whom; POST deletes."""
    shared = _own(cast("PageRequest", request), volume_id)
    if request.method != "POST":
        context = {
            "shared": shared,
            "days": settings.DELETED_FILES_DAYS,
            "in_use": ServerMount.objects.in_use().filter(volume=shared).count(),
        }
        return render(request, "environments/volume_delete.html", context)
    delete_shared_volume(shared, now=timezone.now())
    messages.success(request, _("“%(title)s” is deleted.") % {"title": shared.title})
    return redirect("environments:volume-list")


@login_required
@require_POST
def volume_undelete(request: HttpRequest, volume_id: UUID) -> HttpResponse:
    """Bring deleted ones back."""
    deleted = SharedVolume.objects.deleted_by(cast("PageRequest", request).user)
    shared = get_object_or_404(deleted, pk=volume_id)
    undelete_shared_volume(shared)
    messages.success(request, _("“%(title)s” is back, with its files.") % {"title": shared.title})
    return redirect("environments:volume-list")


def _usable_or_404(request: PageRequest, volume_id: UUID) -> SharedVolume:
    return get_object_or_404(usable_volumes(request.user), pk=volume_id)


def _own(request: PageRequest, volume_id: UUID) -> SharedVolume:
    """The shared files, if this person may say who uses them."""
    shared = _usable_or_404(request, volume_id)
    if not can_manage_volume(request.user, shared):
        raise PermissionDenied
    return shared


def _member(request: PageRequest, volume_id: UUID, member_id: UUID) -> VolumeMember:
    members = _own(request, volume_id).members.select_related("person", "group")
    return get_object_or_404(members, pk=member_id)


def _invite(shared: SharedVolume, form: InviteForm) -> VolumeMember:
    group, access, now = form.cleaned_data.get("group"), form.cleaned_data["access"], timezone.now()
    if group:
        return invite_group(shared, who=group, access=access, now=now)
    return invite_person(shared, who=form.cleaned_data["who"], access=access, now=now)


def _page(
    request: PageRequest,
    shared: SharedVolume,
    *,
    invite_form: InviteForm | None = None,
    title_form: VolumeTitleForm | None = None,
) -> HttpResponse:
    """The page of shared files, with what is wrong in one of its forms."""
    is_owner = can_manage_volume(request.user, shared)
    context: dict[str, Any] = {
        "shared": shared,
        "is_owner": is_owner,
        "folder": f"{SHARED_FOLDER}/{shared.name}",
        "groups": [] if is_owner else groups_giving(shared, request.user),
        "is_member": not is_owner and shared.members.filter(person=request.user).exists(),
    }
    if is_owner:
        context |= {
            "members": shared.members.select_related("person", "group"),
            "invite_form": invite_form or InviteForm(owner=request.user),
            "title_form": title_form or VolumeTitleForm(initial={"title": shared.title}),
        }
    is_refused = invite_form is not None or title_form is not None
    return render(request, "environments/volume_detail.html", context, status=UNPROCESSABLE if is_refused else 200)
