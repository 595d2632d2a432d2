"""Classes in the admin: a teacher sees and changes their own there, whoever runs this Carrel all of them.

What a change means beyond its row (groups that follow, an environment that is prepared) is the business of the verbs,
which are called here as anywhere else. Nobody is deleted here: the pages of a class do that, with a way back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from classes.courses import Plan, make_course
from classes.errors import CourseError
from classes.members import change_role
from classes.models import Announcement, Colour, Course, Lesson, Membership, Role, Section
from classes.policies import can_make_course, can_teach
from environments.errors import EnvironmentsError
from environments.git_credentials import resolve_for
from environments.references import parse
from environments.values import ResolvedRepository

if TYPE_CHECKING:
    from django.db.models import ForeignKey, QuerySet


class OfOwnClasses:
    """What a teacher may see and change: what belongs to the classes they teach."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether it is named on the admin's first page."""
        return can_teach(cast("User", request.user))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether this person may see it; without one, whether there is something they may see."""
        return self.has_change_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether this person may change it."""
        if obj is None:
            return can_teach(cast("User", request.user))
        course = obj if isinstance(obj, Course) else obj.course
        return _taught_by(request).filter(pk=course.pk).exists()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether this person may add one, to this class if there is one."""
        return self.has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes one here."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """What is theirs."""
        rows: QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]  # of the admin class beside it
        return rows.filter(course__in=_taught_by(request))


class Inline(OfOwnClasses, admin.TabularInline):  # type: ignore[type-arg]  # generic in the stubs only
    """Rows of a class, on the class's page."""

    extra = 0
    show_change_link = False


class LessonInline(Inline):
    """Its lessons, in their order."""

    model = Lesson
    fields = ["position", "title", "path", "starts_at", "ends_at", "published_at"]


class SectionInline(Inline):
    """Its sections."""

    model = Section
    fields = ["name"]


class AnnouncementInline(Inline):
    """What was announced."""

    model = Announcement
    fields = ["title", "text", "published_at"]


class NewCourseForm(forms.ModelForm[Course]):
    """A class that is yet to be made: the repository is asked for what it means before anything is stored."""

    repository = forms.CharField(
        label=_("Address of the repository"), help_text=_("As your browser shows it."), max_length=1000
    )
    ref = forms.CharField(
        label=_("Version"),
        help_text=_("A branch or tag. Leave it empty for the newest."),
        max_length=250,
        required=False,
    )

    teacher: User
    resolved: ResolvedRepository

    class Meta:
        model = Course
        fields = ("title", "code", "term", "colour", "starts_on", "ends_on")

    def clean(self) -> dict[str, Any] | None:
        """Find the repository. What is wrong with it is said at its field."""
        data = super().clean()
        if not self.errors:
            try:
                self.reference = parse(self.cleaned_data["repository"], ref=self.cleaned_data["ref"])
                self.resolved = resolve_for(self.teacher, self.reference, now=timezone.now())
            except EnvironmentsError as error:
                self.add_error("repository", error.explain().lines)
        return data

    @property
    def plan(self) -> Plan:
        """The class as it was described."""
        data = self.cleaned_data
        return Plan(
            title=data["title"],
            reference=self.reference,
            code=data["code"],
            term=data["term"],
            starts_on=data["starts_on"],
            ends_on=data["ends_on"],
            colour=Colour(data["colour"]),
        )


@admin.register(Course)
class CourseAdmin(OfOwnClasses, admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Classes. A new one is made as on its own page: with its environment prepared at once."""

    list_display = ["title", "code", "term", "owner", "archived_at"]
    list_filter = ["term", "archived_at"]
    list_select_related = ["owner"]
    search_fields = ["title", "code", "term", "slug"]
    fieldsets = [
        (None, {"fields": ["title", "code", "term", "description", "colour", "starts_on", "ends_on"]}),
        (_("Servers of the class"), {"fields": ["memory_mb", "cpus", "idle_minutes", "running_servers"]}),
        (_("Made"), {"fields": ["slug", "owner", "created_at", "archived_at"]}),
    ]
    add_fieldsets = [
        (None, {"fields": ["title", "repository", "ref", "code", "term", "colour", "starts_on", "ends_on"]}),
    ]
    readonly_fields = ["slug", "owner", "created_at", "archived_at"]
    inlines = [LessonInline, SectionInline, AnnouncementInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Course]:
        """Those they teach."""
        return _taught_by(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether this person may make classes."""
        return can_make_course(cast("User", request.user))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form of a new class knows who makes it, whose credentials may find the repository."""
        if obj is not None:
            return super().get_form(request, obj, change, **kwargs)
        teacher = cast("User", request.user)
        return type("NewCourseFormOf", (NewCourseForm,), {"teacher": teacher})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new class is described by less."""
        return super().get_fieldsets(request, obj) if obj is not None else self.add_fieldsets

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """There is nothing in a class that is yet to be made."""
        return self.inlines if obj is not None else []

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        """A new class is made by the verb, and what the admin goes on with is what came of it."""
        if change:
            return super().save_form(request, form, change)
        teacher = cast("User", request.user)
        form.save_m2m = lambda: None
        return make_course(teacher, form.plan, resolved=form.resolved, now=timezone.now())

    def save_model(self, request: HttpRequest, obj: Course, form: Any, change: bool) -> None:
        """Only what was there before is saved here."""
        if change:
            super().save_model(request, obj, form, change)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Whoever writes an announcement here is its author."""
        for announcement in formset.save(commit=False):
            if isinstance(announcement, Announcement) and announcement.author is None:
                announcement.author = cast("User", request.user)
            announcement.save()
        formset.save_m2m()


@admin.register(Membership)
class MembershipAdmin(OfOwnClasses, admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Members of classes. They come, and are removed, on the pages of the class; here they get a role and a section."""

    list_display = ["person", "course", "role", "section", "joined_at", "left_at"]
    list_filter = [("course", admin.RelatedOnlyFieldListFilter), "role", "left_at"]
    list_select_related = ["person", "course", "section"]
    search_fields = ["person__username", "person__display_name", "person__email"]
    fields = ["person", "course", "role", "section", "joined_by", "joined_at", "left_at"]
    readonly_fields = ["person", "course", "joined_by", "joined_at", "left_at"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody is added here."""
        return False

    def formfield_for_foreignkey(self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        """Only sections of their own class are offered."""
        if db_field.name == "section" and request.resolver_match is not None:
            membership = request.resolver_match.kwargs.get("object_id")
            kwargs["queryset"] = Section.objects.filter(course__memberships=membership)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        """A role is changed by the verb, which has the groups of the class follow."""
        role, obj.role = Role(obj.role), form.initial["role"]
        obj.save(update_fields=["section"])
        try:
            change_role(obj, role, now=timezone.now())
        except CourseError as error:
            self.message_user(request, " ".join(error.explain().lines), messages.ERROR)


def _taught_by(request: HttpRequest) -> QuerySet[Course]:
    return Course.objects.taught_by(cast("User", request.user))
