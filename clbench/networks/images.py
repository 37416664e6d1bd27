"""What networks of images have in common: the shape they need, how many maps a width gives, memory order."""

from __future__ import annotations

from torch import Tensor

from clbench.errors import UserError


def images_of_at_least(pixels: int, input_shape: tuple[int, ...], network: str) -> int:
    """The channels of a stream's images; UserError where it shows none, or too small ones."""
    if len(input_shape) != 3 or min(input_shape[1:]) < pixels:
        shape = "x".join(map(str, input_shape))
        needed = f"images of at least {pixels}x{pixels} pixels"
        raise UserError(f"{network} takes {needed}, and this stream shows {shape} numbers")
    return input_shape[0]


def quarter_of(input_shape: tuple[int, ...], network: str) -> tuple[int, int, int]:
    """Channels of a stream's images, and a quarter of their sides; UserError where these are no multiples of 4."""
    channels, (_, height, width) = images_of_at_least(8, input_shape, network), input_shape
    if height % 4 or width % 4:
        raise UserError(
            f"{network} paints images whose sides are multiples of 4, and this stream shows {height}x{width}; "
            "--set stream.size=32"
        )
    return channels, height // 4, width // 4


def maps_of(maps: int, width: float) -> int:
    """Maps of a convolution at `width` times its own; at least one."""
    return max(round(maps * width), 1)


def channels_last(x: Tensor) -> Tensor:
    """The same images, the channels of a pixel side by side in memory: a CPU convolves and pools them faster."""
    return x.movedim(1, -1).contiguous().movedim(-1, 1)
