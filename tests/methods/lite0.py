"""A plugin as a user writes one for weights of elsewhere: EfficientNet-Lite0 of efficientnet_lite_pytorch."""

from efficientnet_lite_pytorch import EfficientNet
from torch import nn

from clbench.registry import networks


@networks.register("efficientnet-lite0")
class Lite0(nn.Module):
    """EfficientNet-Lite0 below its last layer; takes no gates."""

    def __init__(self, input_shape):
        super().__init__()
        whole = EfficientNet.from_name("efficientnet-lite0")
        for name in ("_conv_stem", "_bn0", "_blocks", "_conv_head", "_bn1"):
            setattr(self, name, getattr(whole, name))
        self.features = whole._fc.in_features

    def forward(self, x, gates):
        x = self._bn0(self._conv_stem(x)).clamp(0, 6)
        for block in self._blocks:
            x = block(x)  # without the connections that it could drop, which torch's global generator would draw
        return self._bn1(self._conv_head(x)).clamp(0, 6).mean((2, 3))
