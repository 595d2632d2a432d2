"""How assignments look to programs: one module for each part of the API."""
