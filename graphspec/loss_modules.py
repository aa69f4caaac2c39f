"""Losses as modules that torch.nn has not, or whose tensors a spec gives in another form."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphspec.sequences import lengths_of


class Mean(nn.Module):
    """The mean of an output, which is a loss already: a VAE's KL term, a penalty."""

    def forward(self, input: Tensor) -> Tensor:
        """A scalar."""
        return input.mean()


class CTCLoss(nn.CTCLoss):
    """Connectionist temporal classification (Graves et al. 2006): torch's, of log-probabilities N × classes × T and
    targets N × S, behind which stand the blank or numbers below 0.

    Args:
        blank: the class that stands for none.
        zero_infinity: whether a sample whose target does not fit into its steps counts as 0.
        input_lengths: the output, or the field of the data, that says how many of its T steps each sample has; all of
            them without it.
        target_lengths: the field of the data that says how many classes each target has; those before the blank or a
            number below 0 without it.
    """

    def __init__(
        self,
        blank: int = 0,
        reduction: str = "mean",
        zero_infinity: bool = False,
        input_lengths: str = "",
        target_lengths: str = "",
    ) -> None:
        super().__init__(blank, reduction, zero_infinity)
        self.named = {"input_lengths": input_lengths, "target_lengths": target_lengths}

    def forward(
        self,
        log_probs: Tensor,
        targets: Tensor,
        input_lengths: Tensor | None = None,
        target_lengths: Tensor | None = None,
    ) -> Tensor:
        """A scalar. Lengths are ``N`` whole numbers, of any dtype."""
        count, _, steps = log_probs.shape
        given = torch.full((count,), steps) if input_lengths is None else input_lengths
        wanted = lengths_of(targets, self.blank) if target_lengths is None else target_lengths
        whole = [each.detach().reshape(-1).to("cpu", torch.int64) for each in (given, wanted)]
        return super().forward(log_probs.permute(2, 0, 1), targets.clamp(min=0), *whole)


class BatchHardTripletLoss(nn.Module):
    """The triplet loss of each sample with the farthest of its class and the nearest of another in the batch (Hermans
    et al. 2017): the mean over the samples that have both.

    Args:
        margin: how much nearer the one has to be than the other.
        p: the norm that distances are measured by.
    """

    def __init__(self, margin: float = 1.0, p: float = 2.0) -> None:
        super().__init__()
        if margin <= 0 or p <= 0:
            raise ValueError(f"margin and p are above 0, not {margin!r} and {p!r}")
        self.margin, self.p = margin, p

    def forward(self, embedding: Tensor, labels: Tensor) -> Tensor:
        """A scalar, of embeddings ``N × features`` and classes ``N``."""
        distance = nn.functional.pairwise_distance(embedding.unsqueeze(1), embedding.unsqueeze(0), self.p)
        same = labels.unsqueeze(0) == labels.unsqueeze(1)
        partner = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        farthest = distance.masked_fill(~partner, -torch.inf).amax(1)
        nearest = distance.masked_fill(same, torch.inf).amin(1)
        counts = partner.any(1) & (~same).any(1)
        loss = torch.where(counts, farthest - nearest, -self.margin).add(self.margin).relu()
        return loss.sum() / counts.sum().clamp(min=1)
