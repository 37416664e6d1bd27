"""How many images pass through a network, forward and back: what a method costs on any machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor
from torch.autograd.graph import register_multi_grad_hook


@dataclass
class Passes:
    """Images, of all seeds together, that went through a network; backward: whose gradient came back to outputs.

    One image may pass several times: as a teacher's input, once for every label, to measure importance. Hooks look
    on and change no number. counting: False within `aside`.
    """

    forward: int = 0
    backward: int = 0
    counting: bool = True

    def count(self, images: int, outputs: Tensor | Sequence[Tensor]) -> None:
        """Of one pass of so many images, [S, B, ...] as S · B; what comes back is counted when it does."""
        if not self.counting:
            return
        self.forward += images

        def back(gradient: object) -> None:
            self.backward += images

        each = [t for t in ([outputs] if isinstance(outputs, Tensor) else outputs) if t.requires_grad]
        if len(each) == 1:
            each[0].register_hook(back)
        elif each:
            register_multi_grad_hook(each, back, mode="any")  # once, however many of them a loss depends on

    @contextmanager
    def aside(self, images: int = 0) -> Iterator[None]:
        """Within, nothing is counted, but for these images there and back: of probes, which are the program's and
        no method's, and of passes in which tensors take no hooks."""
        before, self.counting = self.counting, False
        try:
            yield
        finally:
            self.counting = before
        if before:
            self.forward += images
            self.backward += images
