"""The project's own app: base templates' tags, commands, checks."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ConfigConfig(AppConfig):
    """What belongs to the whole site and to no app of it."""

    name = "config"
    verbose_name = "Carrel"

    def ready(self) -> None:
        """Register the system checks; the settings can be read by now."""
        from config import checks

        checks.register()


class CarrelAdminConfig(AdminConfig):
    """Django's admin, on a site of ours."""

    default_site = "config.admin_site.CarrelAdminSite"
