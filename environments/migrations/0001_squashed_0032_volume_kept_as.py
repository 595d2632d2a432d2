"""All the tables of environments at once: what 0001 to 0032 make one after the other."""

import uuid

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    replaces = [
        ("environments", "0001_initial"),
        ("environments", "0002_usage_and_order"),
        ("environments", "0003_server_created_when_launched"),
        ("environments", "0004_repository_trust"),
        ("environments", "0005_image_records"),
        ("environments", "0006_git_credential"),
        ("environments", "0007_private_repositories"),
        ("environments", "0008_site_report_and_image_sizes"),
        ("environments", "0009_volume_measures"),
        ("environments", "0010_server_versions"),
        ("environments", "0011_fill_server_versions"),
        ("environments", "0012_server_credentials"),
        ("environments", "0013_throwaway_servers"),
        ("environments", "0014_catalog"),
        ("environments", "0015_fill_catalog"),
        ("environments", "0016_environment_slug_unique"),
        ("environments", "0017_collaborators"),
        ("environments", "0018_quotas"),
        ("environments", "0019_accounts"),
        ("environments", "0020_shared_volumes"),
        ("environments", "0021_mounts_of_updates"),
        ("environments", "0022_servers_of_groups"),
        ("environments", "0023_quotas_of_groups_as_a_whole"),
        ("environments", "0024_environments_of_groups"),
        ("environments", "0025_accounts_of_groups"),
        ("environments", "0026_reservations"),
        ("environments", "0027_versions_in_use"),
        ("environments", "0028_running_servers_asked_for_groups"),
        ("environments", "0029_material"),
        ("environments", "0030_keeps_images"),
        ("environments", "0031_given_files"),
        ("environments", "0032_volume_kept_as"),
    ]

    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        migrations.swappable_dependency(settings.KNOX_TOKEN_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Build",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("image_key", models.CharField(db_index=True, max_length=64)),
                ("builder", models.CharField(max_length=64)),
                ("repository_url", models.CharField(max_length=1000)),
                ("commit", models.CharField(max_length=64)),
                ("ref", models.CharField(blank=True, max_length=250)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Waiting"),
                            ("fetching", "Fetching the files"),
                            ("building", "Installing"),
                            ("pushing", "Storing"),
                            ("succeeded", "Ready"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="queued",
                        max_length=16,
                    ),
                ),
                ("cancel_requested_at", models.DateTimeField(blank=True, null=True)),
                ("failure_code", models.CharField(blank=True, max_length=64)),
                ("failure_facts", models.JSONField(blank=True, default=dict)),
                ("lease_expires_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, db_index=True, null=True)),
                (
                    "requested_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="builds",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("is_private", models.BooleanField(default=False)),
            ],
            options={
                "ordering": ["created_at"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["queued", "fetching", "building", "pushing"])),
                        fields=("image_key",),
                        name="one_active_build_per_image_key",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="BuildLogLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sequence", models.PositiveIntegerField()),
                ("phase", models.CharField(max_length=16)),
                ("text", models.CharField(max_length=2000)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "build",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="log_lines", to="environments.build"
                    ),
                ),
            ],
            options={
                "ordering": ["sequence"],
                "constraints": [models.UniqueConstraint(fields=("build", "sequence"), name="log_sequence_unique")],
            },
        ),
        migrations.CreateModel(
            name="Environment",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("title", models.CharField(max_length=120)),
                ("description", models.TextField(blank=True, max_length=2000)),
                ("provider", models.CharField(max_length=32)),
                ("repository", models.CharField(max_length=500)),
                ("ref", models.CharField(blank=True, max_length=250)),
                ("urlpath", models.CharField(blank=True, max_length=500)),
                (
                    "visibility",
                    models.CharField(
                        choices=[
                            ("private", "Only me"),
                            ("group", "A class or group"),
                            ("unlisted", "People who have its link"),
                            ("everyone", "Everyone"),
                        ],
                        default="private",
                        max_length=16,
                    ),
                ),
                ("launch_count", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="environments",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "build",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="environments",
                        to="environments.build",
                    ),
                ),
                ("builder", models.CharField(blank=True, max_length=64)),
                ("builder_version", models.CharField(blank=True, max_length=64)),
                ("commit", models.CharField(blank=True, max_length=64)),
                ("cpus", models.FloatField(blank=True, null=True)),
                ("failure_code", models.CharField(blank=True, max_length=64)),
                ("failure_facts", models.JSONField(blank=True, default=dict)),
                (
                    "forked_from",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="forks",
                        to="environments.environment",
                    ),
                ),
                ("has_image", models.BooleanField(default=False)),
                ("idle_minutes", models.PositiveIntegerField(blank=True, null=True)),
                ("image_key", models.CharField(blank=True, db_index=True, max_length=64)),
                ("is_featured", models.BooleanField(default=False)),
                ("is_private", models.BooleanField(default=False)),
                ("last_used_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("lifetime_minutes", models.PositiveIntegerField(blank=True, null=True)),
                ("looked_at", models.DateTimeField(blank=True, null=True)),
                ("made_at", models.DateTimeField(blank=True, null=True)),
                (
                    "made_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("memory_mb", models.PositiveIntegerField(blank=True, null=True)),
                ("mounts", models.TextField(blank=True, max_length=2000)),
                ("newest_commit", models.CharField(blank=True, max_length=64)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("none", "Not asked for yet"),
                            ("preparing", "Being prepared"),
                            ("unchanged", "Nothing new"),
                            ("made", "New version prepared"),
                            ("failed", "Failed"),
                        ],
                        default="none",
                        max_length=16,
                    ),
                ),
                ("outcome_at", models.DateTimeField(blank=True, null=True)),
                (
                    "rebuild",
                    models.CharField(
                        choices=[("never", "Only when I ask for it"), ("daily", "Every day"), ("weekly", "Every week")],
                        default="daily",
                        max_length=16,
                    ),
                ),
                ("repository_url", models.CharField(blank=True, max_length=1000)),
                ("search_text", models.TextField(blank=True, editable=False)),
                ("slug", models.SlugField(blank=True, max_length=60, unique=True)),
                (
                    "group",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="environments",
                        to="auth.group",
                    ),
                ),
                ("is_held", models.BooleanField(default=False)),
                ("keeps_images", models.BooleanField(default=True)),
            ],
            options={
                "ordering": ["-is_featured", "-launch_count", "created_at"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("rebuild__in", ["never", "daily", "weekly"])), name="rebuild_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("outcome__in", ["none", "preparing", "unchanged", "made", "failed"])),
                        name="rebuild_outcome_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("visibility__in", ["private", "group", "unlisted", "everyone"])),
                        name="visibility_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Volume",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("server", "Files of one server"),
                            ("home", "Personal files"),
                            ("shared", "Shared files"),
                        ],
                        max_length=16,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="volumes", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("bytes", models.BigIntegerField(blank=True, null=True)),
                ("measure_began_at", models.DateTimeField(blank=True, null=True)),
                ("measured_at", models.DateTimeField(blank=True, null=True)),
                ("kept_as", models.CharField(blank=True, max_length=80)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("purpose", "home")), fields=("owner",), name="one_home_volume_per_person"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SiteSample",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("taken_at", models.DateTimeField(unique=True)),
                ("running", models.PositiveIntegerField()),
                ("waiting", models.PositiveIntegerField()),
                ("building", models.PositiveIntegerField()),
                ("cores", models.FloatField()),
                ("memory_bytes", models.BigIntegerField()),
                ("disk_used_bytes", models.BigIntegerField()),
            ],
            options={
                "ordering": ["taken_at"],
            },
        ),
        migrations.CreateModel(
            name="RepositoryTrust",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider", models.CharField(max_length=32)),
                ("repository", models.CharField(max_length=500)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="trusted_repositories",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
                "constraints": [
                    models.UniqueConstraint(fields=("owner", "provider", "repository"), name="repository_trusted_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="ImageRecord",
            fields=[
                ("image_key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                ("made_at", models.DateTimeField(blank=True, null=True)),
                ("own_bytes", models.BigIntegerField(blank=True, null=True)),
                ("shared_bytes", models.BigIntegerField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="GitCredential",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("origin", models.CharField(max_length=300)),
                ("username", models.CharField(max_length=200)),
                ("sealed_password", models.TextField(editable=False)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="git_credentials",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["origin"],
                "constraints": [
                    models.UniqueConstraint(fields=("owner", "origin"), name="one_git_credential_per_person_and_host")
                ],
            },
        ),
        migrations.CreateModel(
            name="SiteReport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("taken_at", models.DateTimeField()),
                ("runtime", models.CharField(max_length=32)),
                ("choice", models.CharField(blank=True, max_length=16)),
                ("version", models.CharField(blank=True, max_length=100)),
                ("problem", models.CharField(blank=True, max_length=16)),
                ("detail", models.TextField(blank=True)),
                ("firewall", models.CharField(max_length=16)),
                ("engine_disk_total_bytes", models.BigIntegerField(blank=True, null=True)),
                ("engine_disk_free_bytes", models.BigIntegerField(blank=True, null=True)),
                ("data_disk_total_bytes", models.BigIntegerField()),
                ("data_disk_free_bytes", models.BigIntegerField()),
                ("images_due_at", models.DateTimeField(blank=True, null=True)),
                ("images_measured_at", models.DateTimeField(blank=True, null=True)),
                ("cache_bytes", models.BigIntegerField(blank=True, null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("pk", 1)), name="one_site_report"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("firewall__in", ["in-place", "missing", "unseen", "none"]),
                            ("problem__in", ["", "absent", "forbidden", "silent", "other"]),
                        ),
                        name="site_report_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Update",
            fields=[
                ("provider", models.CharField(max_length=32)),
                ("repository", models.CharField(max_length=500)),
                ("ref", models.CharField(blank=True, max_length=250)),
                ("urlpath", models.CharField(blank=True, max_length=500)),
                ("memory_mb", models.PositiveIntegerField(blank=True, null=True)),
                ("cpus", models.FloatField(blank=True, null=True)),
                ("idle_minutes", models.PositiveIntegerField(blank=True, null=True)),
                ("lifetime_minutes", models.PositiveIntegerField(blank=True, null=True)),
                ("repository_url", models.CharField(max_length=1000)),
                ("commit", models.CharField(max_length=64)),
                ("is_private", models.BooleanField(default=False)),
                ("image_key", models.CharField(db_index=True, max_length=64)),
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("is_rollback", models.BooleanField(default=False)),
                ("was_running", models.BooleanField(default=False)),
                ("failure_code", models.CharField(blank=True, max_length=64)),
                ("failure_facts", models.JSONField(blank=True, default=dict)),
                ("requested_at", models.DateTimeField()),
                (
                    "build",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="updates",
                        to="environments.build",
                    ),
                ),
                ("with_credentials", models.BooleanField(default=False)),
                ("mounts", models.JSONField(blank=True, default=list)),
                (
                    "image_owner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="NotebookServer",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=40)),
                ("subdomain", models.CharField(max_length=63, unique=True)),
                ("provider", models.CharField(max_length=32)),
                ("repository", models.CharField(max_length=500)),
                ("ref", models.CharField(blank=True, max_length=250)),
                ("urlpath", models.CharField(blank=True, max_length=500)),
                ("memory_mb", models.PositiveIntegerField(blank=True, null=True)),
                ("cpus", models.FloatField(blank=True, null=True)),
                ("idle_minutes", models.PositiveIntegerField(blank=True, null=True)),
                ("lifetime_minutes", models.PositiveIntegerField(blank=True, null=True)),
                ("keep_until", models.DateTimeField(blank=True, null=True)),
                ("repository_url", models.CharField(max_length=1000)),
                ("commit", models.CharField(max_length=64)),
                ("image_key", models.CharField(db_index=True, max_length=64)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Waiting"),
                            ("building", "Preparing"),
                            ("starting", "Starting"),
                            ("running", "Running"),
                            ("stopping", "Stopping"),
                            ("stopped", "Stopped"),
                            ("failed", "Failed"),
                        ],
                        default="queued",
                        max_length=16,
                    ),
                ),
                ("state_changed_at", models.DateTimeField()),
                ("failure_code", models.CharField(blank=True, max_length=64)),
                ("failure_facts", models.JSONField(blank=True, default=dict)),
                ("failure_log", models.TextField(blank=True)),
                ("start_id", models.CharField(blank=True, max_length=32)),
                ("start_attempts", models.PositiveSmallIntegerField(default=0)),
                ("endpoint", models.CharField(blank=True, max_length=255)),
                ("lease_expires_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("last_activity_at", models.DateTimeField(blank=True, null=True)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                (
                    "build",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="servers",
                        to="environments.build",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="servers", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "volume",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="server", to="environments.volume"
                    ),
                ),
                ("is_private", models.BooleanField(default=False)),
                ("files_commit", models.CharField(blank=True, max_length=64)),
                ("files_image_key", models.CharField(blank=True, max_length=64)),
                ("is_rolled_back", models.BooleanField(default=False)),
                ("looked_at", models.DateTimeField(blank=True, null=True)),
                ("merge_report", models.JSONField(blank=True, default=dict)),
                ("newest_commit", models.CharField(blank=True, max_length=64)),
                ("previous_commit", models.CharField(blank=True, max_length=64)),
                ("previous_image_key", models.CharField(blank=True, max_length=64)),
                ("previous_is_private", models.BooleanField(default=False)),
                ("previous_provider", models.CharField(blank=True, max_length=32)),
                ("previous_ref", models.CharField(blank=True, max_length=250)),
                ("previous_repository", models.CharField(blank=True, max_length=500)),
                ("previous_repository_url", models.CharField(blank=True, max_length=1000)),
                ("version_since", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "pending_update",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="server",
                        to="environments.update",
                    ),
                ),
                (
                    "credential",
                    models.OneToOneField(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="server",
                        to=settings.KNOX_TOKEN_MODEL,
                    ),
                ),
                ("credentials_dropped_at", models.DateTimeField(blank=True, null=True)),
                ("with_credentials", models.BooleanField(default=False)),
                ("is_throwaway", models.BooleanField(default=False)),
                (
                    "group",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="servers",
                        to="auth.group",
                    ),
                ),
                (
                    "image_owner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "previous_image_owner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("prewarmed_until", models.DateTimeField(blank=True, db_index=True, null=True)),
            ],
            options={
                "ordering": ["-created_at"],
                "indexes": [models.Index(fields=["state", "owner"], name="server_state_and_owner")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at__isnull", True)),
                        fields=("owner", "name"),
                        name="server_name_unique_per_person",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Admission",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("session_key", models.CharField(max_length=64)),
                ("session_hash", models.CharField(max_length=128)),
                ("ticket_hash", models.CharField(max_length=64, unique=True)),
                ("ticket_expires_at", models.DateTimeField()),
                ("cookie_hash", models.CharField(max_length=64, null=True, unique=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField()),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="admissions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "server",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="admissions",
                        to="environments.notebookserver",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ServerUsage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("start_id", models.CharField(max_length=32)),
                ("measured_at", models.DateTimeField()),
                ("cpu_seconds", models.FloatField()),
                ("cores", models.FloatField(default=0)),
                ("memory_bytes", models.BigIntegerField()),
                (
                    "server",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="usage",
                        to="environments.notebookserver",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="EnvironmentTag",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=30)),
                ("folded", models.CharField(db_index=True, editable=False, max_length=120)),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="tags", to="environments.environment"
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("environment", "folded"), name="environment_tagged_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("token_hash", models.CharField(editable=False, max_length=64, unique=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                ("uses_left", models.PositiveSmallIntegerField(default=1)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "made_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "server",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="invitations",
                        to="environments.notebookserver",
                    ),
                ),
            ],
            options={
                "ordering": ["created_at", "pk"],
            },
        ),
        migrations.CreateModel(
            name="Collaborator",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("invited_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_entered_at", models.DateTimeField(blank=True, null=True)),
                (
                    "invited_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="collaborations",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "server",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="collaborators",
                        to="environments.notebookserver",
                    ),
                ),
            ],
            options={
                "ordering": ["invited_at", "pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("server", "person"), name="collaborator_once_per_server")
                ],
            },
        ),
        migrations.CreateModel(
            name="Visit",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("entered_at", models.DateTimeField()),
                ("last_seen_at", models.DateTimeField()),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="visits", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "server",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="visits",
                        to="environments.notebookserver",
                    ),
                ),
            ],
            options={
                "ordering": ["-last_seen_at", "-pk"],
                "indexes": [models.Index(fields=["server", "-last_seen_at"], name="visit_latest")],
            },
        ),
        migrations.CreateModel(
            name="Turnstile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("passed", models.PositiveBigIntegerField(default=0)),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("pk", 1)), name="one_turnstile")],
            },
        ),
        migrations.CreateModel(
            name="Quota",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "running_servers",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="servers running at once"),
                ),
                ("servers", models.PositiveIntegerField(blank=True, null=True, verbose_name="servers kept")),
                (
                    "memory_mb",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="memory of all running servers, in MB"
                    ),
                ),
                (
                    "cpus",
                    models.FloatField(
                        blank=True,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="processors of all running servers",
                    ),
                ),
                ("disk_mb", models.PositiveIntegerField(blank=True, null=True, verbose_name="files, in MB")),
                (
                    "idle_minutes",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="longest idle time to ask for, in minutes"
                    ),
                ),
                (
                    "lifetime_minutes",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="longest lifetime to ask for, in minutes"
                    ),
                ),
                (
                    "group",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="quota",
                        to="auth.group",
                    ),
                ),
                (
                    "person",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="quota",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "group_cpus",
                    models.FloatField(
                        blank=True,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="processors of all running servers of the group",
                    ),
                ),
                (
                    "group_memory_mb",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="memory of all running servers of the group, in MB"
                    ),
                ),
                (
                    "group_running_servers",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="servers of the group running at once"
                    ),
                ),
                ("asked_running_servers", models.PositiveIntegerField(blank=True, editable=False, null=True)),
            ],
            options={
                "verbose_name": "quota",
                "verbose_name_plural": "quotas",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("group__isnull", True), ("person__isnull", False)),
                            models.Q(("group__isnull", False), ("person__isnull", True)),
                            _connector="OR",
                        ),
                        name="quota_of_a_person_or_a_group",
                        violation_error_message="Choose either a person or a group.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("cpus__isnull", True), ("cpus__gte", 0), _connector="OR"), name="quota_cpus"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("group_cpus__isnull", True), ("group_cpus__gte", 0), _connector="OR"),
                        name="quota_group_cpus",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("person__isnull", True),
                            models.Q(("group_cpus", None), ("group_memory_mb", None), ("group_running_servers", None)),
                            _connector="OR",
                        ),
                        name="quota_of_a_group_as_a_whole",
                        violation_error_message="Only a group has limits for all of its servers together.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Run",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("start_id", models.CharField(max_length=32, unique=True)),
                ("began_at", models.DateTimeField()),
                ("running_at", models.DateTimeField(blank=True, db_index=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, db_index=True, null=True)),
                ("counted_at", models.DateTimeField(blank=True, null=True)),
                ("cpu_seconds", models.FloatField(default=0)),
                ("memory_bytes", models.BigIntegerField(default=0)),
                (
                    "server",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="runs",
                        to="environments.notebookserver",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="StorageClock",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("counted_at", models.DateTimeField()),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("pk", 1)), name="one_storage_clock")],
            },
        ),
        migrations.CreateModel(
            name="MonthlyUse",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("month", models.DateField()),
                ("repository_url", models.CharField(blank=True, max_length=1000)),
                ("server_key", models.CharField(blank=True, max_length=36)),
                ("server_name", models.CharField(blank=True, max_length=40)),
                ("starts", models.PositiveIntegerField(default=0)),
                ("running_seconds", models.FloatField(default=0)),
                ("cpu_seconds", models.FloatField(default=0)),
                ("memory_gib_hours", models.FloatField(default=0)),
                ("storage_gib_days", models.FloatField(default=0)),
                ("build_seconds", models.FloatField(default=0)),
                (
                    "person",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="uses",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("group_key", models.CharField(blank=True, db_index=True, max_length=20)),
                ("group_name", models.CharField(blank=True, max_length=150)),
            ],
            options={
                "ordering": ["-month", "repository_url", "server_name", "pk"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("month", "person", "group_key", "server_key", "repository_url"),
                        name="one_use_a_month_group_and_server",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SharedVolume",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=40, unique=True)),
                ("title", models.CharField(max_length=120)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="shared_volumes",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "volume",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="shared", to="environments.volume"
                    ),
                ),
            ],
            options={
                "ordering": ["title", "name"],
            },
        ),
        migrations.CreateModel(
            name="ServerMount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("path", models.CharField(max_length=500)),
                ("read_only", models.BooleanField(default=False)),
                ("placed_in", models.CharField(blank=True, max_length=32)),
                (
                    "placed_to",
                    models.CharField(
                        blank=True, choices=[("read", "read"), ("write", "read and change")], max_length=8
                    ),
                ),
                (
                    "server",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="mounts",
                        to="environments.notebookserver",
                    ),
                ),
                (
                    "volume",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="mounts",
                        to="environments.sharedvolume",
                    ),
                ),
            ],
            options={
                "ordering": ["path"],
                "constraints": [
                    models.UniqueConstraint(fields=("server", "path"), name="one_mount_per_path_of_a_server")
                ],
            },
        ),
        migrations.CreateModel(
            name="VolumeMember",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "access",
                    models.CharField(
                        choices=[("read", "read"), ("write", "read and change")], default="read", max_length=8
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "group",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="volume_memberships",
                        to="auth.group",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="volume_memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "volume",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="members",
                        to="environments.sharedvolume",
                    ),
                ),
            ],
            options={
                "ordering": ["created_at"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("group__isnull", False), ("person", None)),
                            models.Q(("group", None), ("person__isnull", False)),
                            _connector="OR",
                        ),
                        name="volume_member_is_person_or_group",
                    ),
                    models.UniqueConstraint(fields=("volume", "person"), name="person_once_per_shared_volume"),
                    models.UniqueConstraint(fields=("volume", "group"), name="group_once_per_shared_volume"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Reservation",
            fields=[
                ("provider", models.CharField(max_length=32)),
                ("repository", models.CharField(max_length=500)),
                ("ref", models.CharField(blank=True, max_length=250)),
                ("urlpath", models.CharField(blank=True, max_length=500)),
                ("memory_mb", models.PositiveIntegerField(blank=True, null=True)),
                ("cpus", models.FloatField(blank=True, null=True)),
                ("idle_minutes", models.PositiveIntegerField(blank=True, null=True)),
                ("lifetime_minutes", models.PositiveIntegerField(blank=True, null=True)),
                ("with_credentials", models.BooleanField(default=False)),
                ("repository_url", models.CharField(max_length=1000)),
                ("commit", models.CharField(max_length=64)),
                ("is_private", models.BooleanField(default=False)),
                ("image_key", models.CharField(db_index=True, max_length=64)),
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=40)),
                ("mounts", models.JSONField(blank=True, default=list)),
                ("ready_at", models.DateTimeField()),
                ("until", models.DateTimeField(db_index=True)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("failure_code", models.CharField(blank=True, max_length=64)),
                ("failure_facts", models.JSONField(blank=True, default=dict)),
                (
                    "group",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reservations",
                        to="auth.group",
                    ),
                ),
                (
                    "image_owner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reservations",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["ready_at", "pk"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("owner", "name", "ready_at"), name="one_reservation_of_a_server_and_time"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("until__gt", models.F("ready_at"))), name="reservation_ends_after_its_time"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="EnvironmentVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider", models.CharField(max_length=32)),
                ("repository", models.CharField(max_length=500)),
                ("ref", models.CharField(blank=True, max_length=250)),
                ("repository_url", models.CharField(max_length=1000)),
                ("commit", models.CharField(max_length=64)),
                ("is_private", models.BooleanField(default=False)),
                ("image_key", models.CharField(max_length=64)),
                ("in_use_since", models.DateTimeField()),
                ("is_return", models.BooleanField(default=False)),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="environments.environment",
                    ),
                ),
                (
                    "put_in_use_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="SourceTree",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=64, unique=True)),
                ("repository_url", models.CharField(max_length=1000)),
                ("commit", models.CharField(max_length=64)),
                ("is_private", models.BooleanField(default=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("fetching", "Fetching"),
                            ("ready", "Ready"),
                            ("failed", "Failed"),
                            ("removed", "Removed"),
                        ],
                        default="queued",
                        max_length=16,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("lease_expires_at", models.DateTimeField(blank=True, null=True)),
                ("failure_code", models.CharField(blank=True, max_length=64)),
                ("failure_facts", models.JSONField(blank=True, default=dict)),
                ("manifest", models.JSONField(blank=True, default=dict)),
                ("left_out", models.JSONField(blank=True, default=list)),
                ("bytes", models.BigIntegerField(default=0)),
                ("requested_at", models.DateTimeField()),
                ("used_at", models.DateTimeField()),
                (
                    "owner",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["state", "used_at"], name="tree_state_and_use")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["queued", "fetching", "ready", "failed", "removed"])),
                        name="tree_state_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ServerMaterial",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("lease_expires_at", models.DateTimeField(blank=True, null=True)),
                ("failure_code", models.CharField(blank=True, max_length=64)),
                ("failure_facts", models.JSONField(blank=True, default=dict)),
                ("brought_at", models.DateTimeField(blank=True, null=True)),
                ("reports", models.JSONField(blank=True, default=list)),
                (
                    "server",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="material",
                        to="environments.notebookserver",
                    ),
                ),
                (
                    "base",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="environments.sourcetree",
                    ),
                ),
                (
                    "wanted",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="environments.sourcetree"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="GivenFiles",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=40)),
                ("volume_key", models.CharField(max_length=80, unique=True)),
                ("folder", models.CharField(max_length=120)),
                ("max_bytes", models.BigIntegerField()),
                ("asked_at", models.DateTimeField()),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("lease_expires_at", models.DateTimeField(blank=True, null=True)),
                ("given_at", models.DateTimeField(blank=True, null=True)),
                ("given_in", models.CharField(blank=True, max_length=140)),
                ("failure_code", models.CharField(blank=True, max_length=64)),
                ("failure_facts", models.JSONField(blank=True, default=dict)),
                (
                    "group",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="given_files", to="auth.group"
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="given_files",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["owner", "name"], name="given_files_owner_and_name")],
            },
        ),
    ]
