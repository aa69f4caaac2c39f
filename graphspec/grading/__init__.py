"""Grading: what a network computes, judged by another one that is taken for right."""

from graphspec.grading.criteria import check
from graphspec.grading.grade import Criterion, Grade

__all__ = ["Criterion", "Grade", "check"]
