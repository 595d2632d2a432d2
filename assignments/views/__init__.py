"""Pages: one module for each part of the work on assignments."""
