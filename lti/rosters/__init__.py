"""Names and roles: the list of people that a platform keeps of a course, read, compared and followed."""
