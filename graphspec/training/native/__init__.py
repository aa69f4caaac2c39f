"""Training steps in C, for networks that are small enough for everything else to be overhead."""
