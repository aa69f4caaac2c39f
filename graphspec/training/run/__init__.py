"""The folder of a run: what is written when, what is said meanwhile, and how a run goes on from it."""
