"""Two accounts of one person become one, with everything that is in them."""
