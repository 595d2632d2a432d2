"""Views by noun: one function, one URL, one template."""
