"""All the tables of lti at once: what 0001 to 0008 make one after the other."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import lti.models.picking


class Migration(migrations.Migration):
    replaces = [
        ("lti", "0001_begin"),
        ("lti", "0002_services"),
        ("lti", "0003_audit"),
        ("lti", "0004_registering"),
        ("lti", "0005_score"),
        ("lti", "0006_rosters"),
        ("lti", "0007_targets"),
        ("lti", "0008_picking"),
    ]

    initial = True

    dependencies = [
        ("assignments", "0006_lease_work_on_copies"),
        ("classes", "0012_files_of_archives"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Platform",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=120, verbose_name="name")),
                ("issuer", models.CharField(max_length=255, verbose_name="issuer")),
                ("client_id", models.CharField(max_length=255, verbose_name="client ID")),
                ("auth_login_url", models.URLField(max_length=1000, verbose_name="authentication request URL")),
                ("token_url", models.URLField(max_length=1000, verbose_name="access token URL")),
                ("jwks_url", models.URLField(max_length=1000, verbose_name="public keyset URL")),
                ("audience", models.CharField(blank=True, max_length=1000, verbose_name="audience of access tokens")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Waiting for approval"),
                            ("active", "In use"),
                            ("disabled", "Switched off"),
                        ],
                        default="pending",
                        max_length=16,
                        verbose_name="state",
                    ),
                ),
                ("are_classes_made", models.BooleanField(default=True, verbose_name="its teachers may make classes")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "has_registered_itself",
                    models.BooleanField(default=False, editable=False, verbose_name="has registered itself"),
                ),
                ("product", models.CharField(blank=True, max_length=80, verbose_name="product")),
            ],
            options={
                "verbose_name": "learning platform",
                "verbose_name_plural": "learning platforms",
                "ordering": ["name"],
                "constraints": [
                    models.UniqueConstraint(fields=("issuer", "client_id"), name="platform_once_per_client"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["pending", "active", "disabled"])),
                        name="platform_state_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Deployment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("deployment_id", models.CharField(max_length=255, verbose_name="deployment ID")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "platform",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="deployments", to="lti.platform"
                    ),
                ),
            ],
            options={
                "verbose_name": "deployment",
                "verbose_name_plural": "deployments",
                "ordering": ["deployment_id"],
                "constraints": [
                    models.UniqueConstraint(fields=("platform", "deployment_id"), name="deployment_once_per_platform")
                ],
            },
        ),
        migrations.CreateModel(
            name="Context",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("context_id", models.CharField(max_length=255)),
                ("title", models.CharField(blank=True, max_length=200)),
                ("label", models.CharField(blank=True, max_length=100)),
                ("connected_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "connected_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "course",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="lti_contexts",
                        to="classes.course",
                    ),
                ),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="contexts", to="lti.deployment"
                    ),
                ),
                ("line_items_url", models.CharField(blank=True, max_length=1000)),
                ("memberships_url", models.CharField(blank=True, max_length=1000)),
                ("scopes", models.JSONField(blank=True, default=list)),
                (
                    "copied_from",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="copies",
                        to="lti.context",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("deployment", "context_id"), name="context_once_per_deployment")
                ],
            },
        ),
        migrations.CreateModel(
            name="LtiPerson",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sub", models.CharField(max_length=255)),
                ("name", models.CharField(blank=True, max_length=150)),
                ("email", models.CharField(blank=True, max_length=254)),
                ("has_made_account", models.BooleanField(default=True)),
                ("first_seen_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_seen_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="lti_people",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "platform",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="people", to="lti.platform"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("platform", "sub"), name="lti_person_once_per_platform")
                ],
            },
        ),
        migrations.CreateModel(
            name="JoinOffer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("token_hash", models.CharField(max_length=64, unique=True)),
                ("browser_hash", models.CharField(max_length=64)),
                ("expires_at", models.DateTimeField(db_index=True)),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="join_offers", to="lti.ltiperson"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Enrolment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "role",
                    models.CharField(
                        choices=[("student", "Student"), ("grader", "Grader"), ("teacher", "Teacher")], max_length=16
                    ),
                ),
                (
                    "context",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="enrolments", to="lti.context"
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="enrolments", to="lti.ltiperson"
                    ),
                ),
                ("missing_since", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("context", "person"), name="enrolment_once_per_person"),
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["student", "grader", "teacher"])), name="enrolment_role_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LoginAttempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("state_hash", models.CharField(max_length=64, unique=True)),
                ("nonce_hash", models.CharField(max_length=64)),
                ("browser_hash", models.CharField(max_length=64)),
                ("expires_at", models.DateTimeField(db_index=True)),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                (
                    "platform",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="login_attempts", to="lti.platform"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="KeyPair",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kid", models.CharField(max_length=64, unique=True)),
                ("public_jwk", models.JSONField()),
                ("sealed_private_key", models.TextField()),
                ("signs_from", models.DateTimeField()),
                ("published_until", models.DateTimeField(blank=True, null=True)),
                (
                    "platform",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="key_pairs", to="lti.platform"
                    ),
                ),
            ],
            options={
                "ordering": ["-signs_from"],
            },
        ),
        migrations.CreateModel(
            name="ResourceLink",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("resource_link_id", models.CharField(max_length=255)),
                ("title", models.CharField(blank=True, max_length=200)),
                ("last_launched_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "context",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="resource_links", to="lti.context"
                    ),
                ),
                (
                    "assignment",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="resource_links",
                        to="assignments.assignment",
                    ),
                ),
                ("line_item_url", models.CharField(blank=True, max_length=1000)),
                ("target", models.JSONField(blank=True, default=dict)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("context", "resource_link_id"), name="resource_link_once_per_context"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("what", models.CharField(max_length=32)),
                ("platform_name", models.CharField(blank=True, max_length=120)),
                ("reference", models.CharField(blank=True, db_index=True, max_length=16)),
                ("facts", models.JSONField(default=dict)),
                (
                    "actor",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "platform",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="audit_entries",
                        to="lti.platform",
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-id"],
                "indexes": [
                    models.Index(fields=["-at", "-id"], name="audit_time"),
                    models.Index(fields=["platform", "-at"], name="audit_platform_and_time"),
                    models.Index(fields=["what", "-at"], name="audit_what_and_time"),
                ],
            },
        ),
        migrations.CreateModel(
            name="UnknownDeployment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("deployment_id", models.CharField(max_length=255)),
                ("last_tried_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "platform",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="unknown_deployments",
                        to="lti.platform",
                    ),
                ),
            ],
            options={
                "ordering": ["-last_tried_at"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("platform", "deployment_id"), name="unknown_deployment_once_per_platform"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Outlet",
            fields=[
                (
                    "platform",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="outlet",
                        serialize=False,
                        to="lti.platform",
                    ),
                ),
                ("worker", models.UUIDField(blank=True, null=True)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("paused_until", models.DateTimeField(blank=True, null=True)),
                ("failure_code", models.CharField(blank=True, max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name="LineItem",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("url", models.CharField(blank=True, max_length=1000)),
                ("is_platforms", models.BooleanField(default=False)),
                ("has_left_one", models.BooleanField(default=False)),
                ("label", models.CharField(blank=True, max_length=200)),
                ("maximum", models.DecimalField(blank=True, decimal_places=4, max_digits=10, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "In use"), ("gone", "Gone"), ("locked", "Locked"), ("refused", "Not made")],
                        default="open",
                        max_length=16,
                    ),
                ),
                ("failures", models.PositiveIntegerField(default=0)),
                ("next_try_at", models.DateTimeField(blank=True, null=True)),
                ("failure_code", models.CharField(blank=True, max_length=64)),
                ("claimed_until", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "assignment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="line_items",
                        to="assignments.assignment",
                    ),
                ),
                (
                    "context",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="line_items", to="lti.context"
                    ),
                ),
            ],
            options={
                "ordering": ["created_at"],
                "constraints": [
                    models.UniqueConstraint(fields=("context", "assignment"), name="line_item_once_per_context"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("open", "gone", "locked", "refused"))),
                        name="line_item_state_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Score",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("points", models.DecimalField(decimal_places=4, max_digits=10)),
                ("maximum", models.DecimalField(decimal_places=4, max_digits=10)),
                ("comment", models.TextField(blank=True, max_length=4000)),
                ("graded_at", models.DateTimeField()),
                ("version", models.PositiveIntegerField(default=1)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "On its way"),
                            ("sending", "Being sent"),
                            ("sent", "There"),
                            ("refused", "Not taken"),
                        ],
                        default="waiting",
                        max_length=16,
                    ),
                ),
                ("worker", models.UUIDField(blank=True, null=True)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("next_try_at", models.DateTimeField(blank=True, null=True)),
                ("failure_code", models.CharField(blank=True, max_length=64)),
                ("stamp", models.DateTimeField(blank=True, null=True)),
                ("stamped_version", models.PositiveIntegerField(default=0)),
                ("sent_points", models.DecimalField(blank=True, decimal_places=4, max_digits=10, null=True)),
                ("sent_maximum", models.DecimalField(blank=True, decimal_places=4, max_digits=10, null=True)),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                (
                    "grade",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="scores", to="assignments.grade"
                    ),
                ),
                (
                    "line_item",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="scores", to="lti.lineitem"
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="scores", to="lti.ltiperson"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["state", "next_try_at"], name="score_due")],
                "constraints": [
                    models.UniqueConstraint(fields=("line_item", "person"), name="score_once_per_person"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("waiting", "sending", "sent", "refused"))),
                        name="score_state_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Roster",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("lease_expires_at", models.DateTimeField(blank=True, null=True)),
                ("tried_at", models.DateTimeField(blank=True, null=True)),
                ("completed_at", models.DateTimeField(blank=True, null=True)),
                ("counts", models.JSONField(blank=True, default=dict)),
                ("failed_at", models.DateTimeField(blank=True, null=True)),
                ("failure_code", models.CharField(blank=True, max_length=64)),
                ("failure_facts", models.JSONField(blank=True, default=dict)),
                ("listed", models.JSONField(blank=True, default=list)),
                ("listed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "context",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="roster", to="lti.context"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Handover",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("token_hash", models.CharField(max_length=64, unique=True)),
                ("path", models.CharField(max_length=2000)),
                ("expires_at", models.DateTimeField(db_index=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Picking",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("token_hash", models.CharField(max_length=64, unique=True)),
                ("browser_hash", models.CharField(max_length=64)),
                ("return_url", models.TextField()),
                ("data", models.TextField(blank=True)),
                ("takes_many", models.BooleanField(default=False)),
                ("takes_columns", models.BooleanField(default=True)),
                ("nonce", models.CharField(default=lti.models.picking.new_nonce, max_length=64)),
                ("expires_at", models.DateTimeField(db_index=True)),
                ("answered_at", models.DateTimeField(blank=True, null=True)),
                ("chosen", models.JSONField(blank=True, default=list)),
                (
                    "context",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="pickings", to="lti.context"
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="pickings", to="lti.ltiperson"
                    ),
                ),
            ],
        ),
    ]
