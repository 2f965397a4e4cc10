"""The FLOPs of each torch operator: a rule by name, on arguments whose tensors need no values.

A multiply-add is 1 FLOP. Element-wise operators take 1 an element, reductions and pooling 1 an input element, batch
norm in eval mode 2 an element, and moving data nothing. The rules of the others follow their arithmetic.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Count = int | Counter[str]
Rule = Callable[[Sequence[Any], Sequence[Any]], Count]
"""Takes the arguments and the results of a call; returns its FLOPs, in a Counter where they go by other names."""

MULTIPLY_ADD_OPERATORS = frozenset(
    ["addmm", "addbmm", "baddbmm", "bmm", "conv", "linear", "matmul", "mm", "scaled_dot_product_attention"]
)
"""The operators whose multiply-adds are MACs: those that torch's FlopCounterMode counts, without vector products."""


def _elements(value: Any) -> int:
    return value.numel() if isinstance(value, Tensor) else 0


def _per_output_element(_inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    return _elements(outputs[0])


def _per_input_element(inputs: Sequence[Any], _outputs: Sequence[Any]) -> int:
    return _elements(inputs[0])


def _free(_inputs: Sequence[Any], _outputs: Sequence[Any]) -> int:
    return 0


def _times(factor: int, rule: Rule) -> Rule:
    def several(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
        count = rule(inputs, outputs)
        assert isinstance(count, int)
        return factor * count

    return several


def _extremum(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    """Count `max` and `min`: element-wise for two tensors, otherwise a reduction."""
    is_of_two = len(inputs) > 1 and isinstance(inputs[1], Tensor)
    return _elements(outputs[0]) if is_of_two else _elements(inputs[0])


def _norm(affine_at: int, *, plain: int, affine: int) -> Rule:
    """Return a rule of `plain` FLOPs an input element, or `affine` where there is a weight."""

    def norm(inputs: Sequence[Any], _outputs: Sequence[Any]) -> int:
        return _elements(inputs[0]) * (affine if isinstance(inputs[affine_at], Tensor) else plain)

    return norm


def _added(inputs: Sequence[Any], _outputs: Sequence[Any]) -> int:
    """Count 1 an element that is added into a tensor, as in `index_add(self, dim, index, source)`."""
    return _elements(inputs[3])


def _sorted(inputs: Sequence[Any], _outputs: Sequence[Any]) -> int:
    """Count the comparisons of a merge sort: n ⌈log2 n⌉ for n elements in a row."""
    dim = next((value for value in inputs[1:] if isinstance(value, int) and not isinstance(value, bool)), -1)
    length: int = inputs[0].shape[dim] if inputs[0].ndim else 1
    return _elements(inputs[0]) * math.ceil(math.log2(max(length, 1)))


def _searched(at: int, boundaries: int) -> Rule:
    """Return the rule of a binary search for each element of the argument `at`: its comparisons."""

    def searched(inputs: Sequence[Any], _outputs: Sequence[Any]) -> int:
        return max(_elements(inputs[at]), 1) * math.ceil(math.log2(inputs[boundaries].shape[-1] + 1))

    return searched


def _convolution(inputs: Sequence[Any], outputs: Sequence[Any]) -> Counter[str]:
    """Count the kernel for each output element, or input element of a transposed convolution; a bias is free.

    The arguments are (input, weight, bias, stride, padding, dilation, transposed, …).
    """
    x, weight = inputs[:2]
    is_transposed = inputs[6] is True
    return Counter({"conv": _elements(x if is_transposed else outputs[0]) * math.prod(weight.shape[1:])})


def _linear(inputs: Sequence[Any], _outputs: Sequence[Any]) -> int:
    return _elements(inputs[0]) * int(inputs[1].shape[0] if inputs[1].ndim == 2 else 1)


def _product(at: int) -> Rule:
    """Return the rule of a matrix product: for each output element, the width of the argument `at`."""

    def product(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
        return _elements(outputs[0]) * int(inputs[at].shape[-1])

    return product


def _matrix_product(inputs: Sequence[Any], outputs: Sequence[Any]) -> Counter[str]:
    """Count the products for each output element; with a single vector under another name, as torch runs it."""
    first, second = inputs[:2]
    is_of_vector = second.ndim == 1 or (first.ndim == 1 and second.ndim > 2)
    return Counter({"mv" if is_of_vector else "matmul": _elements(outputs[0]) * int(first.shape[-1])})


def _addbmm(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    batches, _, width = inputs[1].shape
    return _elements(outputs[0]) * int(batches * width)


def _attention(inputs: Sequence[Any], _outputs: Sequence[Any]) -> Counter[str]:
    """Count the products of softmax(Q Kᵀ / √d + mask) V, and 1 a score each for the scale, the mask and the softmax."""
    query, key, value, mask = inputs[:4]
    scores = math.prod(query.shape[:-1]) * key.shape[-2]
    counts = {"scaled_dot_product_attention": scores * (query.shape[-1] + value.shape[-1]), "softmax": scores}
    return Counter(counts | {"mul": scores, "add": scores if isinstance(mask, Tensor) else 0})


def _fused_attention(inputs: Sequence[Any], outputs: Sequence[Any]) -> Counter[str]:
    return _attention([*inputs[:3], None], outputs)


def _bilinear_form(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    """Count xᵀ W y for each output: `bilinear(x, y, weight, bias)`."""
    first, second = inputs[0].shape[-1], inputs[1].shape[-1]
    return _elements(outputs[0]) * int(first * second + second)


def _fourier(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    """Count 5 n log2 n for a complex transform of n points, half of that where input or output is real."""
    x, y = inputs[0], outputs[0]
    is_real = not (x.is_complex() and y.is_complex())
    points = y if is_real and not y.is_complex() else x
    length = math.prod(points.shape[dim] for dim in inputs[1])
    return round((2.5 if is_real else 5) * _elements(points) * math.log2(length))


def _grid_sampled(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    """Count the taps for each output element of `grid_sampler(input, grid, mode, …)`, mode 2 being bicubic."""
    taps: dict[int, int] = {0: 2 ** (inputs[0].ndim - 2), 1: 1, 2: 16}
    return _elements(outputs[0]) * taps[inputs[2]]


def _antialiased(support: int) -> Rule:
    """Return the rule of antialiased resizing: the taps of two passes, with a kernel that widens as the map shrinks."""

    def resized(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
        (height, width), (rows, columns) = inputs[0].shape[-2:], outputs[0].shape[-2:]
        down, across = (math.ceil(2 * support * max(old / new, 1)) for old, new in ((height, rows), (width, columns)))
        maps = math.prod(inputs[0].shape[:-2])
        return int(maps * columns * (height * across + rows * down))

    return resized


def _covariance(inputs: Sequence[Any], _outputs: Sequence[Any]) -> Counter[str]:
    """Count the means, the differences from them, and the product of the matrix with its transpose."""
    rows, elements = inputs[0].shape[0] if inputs[0].ndim == 2 else 1, _elements(inputs[0])
    return Counter({"mm": rows * elements, "cov": 2 * elements + rows * rows})


def _distances(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    """Count 1 for each coordinate of each pair of rows."""
    return _elements(outputs[0]) * int(inputs[0].shape[-1])


_ELEMENTWISE = """
    abs absolute acos acosh add addr angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin asinh atan atan2
    atanh bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor ceil celu clamp
    clamp_max clamp_min clip copysign cos cosh cross deg2rad digamma div divide elu eq erf erfc erfinv exp exp2 expm1
    fake_quantize_per_channel_affine fake_quantize_per_tensor_affine fix float_power floor floor_divide fmax fmin fmod
    frac ge gelu greater greater_equal gt hardshrink hardsigmoid hardswish hardtanh heaviside hypot isclose isfinite
    isin isinf isnan isneginf isposinf isreal ldexp le leaky_relu less less_equal lgamma linalg_cross log log10 log1p
    log2 log_sigmoid log_sigmoid_forward log_softmax logaddexp logaddexp2 logical_and logical_not logical_or
    logical_xor logit lt masked_fill maximum minimum mish mul multiply nan_to_num ne neg negative not_equal polar pow
    prelu rad2deg reciprocal relu relu6 remainder round rrelu rsqrt rsub selu sgn sigmoid sign signbit silu sin sinc
    sinh softmax softplus softshrink sqrt square sub subtract tan tanh threshold tril triu true_divide trunc where
    xlogy __and__ __or__ __xor__ __lshift__ __rshift__ _log_softmax _prelu_kernel _safe_softmax _softmax
"""
_REDUCTIONS = """
    mean sum amax amin var std norm linalg_vector_norm prod argmax argmin logsumexp all any count_nonzero nansum nanmean
    median nanmedian mode kthvalue topk aminmax std_mean var_mean cumsum cumprod cummax cummin logcumsumexp bincount
    histc trace frobenius_norm nuclear_norm renorm unique_consecutive _unique2 equal
    avg_pool1d avg_pool2d avg_pool3d max_pool1d max_pool2d max_pool3d
    max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d
    adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d fractional_max_pool2d fractional_max_pool3d col2im
"""
_MOVES = """
    alias as_strided block_diag broadcast_tensors broadcast_to cat channel_shuffle chunk clone column_stack
    combinations complex concat concatenate constant_pad_nd contiguous copy detach diag diag_embed diagflat diagonal
    diagonal_scatter dsplit dstack expand expand_as flatten flip fliplr flipud gather hsplit hstack im2col index
    index_copy index_fill index_put index_select lift_fresh masked_scatter masked_select max_unpool2d max_unpool3d
    moveaxis movedim narrow native_channel_shuffle nonzero pad _pad_circular permute pin_memory pixel_shuffle
    pixel_unshuffle positive put ravel real imag reflection_pad1d reflection_pad2d reflection_pad3d repeat
    repeat_interleave replication_pad1d replication_pad2d replication_pad3d reshape reshape_as resolve_conj resolve_neg
    roll rot90 scatter select select_scatter slice slice_scatter split split_with_sizes squeeze stack swapaxes swapdims
    t take take_along_dim tensor_split tile to _to_copy transpose type_as unbind unflatten unfold unsafe_chunk
    unsafe_split unsafe_split_with_sizes _unsafe_view unsqueeze view view_as view_as_complex view_as_real vsplit vstack
    alpha_dropout dropout feature_alpha_dropout feature_dropout native_dropout embedding one_hot
    cpu cuda item is_nonzero _local_scalar_dense size dim numel
    arange empty empty_like empty_strided eye fill full full_like linspace logspace new_empty new_empty_strided new_full
    new_ones new_zeros ones ones_like scalar_tensor tensor zero zeros zeros_like tril_indices triu_indices
    cartesian_prod meshgrid bartlett_window blackman_window hamming_window hann_window kaiser_window
    bernoulli cauchy exponential geometric log_normal multinomial normal poisson rand rand_like randint randint_like
    randn randn_like random randperm uniform
    promote_types _linalg_check_errors
    Int IntImplicit Float FloatImplicit Bool ScalarImplicit
"""
_BATCH_NORMS = """
    batch_norm native_batch_norm cudnn_batch_norm _native_batch_norm_legit_no_training _batch_norm_impl_index
    _batch_norm_no_update
"""
_CONVOLUTIONS = "_convolution convolution _convolution_mode"

RULES: dict[str, Rule] = {
    **dict.fromkeys(_ELEMENTWISE.split(), _per_output_element),
    **dict.fromkeys(_REDUCTIONS.split(), _per_input_element),
    **dict.fromkeys(_MOVES.split(), _free),
    **dict.fromkeys(_BATCH_NORMS.split(), _times(2, _per_input_element)),
    **dict.fromkeys(_CONVOLUTIONS.split(), _convolution),
    "max": _extremum,
    "min": _extremum,
    # a + b ⊙ c, a + b ⊘ c and a + w ⊙ (b - a).
    "addcmul": _times(2, _per_output_element),
    "addcdiv": _times(2, _per_output_element),
    "lerp": _times(2, _per_output_element),
    # a ⊙ σ(b), as when written with two operators.
    "glu": _times(2, _per_output_element),
    "dist": _times(2, _per_input_element),
    # Mean, variance, difference and scale, as in fvcore; the weight adds 1.
    "layer_norm": _norm(2, plain=4, affine=5),
    "native_layer_norm": _norm(2, plain=4, affine=5),
    "group_norm": _norm(2, plain=4, affine=5),
    "native_group_norm": _norm(1, plain=4, affine=5),
    "instance_norm": _norm(1, plain=4, affine=5),
    # Square, mean and scale; the weight adds 1.
    "rms_norm": _norm(2, plain=3, affine=4),
    "_fused_rms_norm": _norm(2, plain=3, affine=4),
    # v g / |v|: the norm and the scale.
    "_weight_norm": _times(2, _per_input_element),
    "_weight_norm_interface": _times(2, _per_input_element),
    "upsample_nearest1d": _per_output_element,
    "upsample_nearest2d": _per_output_element,
    "upsample_nearest3d": _per_output_element,
    "_upsample_nearest_exact1d": _per_output_element,
    "_upsample_nearest_exact2d": _per_output_element,
    "_upsample_nearest_exact3d": _per_output_element,
    # The neighbors that each output element interpolates.
    "upsample_linear1d": _times(2, _per_output_element),
    "upsample_bilinear2d": _times(4, _per_output_element),
    "upsample_trilinear3d": _times(8, _per_output_element),
    "upsample_bicubic2d": _times(16, _per_output_element),
    "_upsample_bilinear2d_aa": _antialiased(1),
    "_upsample_bicubic2d_aa": _antialiased(2),
    "_upsample_lanczos2d_aa": _antialiased(3),
    "grid_sampler": _grid_sampled,
    "grid_sampler_2d": _grid_sampled,
    "grid_sampler_3d": _grid_sampled,
    # A product with three numbers for each coordinate.
    "affine_grid_generator": _times(3, _per_output_element),
    "linear": _linear,
    "mm": _product(0),
    "bmm": _product(0),
    "matmul": _matrix_product,
    "addmm": _product(1),
    "baddbmm": _product(1),
    "addbmm": _addbmm,
    "mv": _per_input_element,
    "dot": _per_input_element,
    "vdot": _per_input_element,
    "addmv": lambda inputs, _outputs: _elements(inputs[1]),
    "bilinear": _bilinear_form,
    "cov": _covariance,
    "cdist": _distances,
    "_cdist_forward": _distances,
    "pdist": _distances,
    "scaled_dot_product_attention": _attention,
    "_scaled_dot_product_flash_attention": _fused_attention,
    "_scaled_dot_product_flash_attention_for_cpu": _fused_attention,
    "_scaled_dot_product_efficient_attention": _fused_attention,
    "_scaled_dot_product_cudnn_attention": _fused_attention,
    "_fft_c2c": _fourier,
    "_fft_r2c": _fourier,
    "_fft_c2r": _fourier,
    "sort": _sorted,
    "argsort": _sorted,
    "msort": lambda inputs, outputs: _sorted([inputs[0], 0], outputs),
    "searchsorted": _searched(1, 0),
    "bucketize": _searched(0, 1),
    "index_add": _added,
    "scatter_add": _added,
    "scatter_reduce": _added,
    "index_reduce": _added,
}
"""The rule of each operator by its name in `aten`, without the `_` of its in-place variant."""


def rule_of(name: str) -> Rule | None:
    """Return the rule of an operator such as `relu_`: its own, or by its tag in torch, or that of a view; else None."""
    for spelling in (name, name.removesuffix("_"), name.removeprefix("special_")):
        if spelling in RULES:
            return RULES[spelling]
    packet = getattr(torch.ops.aten, name, None)
    overloads = [] if packet is None else [getattr(packet, overload) for overload in packet.overloads()]
    tags = {tag for overload in overloads for tag in overload.tags}
    if torch.Tag.pointwise in tags:
        return _per_output_element
    aliases = [result.alias_info for overload in overloads for result in overload._schema.returns]
    if any(alias is not None and not alias.is_write for alias in aliases):
        return _free
    return None
