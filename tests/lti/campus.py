"""The pretend LMS as a process, registered here as this Carrel is there: its services are asked for real."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from lti.keys import public_keys
from lti.models import Context, Deployment, Platform
from lti.platforms import add_platform
from tests.fakes.lms.client import LmsProcess

PUBLIC_URL = "http://localhost:8000"
COURSE = 2
"""Computing 101: Tess teaches, Toby assists, Ada, Ben and Chloé learn."""


@dataclass
class Campus:
    """Both sides of one registration."""

    lms: LmsProcess
    platform: Platform
    deployment: Deployment
    tool: int
    """What the LMS calls us."""

    def sub(self, username: str) -> str:
        """What it calls somebody."""
        found: str = self.lms.do("person", username=username)["sub"]
        return found

    def activity(self, title: str = "Loops", maximum: float | None = 10, **facts: Any) -> dict[str, Any]:
        """A link to us in the course, with a column of grades; where that is, is its `line_item`."""
        made: dict[str, Any] = self.lms.do(
            "activity", course=COURSE, tool=self.tool, title=title, maximum=maximum, **facts
        )
        return made

    def context(self, **facts: Any) -> Context:
        """Its course as a launch would have described it."""
        services = f"{self.lms.url}/mod/lti/services.php"
        said = {
            "title": "Computing 101",
            "memberships_url": f"{services}/CourseSection/{COURSE}/bindings/{self.tool}/memberships",
            "line_items_url": f"{services}/{COURSE}/lineitems?type_id={self.tool}",
        }
        return self.deployment.contexts.create(context_id=str(COURSE), **said | facts)


def enter(lms: LmsProcess, **facts: Any) -> Campus:
    """Register both with each other, by hand."""
    url = lms.url
    platform = Platform(
        name="Pretend University",
        issuer=url,
        client_id="carrel",
        auth_login_url=f"{url}/mod/lti/auth.php",
        token_url=f"{url}/mod/lti/token.php",
        jwks_url=f"{url}/mod/lti/certs.php",
        state=Platform.State.ACTIVE,
    )
    add_platform(platform, now=timezone.now())
    tool = lms.do(
        "register",
        name="carrel",
        initiate_login_uri=f"{PUBLIC_URL}/lti/login/",
        redirect_uris=[f"{PUBLIC_URL}/lti/launch/"],
        target_link_uri=f"{PUBLIC_URL}/lti/launch/",
        domain="localhost:8000",
        public_keys={"keys": public_keys(now=timezone.now())},
        **facts,
    )
    deployment = platform.deployments.create(deployment_id=str(tool["deployment"] or tool["id"]))
    return Campus(lms, platform, deployment, tool["id"])
