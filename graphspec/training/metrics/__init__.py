"""Metrics of a part of the data, equal to scikit-learn's."""
