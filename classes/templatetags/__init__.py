"""Tags of class pages."""
