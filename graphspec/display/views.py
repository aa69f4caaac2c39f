"""The views: what each type shows of itself, as lines of text and as parts of a page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from graphspec.display.html import Part
from graphspec.system.shown import display_room


class View(Protocol):
    """One value as a person sees it."""

    @property
    def title(self) -> str:
        """What stands above it on a page."""
        ...

    def lines(self) -> list[str]:
        """A few lines of text, at once: nothing is computed for them."""
        ...

    def parts(self) -> Iterable[Part]:
        """Tables, texts and pictures."""
        ...


#: A type's name → the view's module and class in this room; loaded when one of them is shown.
_VIEWS = {
    "Network": ("network_view", "NetworkView"),
    "TrainReport": ("run_views", "TrainView"),
    "FoldsReport": ("run_views", "FoldsView"),
    "EvaluateReport": ("run_views", "EvaluateView"),
    "TuneReport": ("before_views", "StudyView"),
    "LrReport": ("before_views", "LrView"),
    "OverfitReport": ("before_views", "OverfitView"),
    "DataSet": ("before_views", "DataView"),
    "Imported": ("before_views", "ImportedView"),
    "VerifyReport": ("export_views", "VerifyView"),
    "Bundle": ("export_views", "BundleView"),
    "Inspection": ("inspection_view", "InspectionView"),
    "Comparison": ("comparison_view", "ComparisonView"),
    "Grade": ("grade_view", "GradeView"),
}


def view_of(value: Any) -> View:
    """The view of a value whose type, or one that it inherits from, is in the table."""
    for kind in type(value).__mro__:
        if kind.__name__ in _VIEWS:
            module, name = _VIEWS[kind.__name__]
            view: View = vars(display_room(module))[name](value)
            return view
    raise TypeError(f"{type(value).__name__} has no view")
