"""How well predicted probabilities tell classes apart: the coefficient of discrimination (Tjur 2009).

doi:10.1198/tast.2009.08210. It is 0 for a prediction that does not look at the image, however rare a class is, and needs no
threshold: in the first steps, when no pixel is yet predicted as a rare class, it shows already whether a network learns.
"""

import torch
from torch import Tensor

from segpipe.losses.regions import class_probabilities
from segpipe.record import IGNORE


def separation_by_class(logits: Tensor, target: Tensor) -> dict[int, float]:
    """The mean probability of each class in its own pixels less that in all others, -1 to 1; 1 is a perfect prediction.

    (N, K, H, W) logits and (N, H, W) class ids; of the classes that some but not all pixels have. Ignored pixels are in no mean.
    """
    probabilities = class_probabilities(logits.detach())
    counted = target != IGNORE
    found = {}
    for number in target[counted].unique().tolist():
        own = target == number
        others = counted & ~own
        if others.any():
            probability = probabilities[:, number]
            found[number] = float(probability[own].mean() - probability[others].mean())
    return found


def separation(logits: Tensor, target: Tensor) -> float | None:
    """The mean over these classes; None where there is only one."""
    found = [*separation_by_class(logits, target).values()]
    return float(torch.tensor(found, dtype=torch.float64).mean()) if found else None
