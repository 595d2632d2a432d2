"""The project's own app: base templates' tags, commands, checks."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """What belongs to the whole site and to no app of it."""

    name = "config"
    verbose_name = "Carrel"

    def ready(self) -> None:
        """Register the system checks; the settings can be read by now."""
        from config import checks

        checks.register()
