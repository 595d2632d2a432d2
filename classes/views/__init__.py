"""Pages: one module for each part of a class."""
