"""What students do: fetch a copy, work in it, give it back, and get a receipt, in whatever way they ask."""
