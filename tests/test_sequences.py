"""Sequences are read, measured and compared as others do it."""

from __future__ import annotations

import itertools

import torch
from torchmetrics.functional.text import char_error_rate

from graphspec.sequences import best_path, cut, edits, lengths_of, spelled

RANDOM = torch.Generator().manual_seed(0)


def collapsed(steps: list[int], blank: int) -> list[int]:
    return [each for each, _ in itertools.groupby(steps) if each != blank]


def test_the_best_path_is_what_ctc_makes_of_it() -> None:
    steps = torch.randint(4, (200, 9), generator=RANDOM)
    for blank in (0, 3):
        for row, found in zip(steps.tolist(), best_path(steps, blank).tolist(), strict=True):
            wanted = collapsed(row, blank)
            assert found == wanted + [-1] * (9 - len(wanted))


def test_edits_are_torchmetrics() -> None:
    found, wanted = (
        cut(torch.randint(3, (300, size), generator=RANDOM), torch.randint(size + 1, (300,), generator=RANDOM))
        for size in (7, 5)
    )
    texts = [["".join("abc"[k] for k in row if k >= 0) for row in rows.tolist()] for rows in (found, wanted)]
    counted = edits(found, wanted)
    for i, (ours, true) in enumerate(zip(*texts, strict=True)):
        if true:
            assert counted[i].item() == round(char_error_rate(ours, true).item() * len(true))
        else:
            assert counted[i].item() == len(ours)


def test_lengths_end_at_the_blank_or_below_0() -> None:
    rows = torch.tensor([[2, 1, 0, 0], [1, 1, 1, 1], [-1, -1, -1, -1], [3, -1, -1, -1]])
    assert lengths_of(rows, 0).tolist() == [2, 4, 0, 1]
    assert lengths_of(rows, 3).tolist() == [4, 4, 0, 0]


def test_names_of_one_character_are_a_text() -> None:
    assert spelled(torch.tensor([2, 1, -1]), ["-", "a", "b"]) == "ba"
    assert spelled(torch.tensor([2, 1, 7, -1]), ["-", "ah", "b"]) == "b ah 7"
