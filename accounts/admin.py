"""People and tokens in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.socialaccount import admin as _allauth_admin  # noqa: F401 - first, so that ours takes its place
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiToken, User

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

# Providers are the operator's settings, and no token of theirs is kept.
admin.site.unregister([SocialApp, SocialToken, SocialAccount])


@admin.register(User)
class PersonAdmin(UserAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Accounts. What somebody may do follows from the role; groups say only what they may have (quotas)."""

    list_display = ["username", "display_name", "email", "role", "is_active", "last_login"]
    list_filter = ["role", "is_active"]
    search_fields = ["username", "display_name", "email"]
    ordering = ["username"]
    filter_horizontal = ["groups"]
    readonly_fields = ["password_link", "last_login", "date_joined"]
    fieldsets = [
        (None, {"fields": ["username", "password_link", "display_name", "email"]}),
        (_("Rights"), {"fields": ["role", "is_active", "groups"]}),
        (_("Preferences"), {"fields": ["language", "time_zone"]}),
        (_("Dates"), {"fields": ["date_joined", "last_login"]}),
    ]
    add_fieldsets = [
        (
            None,
            {
                "classes": ["wide"],
                "fields": ["username", "display_name", "email", "role", "usable_password", "password1", "password2"],
            },
        ),
    ]

    @admin.display(description=_("password"))
    def password_link(self, person: User) -> SafeString:
        """Where it is changed; what is stored of it is nobody's business."""
        address = reverse("admin:auth_user_password_change", args=[person.pk])
        return format_html('<a href="{}">{}</a>', address, _("Set another password"))


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Tokens, to see and to revoke. People make their own."""

    list_display = ["name", "user", "scopes_in_words", "created", "expiry", "last_used_at"]
    list_select_related = ["user"]
    list_filter = ["expiry"]
    search_fields = ["name", "user__username", "user__display_name"]
    fields = ["name", "user", "scopes_in_words", "group", "created", "expiry", "last_used_at"]
    readonly_fields = ["scopes_in_words"]

    @admin.display(description=_("may"))
    def scopes_in_words(self, token: ApiToken) -> str:
        """What it may do."""
        return "; ".join(token.scopes_in_words)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody makes a token for somebody else here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A token is what it was made."""
        return False


@admin.register(SocialAccount)
class ConnectedAccountAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """What people have connected, to see and to take away; the key to an account is not given out by hand."""

    list_display = ["user", "provider", "uid", "last_login"]
    list_select_related = ["user"]
    list_filter = ["provider"]
    search_fields = ["uid", "user__username", "user__display_name"]
    fields = ["user", "provider", "uid", "extra_data", "date_joined", "last_login"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """People connect their own."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """It is what the provider said."""
        return False
