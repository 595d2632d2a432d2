"""How everything here looks to programs, and what they may ask: one module for each part of the API."""
