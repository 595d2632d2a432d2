"""What one person, or everybody in a group, may have instead of what the site's settings say."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


class Quota(models.Model):
    """An exception to the site's limits, for one person or one group. `quotas.py` says how they add up.

    Of a group it says what each member may have, and in the columns `group_…` how much all servers that are run for the
    group may take together.
    """

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="quota"
    )
    group = models.OneToOneField("auth.Group", null=True, blank=True, on_delete=models.CASCADE, related_name="quota")
    running_servers = models.PositiveIntegerField(_("servers running at once"), null=True, blank=True)
    servers = models.PositiveIntegerField(_("servers kept"), null=True, blank=True)
    memory_mb = models.PositiveIntegerField(_("memory of all running servers, in MB"), null=True, blank=True)
    cpus = models.FloatField(
        _("processors of all running servers"), null=True, blank=True, validators=[MinValueValidator(0)]
    )
    disk_mb = models.PositiveIntegerField(_("files, in MB"), null=True, blank=True)
    idle_minutes = models.PositiveIntegerField(_("longest idle time to ask for, in minutes"), null=True, blank=True)
    lifetime_minutes = models.PositiveIntegerField(_("longest lifetime to ask for, in minutes"), null=True, blank=True)
    group_running_servers = models.PositiveIntegerField(
        _("servers of the group running at once"), null=True, blank=True
    )
    asked_running_servers = models.PositiveIntegerField(null=True, blank=True, editable=False)
    """What whoever looks after the group, as the teachers of a class do, would have instead, if that is less."""
    group_memory_mb = models.PositiveIntegerField(
        _("memory of all running servers of the group, in MB"), null=True, blank=True
    )
    group_cpus = models.FloatField(
        _("processors of all running servers of the group"), null=True, blank=True, validators=[MinValueValidator(0)]
    )

    class Meta:
        verbose_name = _("quota")
        verbose_name_plural = _("quotas")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(person__isnull=False, group__isnull=True)
                | models.Q(person__isnull=True, group__isnull=False),
                name="quota_of_a_person_or_a_group",
                violation_error_message=_("Choose either a person or a group."),
            ),
            models.CheckConstraint(condition=models.Q(cpus__isnull=True) | models.Q(cpus__gte=0), name="quota_cpus"),
            models.CheckConstraint(
                condition=models.Q(group_cpus__isnull=True) | models.Q(group_cpus__gte=0), name="quota_group_cpus"
            ),
            models.CheckConstraint(
                condition=models.Q(person__isnull=True)
                | models.Q(group_running_servers=None, group_memory_mb=None, group_cpus=None),
                name="quota_of_a_group_as_a_whole",
                violation_error_message=_("Only a group has limits for all of its servers together."),
            ),
        ]

    def __str__(self) -> str:
        return str(self.person or self.group)
