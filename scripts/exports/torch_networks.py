"""Small networks in PyTorch, one for each kind of layer that exporters write in their own way."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

IMAGE = (3, 8, 8)
WIDE = (8, 4, 4)
TOKENS = (6, 8)
SIGNAL = (4, 16)


def conv(inputs: int, outputs: int, size: int = 3, **more: int) -> nn.Sequential:
    """Return convolution, batch norm and ReLU."""
    padded = nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False, **more)
    return nn.Sequential(padded, nn.BatchNorm2d(outputs), nn.ReLU())


def shuffle(x: Tensor) -> Tensor:
    """Take channels of two halves in turn."""
    batch, channels, height, width = x.shape
    halves = x.view(batch, 2, channels // 2, height, width).transpose(1, 2)
    return halves.reshape(batch, channels, height, width)


class Residual(nn.Module):
    """y = relu(x + f(x))."""

    def __init__(self, inner: nn.Module, outer: nn.Module | None = None) -> None:
        super().__init__()
        self.inner = inner
        self.outer = outer or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.outer(x + self.inner(x))


class SqueezeExcite(nn.Module):
    """Scale channels by what their means say."""

    def __init__(self, channels: int, gate: nn.Module) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.down = nn.Conv2d(channels, channels // 2, 1)
        self.up = nn.Conv2d(channels // 2, channels, 1)
        self.gate = gate

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(self.up(functional.relu(self.down(self.pool(x)))))


class UNet(nn.Module):
    """Down, up by `mode`, and the early channels beside the late ones."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.first, self.second = conv(3, 4), conv(4, 6)
        corners = False if mode == "bilinear" else None
        self.up = nn.Upsample(scale_factor=2, mode=mode, align_corners=corners)
        self.last = nn.Conv2d(10, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        early = self.first(x)
        late = self.up(self.second(functional.max_pool2d(early, 2)))
        return self.last(torch.cat([early, late], dim=1))


class Interpolated(nn.Module):
    """Resize to a size that is asked of the other operand."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 4, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        low = self.down(x)
        return functional.interpolate(low, size=x.shape[2:], mode="bilinear", align_corners=False)


class Recurrent(nn.Module):
    """The last step of a recurrent layer, classified."""

    def __init__(self, kind: type[nn.LSTM] | type[nn.GRU], *, both: bool = False) -> None:
        super().__init__()
        self.layer = kind(4, 6, batch_first=True, bidirectional=both)
        self.dense = nn.Linear(12 if both else 6, 3)

    def forward(self, x: Tensor) -> Tensor:
        steps, _ = self.layer(x)
        return self.dense(steps[:, -1])


class Attention(nn.Module):
    """A transformer block: attention and a feed-forward layer, each behind a layer norm."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(8), nn.LayerNorm(8)])
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.dense = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norms[0](x)
        x = x + self.attention(normed, normed, normed, need_weights=False)[0]
        return x + self.dense(self.norms[1](x))


class ScaledDotProduct(nn.Module):
    """Attention as functions, heads apart."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        heads = self.qkv(x).reshape(batch, length, 3, 2, 4).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(heads[0], heads[1], heads[2])
        return self.out(mixed.transpose(1, 2).reshape(batch, length, width))


class Shuffled(nn.Module):
    """Grouped convolutions with a channel shuffle between them."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(8, 8, 1, groups=2)
        self.second = nn.Conv2d(8, 8, 3, padding=1, groups=4)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(shuffle(functional.relu(self.first(x))))


class Ports(nn.Module):
    """Two inputs of different kinds, two outputs of different kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.image, self.vector = conv(3, 4), nn.Linear(5, 4)
        self.head = nn.Linear(4, 3)

    def forward(self, image: Tensor, vector: Tensor) -> tuple[Tensor, Tensor]:
        mixed = self.image(image) + self.vector(vector)[:, :, None, None]
        return mixed, self.head(mixed.mean(dim=(2, 3)))


class Padded(nn.Module):
    """Every padding layer, on rows and columns of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.pads = nn.Sequential(
            nn.ZeroPad2d((1, 0, 2, 1)),
            nn.Conv2d(3, 4, 3),
            nn.ReflectionPad2d(1),
            nn.Conv2d(4, 4, 3),
            nn.ReplicationPad2d((1, 2, 0, 1)),
            nn.Conv2d(4, 2, 3),
            nn.ConstantPad2d(1, 0.5),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.pads(x)


class Softmaxed(nn.Module):
    """A class a pixel: softmax over the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(self.conv(x), dim=1)


class Flattened(nn.Module):
    """Flatten of an image and dense layers, by `how` one writes it."""

    def __init__(self, how: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.how = how
        self.conv = conv(3, 4, stride=2)
        self.dense = nn.Sequential(nn.Linear(64, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.dense(self.how(self.conv(x)))


class Patches(nn.Module):
    """Patches as tokens, mixed by a layer norm and a dense layer, then averaged."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 8, 4, stride=4)
        self.place = nn.Parameter(torch.randn(1, 4, 8) / 4)
        self.norm, self.dense = nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.embed(x).flatten(2).transpose(1, 2) + self.place
        return self.dense(self.norm(tokens).mean(dim=1))


class Halves(nn.Module):
    """Channels split in two, one half computed on, shuffled: ShuffleNet v2."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, 8, stride=2)
        self.branch = nn.Sequential(conv(4, 4, 1), conv(4, 4, groups=4), conv(4, 4, 1))
        self.last = nn.Conv2d(8, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept, used = self.stem(x).chunk(2, dim=1)
        return self.last(shuffle(torch.cat([kept, self.branch(used)], dim=1)))


def separable() -> nn.Module:
    return nn.Sequential(conv(8, 8, groups=8, stride=2), conv(8, 12, 1))


def inverted_residual() -> nn.Module:
    layers = [nn.Conv2d(8, 16, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU6()]
    layers += [nn.Conv2d(16, 16, 3, padding=1, groups=16, bias=False), nn.BatchNorm2d(16)]
    layers += [nn.ReLU6(), nn.Conv2d(16, 8, 1, bias=False), nn.BatchNorm2d(8)]
    return Residual(nn.Sequential(*layers))


def activations() -> nn.Module:
    kinds = [nn.PReLU(4), nn.LeakyReLU(0.2), nn.ELU(), nn.SiLU(), nn.Hardswish(), nn.Softplus()]
    kinds += [nn.Mish(), nn.Tanh()]
    layers = [nn.Conv2d(3, 4, 1)]
    for kind in kinds:
        layers += [kind, nn.Conv2d(4, 4, 1)]
    return nn.Sequential(*layers)


def signal() -> nn.Module:
    layers = [nn.Conv1d(4, 6, 5, padding=2), nn.BatchNorm1d(6), nn.ReLU(), nn.MaxPool1d(2)]
    layers += [nn.Conv1d(6, 6, 3, dilation=2, groups=2), nn.ReLU(), nn.AvgPool1d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(12, 3))


def residual() -> nn.Module:
    plain = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8))
    return nn.Sequential(Residual(nn.Sequential(conv(8, 8), *plain), nn.ReLU()))


def shrunk() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d((2, 3)), nn.Flatten())


def normed(kind: Callable[[], nn.Module]) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), kind(), nn.ReLU(), nn.Conv2d(4, 2, 1))


def upward() -> nn.Module:
    layers = [nn.ConvTranspose2d(3, 4, 2, stride=2), nn.BatchNorm2d(4), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(4, 2, 3, 2, 1, output_padding=1))


def generator() -> nn.Module:
    layers = [nn.Linear(6, 16), nn.ReLU(), nn.Unflatten(1, (4, 2, 2)), nn.PixelShuffle(2)]
    return nn.Sequential(*layers, nn.Conv2d(1, 3, 3, padding=1), nn.Sigmoid())


Made = tuple[Callable[[], nn.Module], tuple[tuple[int, ...], ...]]
NETWORKS: dict[str, Made] = {
    "activations": (activations, (IMAGE,)),
    "attention": (Attention, (TOKENS,)),
    "conv_bn_relu": (lambda: nn.Sequential(conv(3, 6), conv(6, 4, stride=2)), (IMAGE,)),
    "conv_transpose": (upward, ((3, 3, 3),)),
    "flatten": (lambda: Flattened(nn.Flatten()), (IMAGE,)),
    "flatten_view": (lambda: Flattened(lambda x: x.view(x.size(0), -1)), (IMAGE,)),
    "gru": (lambda: Recurrent(nn.GRU, both=True), ((7, 4),)),
    "halves": (Halves, (IMAGE,)),
    "interpolate": (Interpolated, ((3, 6, 6),)),
    "inverted_residual": (inverted_residual, (WIDE,)),
    "lstm": (lambda: Recurrent(nn.LSTM), ((7, 4),)),
    "norm_group": (lambda: normed(lambda: nn.GroupNorm(2, 4)), (IMAGE,)),
    "norm_instance": (lambda: normed(lambda: nn.InstanceNorm2d(4, affine=True)), (IMAGE,)),
    "pads": (Padded, ((3, 6, 6),)),
    "patches": (Patches, (IMAGE,)),
    "pixel_shuffle": (generator, ((6,),)),
    "pool_adaptive": (shrunk, (IMAGE,)),
    "ports": (Ports, (IMAGE, (5,))),
    "residual": (residual, (WIDE,)),
    "sdpa": (ScaledDotProduct, (TOKENS,)),
    "separable": (separable, (WIDE,)),
    "shuffle": (Shuffled, (WIDE,)),
    "signal": (signal, (SIGNAL,)),
    "softmax": (Softmaxed, ((3, 5, 6),)),
    "squeeze_hard": (lambda: SqueezeExcite(8, nn.Hardsigmoid()), (WIDE,)),
    "squeeze_soft": (lambda: SqueezeExcite(8, nn.Sigmoid()), (WIDE,)),
    "unet_bilinear": (lambda: UNet("bilinear"), (IMAGE,)),
    "unet_nearest": (lambda: UNet("nearest"), (IMAGE,)),
}
