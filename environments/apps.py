"""The environments app."""

from django.apps import AppConfig


class EnvironmentsConfig(AppConfig):
    """Servers, builds, volumes and the gateway."""

    name = "environments"
    default_auto_field = "django.db.models.BigAutoField"
