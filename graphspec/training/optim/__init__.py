"""Optimisers, schedulers, averages of weights, and the precision of a step."""
