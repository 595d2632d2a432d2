"""Classes: who is in them, what they do when, and the servers they do it in."""
