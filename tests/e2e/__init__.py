"""Real images, real programs: what a user does, from the outside."""
