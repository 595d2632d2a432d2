"""Points: given by tests and by hand, kept with every change there was of them, and told as numbers."""
