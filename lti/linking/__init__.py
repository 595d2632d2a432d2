"""What the links of a platform lead to: picked by teachers, kept in copied courses, and found again at a launch."""
