"""What runs, and running it: knows users, knows nothing of courses."""
