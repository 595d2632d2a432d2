"""Classes over the API: one module for each part."""
