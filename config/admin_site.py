"""The admin: whoever runs this Carrel is admitted, and so are teachers, to whom it shows their own classes only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.utils.decorators import method_decorator

from classes.policies import can_teach

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class CarrelAdminSite(AdminSite):
    """Django's own, with our rule for who may come in. What they find there is said by each model's permissions."""

    site_header = site_title = "Carrel"

    @method_decorator(secure_admin_login)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """One way in: the admin's own form would know neither our rate limits nor single sign-on."""
        return super().login(request, extra_context)

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether this person may see the admin's first page."""
        user = request.user
        return user.is_active and user.is_authenticated and (user.is_staff or can_teach(user))
