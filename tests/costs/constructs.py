"""What a CNN author writes beside convolutions and batch norms, and what each construct costs by what rule.

A row is a name, the construct, its FLOPs and its MACs by arithmetic, and the rule. Its input is a map of C x H x W
where no shape stands at the end. The rules: E one an element of the result; R one an element of the input; M moving is
free; P one a multiply-add; and what is written out.
"""

import warnings
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

C, H, W = 4, 6, 10
MAP, PIXELS = C * H * W, H * W
LENGTH, WIDTH = 5, 8
"""Of a sequence: tokens and features."""


class Construct(NamedTuple):
    name: str
    made: Callable[[Tensor], object] | nn.Module
    flops: int
    macs: int
    rule: str
    shape: tuple[int, ...] = (1, C, H, W)


def elementwise(name: str, made: Callable[[Tensor], object] | nn.Module, times: int = 1) -> Construct:
    return Construct(name, made, times * MAP, 0, "E" if times == 1 else f"{times} E")


def reduction(name: str, made: Callable[[Tensor], object] | nn.Module) -> Construct:
    return Construct(name, made, MAP, 0, "R")


def move(name: str, made: Callable[[Tensor], object] | nn.Module) -> Construct:
    return Construct(name, made, 0, 0, "M")


def product(name: str, made: Callable[[Tensor], object] | nn.Module, count: int, *shape: int) -> Construct:
    return Construct(name, made, count, count, "P", shape or (1, C, H, W))


def written(module: Callable[..., Tensor]) -> Callable[[Tensor], Tensor]:
    """A function that writes into a copy of its input, which is free."""

    def write(x: Tensor) -> Tensor:
        y = x.clone()
        module(y)
        return y

    return write


def zero_half(y: Tensor) -> Tensor:
    y[:, ::2] = 0
    return y


def write_half(y: Tensor) -> Tensor:
    y[:, : C // 2] = y[:, C // 2 :]
    return y


def add_half(y: Tensor) -> Tensor:
    y[:, ::2] += 1
    return y


def attended(x: Tensor) -> Tensor:
    """Attention of a token to all others, spelled out."""
    return ((x @ x.transpose(-1, -2)) * 0.5).softmax(-1) @ x


class SelfAttention(nn.Module):
    def __init__(self, *, batch_first: bool = True, need_weights: bool = False) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, 2, batch_first=batch_first)
        self.need_weights = need_weights

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x, need_weights=self.need_weights)[0]


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        self.recurrent = kind(WIDTH, WIDTH, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.recurrent(x)[0]


class MemoryEfficientSwish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient * torch.sigmoid(x)


def normed(norm: Callable[[nn.Module], nn.Module], layer: nn.Module) -> nn.Module:
    with warnings.catch_warnings(action="ignore"):  # torch deprecates the older of its two spellings
        return norm(layer)


SCORES = LENGTH * LENGTH
SEQUENCE = (1, LENGTH, WIDTH)
TOKENS = LENGTH * WIDTH
KERNEL = 9 * C * MAP
WEIGHT = C * C * 9
ATTENTION = 2 * SCORES * WIDTH
PROJECTED = 4 * TOKENS * WIDTH

ACTIVATIONS = [
    elementwise("ReLU", nn.ReLU()),
    elementwise("ReLU in place", nn.ReLU(inplace=True)),
    elementwise("ReLU6", nn.ReLU6()),
    elementwise("LeakyReLU", nn.LeakyReLU()),
    elementwise("LeakyReLU in place", nn.LeakyReLU(inplace=True)),
    elementwise("PReLU", nn.PReLU()),
    elementwise("PReLU of channels", nn.PReLU(C)),
    elementwise("RReLU", nn.RReLU()),
    elementwise("ELU", nn.ELU()),
    elementwise("ELU in place", nn.ELU(inplace=True)),
    elementwise("SELU", nn.SELU()),
    elementwise("CELU", nn.CELU()),
    elementwise("GELU", nn.GELU()),
    elementwise("GELU by tanh", nn.GELU(approximate="tanh")),
    elementwise("SiLU", nn.SiLU()),
    elementwise("Mish", nn.Mish()),
    elementwise("Mish in place", nn.Mish(inplace=True)),
    elementwise("Softplus", nn.Softplus()),
    elementwise("Hardswish", nn.Hardswish()),
    elementwise("Hardsigmoid", nn.Hardsigmoid()),
    elementwise("Hardtanh", nn.Hardtanh()),
    elementwise("Hardshrink", nn.Hardshrink()),
    elementwise("Softshrink", nn.Softshrink()),
    elementwise("Tanhshrink: x - tanh x", nn.Tanhshrink(), 2),
    elementwise("Softsign: x / (1 + |x|)", nn.Softsign(), 3),
    elementwise("LogSigmoid", nn.LogSigmoid()),
    elementwise("Threshold", nn.Threshold(0.1, 0.0)),
    elementwise("Softmax", nn.Softmax(1)),
    elementwise("Softmax2d", nn.Softmax2d()),
    elementwise("LogSoftmax", nn.LogSoftmax(1)),
    elementwise("Softmin: softmax of -x", nn.Softmin(1), 2),
    elementwise("log_softmax, in float64", lambda x: F.log_softmax(x, 1, dtype=torch.float64)),
    elementwise("GLU: a σ(b), two of half the channels", nn.GLU(1)),
    elementwise("Swish: x σ(βx)", lambda x: x * (1.5 * x).sigmoid(), 3),
    elementwise("x tanh softplus x", lambda x: x * F.softplus(x).tanh(), 3),
    elementwise("x relu6(x + 3) / 6", lambda x: x * F.relu6(x + 3) / 6, 4),
    elementwise("squared ReLU", lambda x: F.relu(x).square(), 2),
    elementwise("maxout of two", lambda x: torch.maximum(x, -x), 2),
    elementwise("memory-efficient swish: a function with a backward", MemoryEfficientSwish.apply, 2),
    Construct("SwiGLU: silu(a) b", lambda x: F.silu(x[:, :2]) * x[:, 2:], MAP, 0, "2 E of half the channels"),
    Construct("concatenated ReLU", lambda x: F.relu(torch.cat([x, -x], 1)), 3 * MAP, 0, "E of -x, E of twice as many"),
]
ARITHMETIC = [
    elementwise("abs", torch.abs),
    elementwise("sin", torch.sin),
    elementwise("erf", torch.erf),
    elementwise("log1p", torch.log1p),
    elementwise("sign", torch.sign),
    elementwise("reciprocal", torch.reciprocal),
    elementwise("rounding", torch.round),
    elementwise("nan_to_num", torch.nan_to_num),
    elementwise("bessel function", torch.special.bessel_j0),
    elementwise("x ** 3", lambda x: x**3),
    elementwise("2 ** x", lambda x: 2**x),
    elementwise("x % 2", lambda x: x % 2),
    elementwise("-x", lambda x: -x),
    elementwise("1 / x", lambda x: 1 / x, 2),
    elementwise("x != 0", lambda x: x != 0),
    elementwise("x <= 0", lambda x: x <= 0),
    elementwise("(x > 0) & (x < 1)", lambda x: (x > 0) & (x < 1), 3),
    elementwise("~(x > 0)", lambda x: ~(x > 0), 2),
    elementwise("logical_or", lambda x: torch.logical_or(x, x)),
    elementwise("where", lambda x: torch.where(x > 0, x, 0.1), 2),
    elementwise("masked_fill", lambda x: x.masked_fill(x > 0, 0.0), 2),
    elementwise("masked_fill in place", written(lambda y: y.masked_fill_(y > 0, 0.0)), 2),
    elementwise("triu", torch.triu),
    elementwise("lerp", lambda x: torch.lerp(x, x, 0.5), 2),
    elementwise("addcmul", lambda x: torch.addcmul(x, x, x), 2),
    elementwise("atan2", lambda x: torch.atan2(x, x)),
    elementwise("clamp", lambda x: x.clamp(-1, 1)),
    elementwise("minimum", lambda x: torch.minimum(x, x)),
    elementwise("max of two", lambda x: torch.max(x[:, :1], x)),
    elementwise("add in place", written(lambda y: y.add_(1))),
    elementwise("mul in place", written(lambda y: y.mul_(2).sub_(1)), 2),
    elementwise("exp in place", written(Tensor.exp_)),
    elementwise("fake quantization", lambda x: torch.fake_quantize_per_tensor_affine(x, 0.1, 0, 0, 255)),
    Construct("add to half in place", written(add_half), MAP // 2, 0, "E of what is written"),
    Construct("outer product", lambda x: torch.outer(x, x), 36, 0, "E", (6,)),
]
REDUCTIONS = [
    reduction("prod", lambda x: x.prod(1)),
    reduction("argmax", lambda x: x.argmax(1)),
    reduction("logsumexp", lambda x: x.logsumexp(1)),
    reduction("any", lambda x: x.any()),
    reduction("var_mean", lambda x: torch.var_mean(x, (2, 3))),
    reduction("median", lambda x: x.median(1).values),
    reduction("norm", lambda x: x.norm(dim=1)),
    reduction("vector norm", lambda x: torch.linalg.vector_norm(x, dim=1)),
    reduction("cumsum", lambda x: x.cumsum(1)),
    reduction("cumprod", lambda x: x.cumprod(1)),
    reduction("cummax", lambda x: x.cummax(1).values),
    reduction("topk", lambda x: x.topk(2, dim=1).values),
    reduction("kthvalue", lambda x: x.kthvalue(2, dim=1).values),
    reduction("AvgPool2d", nn.AvgPool2d(2)),
    reduction("MaxPool2d with indices", nn.MaxPool2d(2, return_indices=True)),
    reduction("AdaptiveAvgPool2d of 2x2", nn.AdaptiveAvgPool2d(2)),
    reduction("AdaptiveMaxPool2d", nn.AdaptiveMaxPool2d((1, None))),
    reduction("adaptive_avg_pool1d", lambda x: F.adaptive_avg_pool1d(x.flatten(2), 1)),
    reduction("AvgPool3d", lambda x: F.avg_pool3d(x[None], 2)),
    reduction("AdaptiveMaxPool1d", lambda x: F.adaptive_max_pool1d(x.flatten(2), 1)),
    reduction("fold", lambda x: F.fold(x.reshape(1, 2 * 4, 30), (7, 6), 2)),
    Construct("sort", lambda x: x.sort(1).values, MAP * 2, 0, "n ⌈log2 n⌉ comparisons of n = 4"),
    Construct(
        "generalized mean",
        lambda x: F.avg_pool2d(x.clamp(min=1e-6).pow(3), (H, W)).pow(1 / 3),
        3 * MAP + C,
        0,
        "2 E, R, E",
    ),
    # The average of x ** 2, which is scaled to a sum, and its root; torch takes the sign and the ReLU of |x| first.
    Construct("LPPool2d", nn.LPPool2d(2, 2), 2 * MAP + 6 * C * 15, 0, "E and R of the map, 6 E of the pooled"),
    Construct("standard deviation pooling", lambda x: x.flatten(2).std(-1), MAP, 0, "R"),
    Construct("L2 normalize", lambda x: F.normalize(x, dim=1), 2 * MAP + PIXELS, 0, "R, E of the norms, E"),
    Construct("einsum that sums", lambda x: torch.einsum("bchw->bc", x), MAP, 0, "R"),
]
MOVES = [
    move("channel shuffle", nn.ChannelShuffle(2)),
    move("channel shuffle, spelled out", lambda x: x.view(1, 2, 2, H, W).transpose(1, 2).reshape(1, C, H, W)),
    move("flip", lambda x: x.flip(3)),
    move("roll", lambda x: x.roll(1, 2)),
    move("rot90", lambda x: torch.rot90(x, 1, (2, 3))),
    move("repeat", lambda x: x.repeat(1, 2, 1, 1)),
    move("tile", lambda x: x.tile(2)),
    move("repeat_interleave", lambda x: x.repeat_interleave(2, dim=1)),
    move("expand", lambda x: x[:, :1].expand_as(x)),
    move("Unflatten", nn.Unflatten(1, (2, 2))),
    move("unflatten", lambda x: x.unflatten(1, (2, -1))),
    move("movedim", lambda x: x.movedim(1, -1)),
    move("Unfold", nn.Unfold(3)),
    move("unfold of a dimension", lambda x: x.unfold(2, 2, 2)),
    move("PixelUnshuffle", nn.PixelUnshuffle(2)),
    move("PixelShuffle", nn.PixelShuffle(2)),
    move("ReflectionPad2d", nn.ReflectionPad2d(1)),
    move("ReplicationPad2d", nn.ReplicationPad2d(1)),
    move("CircularPad2d", nn.CircularPad2d(1)),
    move("ZeroPad2d", nn.ZeroPad2d(1)),
    move("chunk and cat", lambda x: torch.cat(x.chunk(2, 1)[::-1], 1)),
    move("split and stack", lambda x: torch.stack(x.split(2, 1))),
    move("hstack", lambda x: torch.hstack([x, x])),
    move("tensor_split", lambda x: torch.tensor_split(x, 2, 1)[0]),
    move("index_select", lambda x: x.index_select(1, torch.tensor([0, 2]))),
    move("indexing by a list", lambda x: x[:, [0, 2]]),
    move("gather", lambda x: x.gather(1, torch.zeros(1, 2, H, W, dtype=torch.long))),
    move("take_along_dim", lambda x: torch.take_along_dim(x, torch.zeros(1, 2, H, W, dtype=torch.long), 1)),
    move("scatter", lambda x: x.scatter(1, torch.zeros(1, 2, H, W, dtype=torch.long), x)),
    move("clone", torch.clone),
    move("zeros in place", written(zero_half)),
    move("copy in place", written(write_half)),
    move("masked assignment in place", written(lambda y: y.index_fill_(1, torch.tensor([0]), 0))),
    move("zeros and ones", lambda x: torch.cat([torch.zeros_like(x), x.new_ones(x.shape)], 1)),
    move("one_hot", lambda x: F.one_hot(x.long(), C)),
    move("Embedding", lambda x: F.embedding(torch.arange(2), x[0, 0])),
    move("view as complex", lambda x: torch.view_as_complex(x.reshape(1, C, H, W // 2, 2)).real),
    move("half precision", lambda x: x.half().float()),
    move("Dropout2d", nn.Dropout2d(0.5)),
    move("AlphaDropout", nn.AlphaDropout(0.5)),
    move("MaxUnpool2d", lambda x: F.max_unpool2d(x, torch.zeros(1, C, H, W, dtype=torch.long), 2)),
    move("shapes", lambda x: x.view(-1, x.size(1) * x.size(2) // 2 if x.size(2) > 1 else 1)),
]
NORMS = [
    Construct("BatchNorm2d", nn.BatchNorm2d(C), 2 * MAP, 0, "2 an element"),
    Construct("LayerNorm", nn.LayerNorm([C, H, W]), 5 * MAP, 0, "mean, variance, difference, scale, weight"),
    Construct("LayerNorm, no weight", nn.LayerNorm(W, elementwise_affine=False), 4 * MAP, 0, "the same, no weight"),
    Construct("GroupNorm", nn.GroupNorm(2, C), 5 * MAP, 0, "as layer norm"),
    Construct("InstanceNorm2d", nn.InstanceNorm2d(C), 4 * MAP, 0, "as layer norm, no weight"),
    Construct("RMSNorm", nn.RMSNorm(W), 4 * MAP, 0, "square, mean, scale, weight"),
    Construct("RMSNorm, no weight", nn.RMSNorm(W, elementwise_affine=False), 3 * MAP, 0, "the same, no weight"),
    # Square; mean of neighbors; two numbers to add and scale; power; quotient.
    Construct(
        "LocalResponseNorm", nn.LocalResponseNorm(3), MAP + PIXELS * (C + 2) + 4 * MAP, 0, "R of the padded, 5 E"
    ),
    Construct(
        "layer norm over channels",
        lambda x: F.layer_norm(x.permute(0, 2, 3, 1), (C,)).permute(0, 3, 1, 2),
        4 * MAP,
        0,
        "as layer norm",
    ),
    Construct(
        "global response norm",
        lambda x: x * (x.norm(dim=(2, 3), keepdim=True) / x.norm(dim=(2, 3), keepdim=True).mean(1, keepdim=True)) + x,
        2 * MAP + 2 * C + 2 * MAP,
        0,
        "2 R, R and E of the norms, 2 E",
    ),
    Construct(
        "weight norm",
        normed(parametrizations.weight_norm, nn.Conv2d(C, C, 3, padding=1)),
        KERNEL + 2 * WEIGHT,
        KERNEL,
        "P, and norm and scale of the weight",
    ),
    Construct(
        "old weight norm", normed(nn.utils.weight_norm, nn.Linear(W, 3)), 3 * MAP + 2 * 3 * W, 3 * MAP, "the same"
    ),
    # σ = u · (W v), and W / σ.
    Construct(
        "spectral norm",
        normed(parametrizations.spectral_norm, nn.Conv2d(C, C, 3, padding=1)),
        KERNEL + WEIGHT + C + WEIGHT,
        KERNEL,
        "P, W v, u · W v, quotient",
    ),
    Construct(
        "standardized weight",
        lambda x: F.conv2d(x, x.new_ones(C, C, 3, 3) - x.new_ones(C, C, 3, 3).mean((1, 2, 3), keepdim=True), padding=1),
        KERNEL + 2 * WEIGHT,
        KERNEL,
        "P, R and E of the weight",
    ),
]
RESIZED = [
    elementwise("nearest", nn.Upsample(scale_factor=2), 4),
    elementwise("nearest-exact", nn.Upsample(scale_factor=2, mode="nearest-exact"), 4),
    elementwise("bilinear: four neighbors", nn.Upsample(scale_factor=2, mode="bilinear"), 16),
    elementwise("bicubic: sixteen neighbors", nn.Upsample(scale_factor=2, mode="bicubic"), 64),
    elementwise("linear: two neighbors", lambda x: F.interpolate(x.flatten(2), scale_factor=2, mode="linear"), 4),
    elementwise("trilinear: eight neighbors", lambda x: F.interpolate(x[None], size=(C, H, W), mode="trilinear"), 8),
    reduction("area", lambda x: F.interpolate(x, size=(3, 5), mode="area")),
    Construct(
        "bilinear without aliasing",
        lambda x: F.interpolate(x, size=(3, 5), mode="bilinear", antialias=True),
        C * 5 * (H * 4 + 3 * 4),
        0,
        "four taps an element of each pass",
    ),
    elementwise(
        "grid_sample: four neighbors", lambda x: F.grid_sample(x, x.new_zeros(1, H, W, 2), align_corners=False), 4
    ),
    elementwise(
        "grid_sample, nearest", lambda x: F.grid_sample(x, x.new_zeros(1, H, W, 2), mode="nearest", align_corners=False)
    ),
    Construct(
        "affine_grid",
        lambda x: F.affine_grid(x[:, 0, :2, :3], (1, C, H, W), align_corners=False),
        PIXELS * 2 * 3,
        0,
        "2x3 numbers a pixel",
    ),
]
PRODUCTS = [
    product("Conv2d", nn.Conv2d(C, C, 3, padding=1), KERNEL),
    product("Conv2d with padding same", nn.Conv2d(C, C, 3, padding="same"), KERNEL),
    product("Conv2d with padding valid", nn.Conv2d(C, C, 3, padding="valid"), 9 * C * C * (H - 2) * (W - 2)),
    product("Conv2d with reflected padding", nn.Conv2d(C, C, 3, padding=1, padding_mode="reflect"), KERNEL),
    product("Conv2d of groups, dilated", nn.Conv2d(C, C, 3, padding=2, dilation=2, groups=2), KERNEL // 2),
    product("Conv2d without a batch", lambda x: F.conv2d(x[0], x.new_ones(2, C, 1, 1)), 2 * MAP),
    product("Conv1d", nn.Conv1d(LENGTH, 3, 3, padding="same"), 3 * 3 * TOKENS, *SEQUENCE),
    product("Conv3d", nn.Conv3d(1, 2, 3, padding=1), 27 * 2 * MAP, 1, 1, C, H, W),
    product("ConvTranspose2d", nn.ConvTranspose2d(C, 3, 2, stride=2), 3 * 4 * MAP),
    product("ConvTranspose2d of groups", nn.ConvTranspose2d(C, C, 4, 2, 1, groups=C), 16 * MAP),
    product("ConvTranspose1d", nn.ConvTranspose1d(LENGTH, 3, 2), 3 * 2 * TOKENS, *SEQUENCE),
    product("Linear of each pixel", nn.Linear(W, 3), 3 * MAP),
    product("x xᵀ", lambda x: x @ x.mT, MAP * H),
    product("matmul that broadcasts its first factor", lambda x: x.new_ones(3, H) @ x, 3 * MAP),
    product("matmul that broadcasts its second factor", lambda x: x @ x.new_ones(W, 3), 3 * MAP),
    product("matmul of heads", lambda x: x.new_ones(1, 1, 2, H) @ x, 2 * MAP),
    product("row times matrix", lambda x: x[0] @ x.T, LENGTH * WIDTH, LENGTH, WIDTH),
    product("bmm", lambda x: torch.bmm(x, x.mT), SCORES * WIDTH, *SEQUENCE),
    product("baddbmm", lambda x: torch.baddbmm(x.new_zeros(1), x, x.mT), SCORES * WIDTH, *SEQUENCE),
    product("addmm", lambda x: torch.addmm(x.new_zeros(1), x, x.T), SCORES * WIDTH, LENGTH, WIDTH),
    product("einsum of matrices", lambda x: torch.einsum("bij,bkj->bik", x, x), SCORES * WIDTH, *SEQUENCE),
    Construct("einsum of an outer product", lambda x: torch.einsum("bi,bj->bij", x, x), 2 * 64, 0, "E", (2, WIDTH)),
    product("einsum with an ellipsis", lambda x: torch.einsum("...ij,jk->...ik", x, x.new_ones(W, 3)), 3 * MAP),
    product("tensordot", lambda x: torch.tensordot(x, x.new_ones(W, 3), dims=1), 3 * MAP),
    product("multi_dot", lambda x: torch.linalg.multi_dot([x, x.T]), SCORES * WIDTH, LENGTH, WIDTH),
    product("Gram matrix", lambda x: x.flatten(2) @ x.flatten(2).mT, C * MAP),
    Construct(
        "matrix times vector", lambda x: x @ x.new_ones(WIDTH), TOKENS, 0, "P, of a vector no MACs", (LENGTH, WIDTH)
    ),
    Construct("dot", lambda x: x @ x, WIDTH, 0, "P, of a vector no MACs", (WIDTH,)),
    Construct("Bilinear", lambda x: F.bilinear(x, x, x.new_ones(3, 2, 2)), 5 * 3 * (4 + 2), 0, "xᵀ W y", (5, 2)),
    Construct(
        "covariance of channels",
        lambda x: torch.cov(x[0].flatten(1)),
        C * MAP + 2 * MAP + C * C,
        C * MAP,
        "P, R, E, and E of the covariances",
    ),
    Construct("cdist", lambda x: torch.cdist(x, x), SCORES * WIDTH, 0, "one a coordinate of a pair", SEQUENCE),
    Construct(
        "cosine similarity of pixels",
        lambda x: F.cosine_similarity(x, x, 1),
        6 * MAP + 2 * PIXELS,
        0,
        "2 R, 3 E, R; E of the norms",
    ),
]
ATTENTIONS = [
    Construct(
        "scaled dot product attention",
        lambda x: F.scaled_dot_product_attention(x, x, x),
        ATTENTION + 2 * SCORES,
        ATTENTION,
        "P, and scale and softmax of the scores",
        (1, 1, LENGTH, WIDTH),
    ),
    Construct(
        "the same with a mask",
        lambda x: F.scaled_dot_product_attention(x, x, x, attn_mask=x.new_zeros(LENGTH, LENGTH)),
        ATTENTION + 3 * SCORES,
        ATTENTION,
        "one more a score",
        (1, 1, LENGTH, WIDTH),
    ),
    Construct("the same spelled out", attended, ATTENTION + 2 * SCORES, ATTENTION, "P, 2 E", SEQUENCE),
    Construct(
        "MultiheadAttention",
        SelfAttention(),
        PROJECTED + ATTENTION + 4 * SCORES,
        PROJECTED + ATTENTION,
        "P, and 2 a score of both heads",
        SEQUENCE,
    ),
    Construct(
        "MultiheadAttention, tokens first",
        SelfAttention(batch_first=False),
        PROJECTED + ATTENTION + 4 * SCORES,
        PROJECTED + ATTENTION,
        "the same",
        (LENGTH, 1, WIDTH),
    ),
    Construct(
        "MultiheadAttention with its weights",
        SelfAttention(need_weights=True),
        PROJECTED + ATTENTION + 2 * SCORES + TOKENS,
        PROJECTED + ATTENTION,
        "P, softmax of both heads, the scaled query",
        SEQUENCE,
    ),
    Construct(
        "TransformerEncoderLayer",
        nn.TransformerEncoderLayer(WIDTH, 2, 16, batch_first=True),
        PROJECTED + ATTENTION + 4 * SCORES + 2 * 16 * TOKENS + LENGTH * 16 + 2 * TOKENS + 2 * 5 * TOKENS,
        PROJECTED + ATTENTION + 2 * 16 * TOKENS,
        "attention, two layers with a ReLU, two additions, two norms",
        SEQUENCE,
    ),
]
FOURIER = [
    Construct(
        "fft2: 5 n log2 n", lambda x: torch.fft.fft2(torch.complex(x, x)), 5 * 64 * 4, 0, "complex", (1, 4, 4, 4)
    ),
    Construct("rfft2: half", lambda x: torch.fft.rfft2(x), 5 * 64 * 4 // 2, 0, "real", (1, 4, 4, 4)),
    Construct(
        "rfft2, a filter, irfft2",
        lambda x: torch.fft.irfft2(torch.fft.rfft2(x, norm="ortho") * 2, norm="ortho"),
        5 * 64 * 4 + 4 * 4 * 3,
        0,
        "two real transforms, E of half the spectrum",
        (1, 4, 4, 4),
    ),
    move("fftshift", torch.fft.fftshift),
]
RECURRENT = [
    Construct(
        name,
        Recurrent(kind),
        2 * gates * TOKENS * WIDTH + others * TOKENS,
        2 * gates * TOKENS * WIDTH,
        f"P of {gates} gates, and {others} operations a feature",
        SEQUENCE,
    )
    for name, kind, gates, others in (("LSTM", nn.LSTM, 4, 13), ("GRU", nn.GRU, 3, 10), ("RNN", nn.RNN, 1, 2))
]

CONSTRUCTS = [
    *ACTIVATIONS,
    *ARITHMETIC,
    *REDUCTIONS,
    *MOVES,
    *NORMS,
    *RESIZED,
    *PRODUCTS,
    *ATTENTIONS,
    *FOURIER,
    *RECURRENT,
]
TORCH_COUNTS_NOTHING = {"LSTM"}
"""Torch's own counter does not look into what a CPU fuses."""
