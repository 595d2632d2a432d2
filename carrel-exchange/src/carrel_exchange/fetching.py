"""Assignments and feedback, put among a student's files. What is there already is theirs and stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbgrader.exchange.abc import ExchangeFetchAssignment as AbstractFetchAssignment
from nbgrader.exchange.abc import ExchangeFetchFeedback as AbstractFetchFeedback

from carrel_exchange.archives import files_in, put
from carrel_exchange.client import Trouble
from carrel_exchange.exchange import Exchange, stamp


class ExchangeFetchAssignment(Exchange, AbstractFetchAssignment):
    """Fetches an assignment."""

    def init_src(self) -> None:
        """Which one."""
        self.course, self.assignment = self.wanted()

    def init_dest(self) -> None:
        """Its folder, which is not there yet unless only what is missing is asked for."""
        self.dest_path: Path = self.folder(self.course, self.assignment)
        self.is_fresh = not (self.dest_path.is_dir() and any(self.dest_path.iterdir()))
        if not self.is_fresh and not self.replace_missing_files:
            raise Trouble(
                f"You have a copy of this already: {self.dest_path}. "
                "It is left as it is; “nbgrader fetch_assignment --replace” puts back what is missing from it."
            )

    def copy_files(self) -> None:
        """Put there what is not there."""
        # All of it is read before any is written, so that a broken transfer leaves nothing half done.
        files = list(files_in(self.client.assignment_files(self.course, self.assignment, is_fresh=self.is_fresh)))
        for path, content in files:
            if put(self.dest_path, path, content):
                self.log.info("Fetched: %s", self.dest_path / path)
        self.log.info("Fetched as: %s %s", self.course, self.assignment)


class ExchangeFetchFeedback(Exchange, AbstractFetchFeedback):
    """Fetches feedback on all submissions of an assignment."""

    def init_src(self) -> None:
        """Which submissions have any."""
        self.course, self.assignment = self.wanted()
        wanted = (self.course, self.assignment)
        mine = [each for each in self.listed() if (each["course_id"], each["assignment_id"]) == wanted]
        self.published: list[dict[str, Any]] = [
            one for each in mine for one in each["submissions"] if one["feedback_updated_at"] is not None
        ]
        if not self.published:
            raise Trouble(
                "There is no feedback on this assignment for you yet. Your teacher publishes it when it is ready."
            )

    def init_dest(self) -> None:
        """The folder `feedback` beside the work."""
        self.dest_path: Path = self.folder(self.course, self.assignment) / "feedback"
        if self.dest_path.is_symlink():
            raise Trouble(f"“{self.dest_path}” is a link, so nothing is put there. Move it away and try again.")

    def copy_files(self) -> None:
        """A folder for each submission, by the moment of it."""
        for submission in self.published:
            place = self.dest_path / stamp(submission["submitted_at"])
            for path, content in list(files_in(self.client.feedback(submission["id"]))):
                put(place, path, content, is_ours=True)
                self.log.info("Fetched feedback: %s", place / path)
