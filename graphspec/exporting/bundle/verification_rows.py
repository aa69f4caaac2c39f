"""What verification measured, as plain rows: the same in a bundle's card and on the screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

HEADINGS = ("Runtime", "Comparisons", "Greatest error", "Of allowed", "Verdict")


def verification_rows(verification: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str, str]]:
    """One row a runtime, under `HEADINGS`: its greatest error, scaled by the output's magnitude, also as a share of
    what was allowed.
    """
    for name, row in verification["runtimes"].items():
        error, share = row["scaled_error"], row["error_over_allowed"]
        yield (
            name,
            str(sum(row["comparisons"].values())),
            "" if error is None else f"{error:.1e}",
            "" if share is None else f"{share:.0%}",
            _verdict(row),
        )


def _verdict(row: Mapping[str, Any]) -> str:
    """Optional runtimes need not run everything, but what they give must be right; lower precision is no equality."""
    if row["passed"]:
        return f"agrees, {row['precision']}" if row.get("precision") else "equal"
    if row.get("limits") and not row["faults"]:
        return "equal in part" if sum(row["comparisons"].values()) else "not run"
    return "REFUSED"
