"""What students are told of their grades: feedback, and answers to their questions about it."""
