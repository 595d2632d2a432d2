"""All the tables of classes at once: what 0001 to 0012 make one after the other."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    replaces = [
        ("classes", "0001_initial"),
        ("classes", "0002_hand_in_volume"),
        ("classes", "0003_hand_ins"),
        ("classes", "0004_archives"),
        ("classes", "0005_lesson_progress"),
        ("classes", "0006_knocks"),
        ("classes", "0007_looks"),
        ("classes", "0008_material"),
        ("classes", "0009_roster"),
        ("classes", "0010_ready_minutes"),
        ("classes", "0011_images_of_archived"),
        ("classes", "0012_files_of_archives"),
    ]

    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("environments", "0030_keeps_images"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Course",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("slug", models.SlugField(max_length=60, unique=True)),
                ("title", models.CharField(max_length=120, verbose_name="title")),
                ("code", models.CharField(blank=True, max_length=40, verbose_name="code")),
                ("term", models.CharField(blank=True, max_length=60, verbose_name="term")),
                ("description", models.TextField(blank=True, max_length=2000, verbose_name="description")),
                (
                    "colour",
                    models.CharField(
                        choices=[
                            ("blue", "Blue"),
                            ("teal", "Teal"),
                            ("green", "Green"),
                            ("amber", "Amber"),
                            ("red", "Red"),
                            ("purple", "Purple"),
                        ],
                        default="blue",
                        max_length=16,
                        verbose_name="colour",
                    ),
                ),
                ("starts_on", models.DateField(blank=True, null=True, verbose_name="first day")),
                ("ends_on", models.DateField(blank=True, null=True, verbose_name="last day")),
                (
                    "memory_mb",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="memory of a server, in MB"),
                ),
                ("cpus", models.FloatField(blank=True, null=True, verbose_name="processors of a server")),
                (
                    "idle_minutes",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="minutes unused until a server sleeps"
                    ),
                ),
                (
                    "running_servers",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="servers running at once, of the whole class"
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("archived_at", models.DateTimeField(blank=True, null=True)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                (
                    "common_volume",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="course_of_common",
                        to="environments.sharedvolume",
                    ),
                ),
                (
                    "environment",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="course",
                        to="environments.environment",
                    ),
                ),
                (
                    "everybody",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="course", to="auth.group"
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="owned_courses",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "shared_volume",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="course",
                        to="environments.sharedvolume",
                    ),
                ),
                (
                    "teacher_environment",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="course_of_teachers",
                        to="environments.environment",
                    ),
                ),
                (
                    "teachers",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="taught_course", to="auth.group"
                    ),
                ),
                (
                    "hand_in_volume",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="course_of_hand_in",
                        to="environments.sharedvolume",
                    ),
                ),
            ],
            options={
                "verbose_name": "class",
                "verbose_name_plural": "classes",
                "ordering": ["-created_at"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("colour__in", ["blue", "teal", "green", "amber", "red", "purple"])),
                        name="course_colour_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("ends_on", None),
                            ("starts_on", None),
                            ("ends_on__gte", models.F("starts_on")),
                            _connector="OR",
                        ),
                        name="course_ends_after_it_starts",
                        violation_error_message="The last day is before the first.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Announcement",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("title", models.CharField(max_length=120, verbose_name="title")),
                ("text", models.TextField(blank=True, max_length=5000, verbose_name="text")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "published_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="visible to students from"),
                ),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "course",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="announcements", to="classes.course"
                    ),
                ),
            ],
            options={
                "verbose_name": "announcement",
                "verbose_name_plural": "announcements",
                "ordering": ["-published_at", "-created_at"],
            },
        ),
        migrations.CreateModel(
            name="Lesson",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("title", models.CharField(max_length=120, verbose_name="title")),
                ("summary", models.TextField(blank=True, max_length=2000, verbose_name="what it is about")),
                ("position", models.PositiveIntegerField(default=0)),
                ("path", models.CharField(blank=True, max_length=500, verbose_name="file or folder to open")),
                ("starts_at", models.DateTimeField(blank=True, null=True, verbose_name="begins")),
                ("ends_at", models.DateTimeField(blank=True, null=True, verbose_name="ends")),
                ("published_at", models.DateTimeField(blank=True, null=True, verbose_name="visible to students from")),
                (
                    "course",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="lessons", to="classes.course"
                    ),
                ),
                (
                    "ready_minutes",
                    models.PositiveSmallIntegerField(
                        blank=True, null=True, verbose_name="servers ready before it begins, in minutes"
                    ),
                ),
            ],
            options={
                "verbose_name": "lesson",
                "verbose_name_plural": "lessons",
                "ordering": ["position", "starts_at", "pk"],
                "indexes": [models.Index(fields=["course", "position"], name="lesson_course_and_position")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("ends_at", None),
                            ("starts_at", None),
                            ("ends_at__gte", models.F("starts_at")),
                            _connector="OR",
                        ),
                        name="lesson_ends_after_it_begins",
                        violation_error_message="The lesson ends before it begins.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Section",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=60, verbose_name="name")),
                (
                    "course",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="sections", to="classes.course"
                    ),
                ),
            ],
            options={
                "verbose_name": "section",
                "verbose_name_plural": "sections",
                "ordering": ["name"],
                "constraints": [models.UniqueConstraint(fields=("course", "name"), name="section_once_per_course")],
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "role",
                    models.CharField(
                        choices=[("student", "Student"), ("grader", "Grader"), ("teacher", "Teacher")],
                        default="student",
                        max_length=16,
                        verbose_name="role",
                    ),
                ),
                (
                    "joined_by",
                    models.CharField(
                        choices=[
                            ("creator", "Made the class"),
                            ("link", "By a link or code"),
                            ("roster", "By a list"),
                            ("hand", "By hand"),
                            ("lti", "From the learning platform"),
                        ],
                        default="hand",
                        max_length=16,
                    ),
                ),
                ("joined_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("left_at", models.DateTimeField(blank=True, null=True)),
                ("hand_raised_at", models.DateTimeField(blank=True, null=True)),
                ("last_seen_at", models.DateTimeField(blank=True, null=True)),
                (
                    "course",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="memberships", to="classes.course"
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "section",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="memberships",
                        to="classes.section",
                    ),
                ),
                ("was_removed", models.BooleanField(default=False)),
            ],
            options={
                "verbose_name": "member",
                "verbose_name_plural": "members",
                "ordering": ["person__display_name", "person__username"],
                "indexes": [models.Index(fields=["course", "role"], name="membership_course_and_role")],
                "constraints": [
                    models.UniqueConstraint(fields=("course", "person"), name="membership_once_per_person"),
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["student", "grader", "teacher"])), name="membership_role_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("joined_by__in", ["creator", "link", "roster", "hand", "lti"])),
                        name="membership_joined_by_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LessonVisit",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("opened_at", models.DateTimeField()),
                ("last_opened_at", models.DateTimeField()),
                ("cells", models.PositiveIntegerField(default=0)),
                ("executed_cells", models.PositiveIntegerField(default=0)),
                ("validated_cells", models.PositiveIntegerField(default=0)),
                ("tests", models.PositiveIntegerField(default=0)),
                ("measured_at", models.DateTimeField(blank=True, null=True)),
                (
                    "lesson",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="visits", to="classes.lesson"
                    ),
                ),
                (
                    "membership",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="visits", to="classes.membership"
                    ),
                ),
                ("failing_cells", models.PositiveIntegerField(default=0)),
                ("progressed_at", models.DateTimeField(blank=True, null=True)),
                ("saved_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-last_opened_at"],
                "constraints": [models.UniqueConstraint(fields=("membership", "lesson"), name="visit_once_per_lesson")],
            },
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("code", models.CharField(max_length=16, unique=True)),
                (
                    "role",
                    models.CharField(
                        choices=[("student", "Student"), ("grader", "Grader"), ("teacher", "Teacher")],
                        default="student",
                        max_length=16,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                ("uses_left", models.PositiveIntegerField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "course",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="invitations", to="classes.course"
                    ),
                ),
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
                    "section",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="invitations",
                        to="classes.section",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["student", "grader", "teacher"])),
                        name="course_invitation_role_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="HandIn",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("path", models.CharField(max_length=500)),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "Being handed in"), ("received", "Received"), ("failed", "Not handed in")],
                        default="waiting",
                        max_length=16,
                    ),
                ),
                ("asked_at", models.DateTimeField()),
                ("received_at", models.DateTimeField(blank=True, null=True)),
                ("folder", models.CharField(max_length=300)),
                ("contents", models.JSONField(blank=True, default=list)),
                ("failure_code", models.CharField(blank=True, max_length=64)),
                ("failure_facts", models.JSONField(blank=True, default=dict)),
                (
                    "membership",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="hand_ins", to="classes.membership"
                    ),
                ),
                (
                    "server",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="environments.notebookserver",
                    ),
                ),
            ],
            options={
                "ordering": ["-asked_at"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "waiting")), fields=("membership",), name="one_hand_in_at_a_time"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="BroughtArchive",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("brought_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="brought_archives",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-brought_at"],
            },
        ),
        migrations.CreateModel(
            name="CourseExport",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("with_files", models.BooleanField(default=True)),
                ("with_work", models.BooleanField(default=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("working", "Under way"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                        max_length=16,
                    ),
                ),
                ("began_at", models.DateTimeField(blank=True, null=True)),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                ("bytes", models.BigIntegerField(blank=True, null=True)),
                ("left_out", models.PositiveIntegerField(default=0)),
                ("failure_code", models.CharField(blank=True, max_length=64)),
                ("failure_facts", models.JSONField(blank=True, default=dict)),
                (
                    "asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "course",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="exports", to="classes.course"
                    ),
                ),
                ("with_hand_ins", models.BooleanField(default=False)),
            ],
            options={
                "ordering": ["-asked_at"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["waiting", "working", "done", "failed"])),
                        name="course_export_state_known",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ("waiting", "working"))),
                        fields=("course",),
                        name="one_course_export_at_a_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Knock",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("asked_at", models.DateTimeField()),
                ("agreed_at", models.DateTimeField(blank=True, null=True)),
                ("ends_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="knocks", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "membership",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="knocks", to="classes.membership"
                    ),
                ),
            ],
            options={
                "ordering": ["-asked_at", "pk"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)), fields=("membership", "by"), name="knock_once_at_a_time"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Look",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("folder", "Listed a folder"),
                            ("file", "Looked at a file"),
                            ("download", "Downloaded a file"),
                        ],
                        max_length=16,
                    ),
                ),
                ("path", models.CharField(blank=True, max_length=1000)),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "membership",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="looks", to="classes.membership"
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "pk"],
                "indexes": [models.Index(fields=["membership", "-at"], name="look_membership_and_time")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["folder", "file", "download"])), name="look_kind_known"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CourseMaterial",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider", models.CharField(blank=True, max_length=32)),
                ("repository", models.CharField(blank=True, max_length=500)),
                ("ref", models.CharField(blank=True, max_length=250)),
                (
                    "looks",
                    models.CharField(
                        choices=[("by_hand", "Only when I ask for it"), ("daily", "Every day")],
                        default="daily",
                        max_length=16,
                    ),
                ),
                ("in_use_since", models.DateTimeField(blank=True, null=True)),
                ("looked_at", models.DateTimeField(blank=True, null=True)),
                ("failure_code", models.CharField(blank=True, max_length=64)),
                ("failure_facts", models.JSONField(blank=True, default=dict)),
                (
                    "before",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="environments.sourcetree",
                    ),
                ),
                (
                    "course",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="material", to="classes.course"
                    ),
                ),
                (
                    "in_use",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="environments.sourcetree",
                    ),
                ),
                (
                    "newest",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="environments.sourcetree",
                    ),
                ),
                (
                    "put_by",
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
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("looks__in", ["by_hand", "daily"])), name="material_looks_known"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RosterDraft",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("lines", models.JSONField()),
                ("expires_at", models.DateTimeField()),
                ("imported_at", models.DateTimeField(blank=True, null=True)),
                (
                    "course",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="roster_drafts", to="classes.course"
                    ),
                ),
                (
                    "made_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ExpectedMember",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("who", models.CharField(db_index=True, max_length=254)),
                ("name", models.CharField(blank=True, max_length=150, verbose_name="name")),
                (
                    "role",
                    models.CharField(
                        choices=[("student", "Student"), ("grader", "Grader"), ("teacher", "Teacher")],
                        default="student",
                        max_length=16,
                        verbose_name="role",
                    ),
                ),
                ("added_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "course",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="expected", to="classes.course"
                    ),
                ),
                (
                    "section",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="expected",
                        to="classes.section",
                    ),
                ),
            ],
            options={
                "verbose_name": "expected member",
                "verbose_name_plural": "expected members",
                "ordering": ["name", "who"],
                "constraints": [
                    models.UniqueConstraint(fields=("course", "who"), name="expected_once_per_course"),
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["student", "grader", "teacher"])), name="expected_role_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CourseImport",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("asked_at", models.DateTimeField()),
                ("folders", models.JSONField(default=list)),
                ("total", models.PositiveIntegerField()),
                ("done", models.JSONField(blank=True, default=list)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("working", "Under way"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                        max_length=16,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("lease_expires_at", models.DateTimeField(blank=True, null=True)),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                ("failure_code", models.CharField(blank=True, max_length=64)),
                ("failure_facts", models.JSONField(blank=True, default=dict)),
                (
                    "course",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="import_of_files", to="classes.course"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["waiting", "working", "done", "failed"])),
                        name="course_import_state_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="KeptWork",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("who", models.CharField(db_index=True, max_length=254)),
                ("of_teachers", models.BooleanField(default=False)),
                ("folder", models.CharField(blank=True, max_length=300)),
                ("is_unpacked", models.BooleanField(default=False)),
                ("bytes", models.BigIntegerField(default=0)),
                ("hand_ins", models.JSONField(blank=True, default=list)),
                (
                    "course",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="kept_work", to="classes.course"
                    ),
                ),
                (
                    "membership",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="classes.membership",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("folder", ""), _negated=True),
                        fields=("course", "who", "of_teachers"),
                        name="kept_work_once_a_member",
                    )
                ],
            },
        ),
    ]
