"""The classes app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ClassesConfig(AppConfig):
    """Classes, their members and lessons."""

    name = "classes"
    verbose_name = _("Classes")
    default_auto_field = "django.db.models.BigAutoField"
