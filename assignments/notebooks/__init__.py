"""What is done with notebooks as values: read, put into shape, merged, bounded, kept from students. Pure."""
