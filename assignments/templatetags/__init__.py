"""Tags of the pages of assignments."""
