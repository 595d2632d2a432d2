"""How classes and their people look from outside, and what a program may ask for."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from classes.invitations import STUDENT_DAYS, STUDENT_USES, address_of, readable
from classes.models import Course, Invitation, Membership, Role
from classes.policies import standing_of
from classes.roster_files import MAX_SECTION
from environments.serializers.conventions import StrictSerializer


class CourseSerializer(serializers.ModelSerializer[Course]):
    """A class of yours."""

    is_over = serializers.BooleanField(read_only=True)

    class Meta:
        model = Course
        fields = ["id", "slug", "title", "code", "term", "starts_on", "ends_on", "is_over", "created_at"]
        read_only_fields = fields


class CourseDetailSerializer(CourseSerializer):
    """One of them, with what you are in it."""

    role = serializers.SerializerMethodField(help_text="What you are in it.")
    section = serializers.SerializerMethodField(help_text="Which section you are in; null for none.")
    teachers = serializers.SerializerMethodField(help_text="Their names.")

    class Meta(CourseSerializer.Meta):
        fields = [*CourseSerializer.Meta.fields, "description", "role", "section", "teachers"]
        read_only_fields = fields

    def get_role(self, course: Course) -> str:
        """Of whoever asks; who runs the site stands as a teacher."""
        standing = standing_of(self.context["request"].user, course)
        return standing.role.value if standing else ""

    def get_section(self, course: Course) -> str | None:
        """Of whoever asks."""
        standing = standing_of(self.context["request"].user, course)
        section = standing.membership.section if standing and standing.membership else None
        return section.name if section else None

    def get_teachers(self, course: Course) -> list[str]:
        """As everybody in the class may see them."""
        teachers = course.memberships.present().filter(role=Role.TEACHER).select_related("person")
        return [str(teacher.person) for teacher in teachers]


class CourseMemberSerializer(serializers.ModelSerializer[Membership]):
    """Somebody in a class."""

    username = serializers.CharField(source="person.username", read_only=True)
    name = serializers.CharField(source="person.get_full_name", read_only=True, help_text="The name others see.")
    email = serializers.CharField(source="person.email", read_only=True)
    section = serializers.CharField(source="section.name", read_only=True, allow_null=True, default=None)

    class Meta:
        model = Membership
        fields = ["id", "username", "name", "email", "role", "section", "joined_by", "joined_at", "last_seen_at"]
        read_only_fields = fields


class MemberSearchSerializer(serializers.Serializer[Any]):
    """Which members to list."""

    q = serializers.CharField(max_length=200, required=False, help_text="Words in a name, username or address.")
    role = serializers.ChoiceField(choices=Role.choices, required=False)
    section = serializers.CharField(max_length=MAX_SECTION, required=False, help_text="Its name.")


class ChangeMemberSerializer(StrictSerializer):
    """What a member is from now on. What is left out stays; another field is refused."""

    role = serializers.ChoiceField(choices=Role.choices, required=False)
    section = serializers.CharField(
        max_length=MAX_SECTION,
        required=False,
        allow_null=True,
        help_text="Its name; made if there is none. Null takes them out of theirs.",
    )


class AddMemberSerializer(ChangeMemberSerializer):
    """Somebody who is to be in the class."""

    username = serializers.CharField(
        max_length=254, help_text="Their username, or an e-mail address they have confirmed."
    )
    role = serializers.ChoiceField(choices=Role.choices, default=Role.STUDENT.value)


class CourseInvitationSerializer(serializers.ModelSerializer[Invitation]):
    """A code by which people may still come into a class."""

    code = serializers.SerializerMethodField(help_text="As it is typed.")
    url = serializers.SerializerMethodField(help_text="The link that says the same.")
    section = serializers.CharField(source="section.name", read_only=True, allow_null=True, default=None)

    class Meta:
        model = Invitation
        fields = ["id", "code", "url", "role", "section", "created_at", "expires_at", "uses_left"]
        read_only_fields = fields

    def get_code(self, invitation: Invitation) -> str:
        """In two halves; the hyphen does not matter."""
        return readable(invitation.code)

    def get_url(self, invitation: Invitation) -> str:
        """What to send."""
        return address_of(invitation)


class MakeCourseInvitationSerializer(StrictSerializer):
    """Whom a code lets in, how long, and how many. Another field is refused."""

    role = serializers.ChoiceField(choices=Role.choices, default=Role.STUDENT.value)
    section = serializers.CharField(
        max_length=MAX_SECTION, required=False, help_text="Its name; made if there is none."
    )
    days = serializers.IntegerField(min_value=1, max_value=STUDENT_DAYS, default=7)
    uses = serializers.IntegerField(
        min_value=1,
        max_value=STUDENT_USES,
        allow_null=True,
        default=None,
        help_text="Null for as many as come, which is for students only.",
    )
