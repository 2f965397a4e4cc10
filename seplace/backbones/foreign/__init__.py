"""Networks of the user's own: found, traced, and given slots for attention."""
