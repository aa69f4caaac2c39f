"""Losses, metrics and callbacks of the user's own: marked in a file of ``--import``, named by the spec."""
