"""Elementwise functions of reals by name, and expressions of them in one variable.

Where a function has no value it takes the nearest one that it has: the logarithm of a negative
number is that of zero, the arc cosine of 2 that of 1; what then is undefined still is zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from codegen.ir.types import Array

Expression = Any
"""The variable "x", a number, or (name, expression, ...): ("add", ("exp", "x"), 1.0)."""

VARIABLE = "x"
SELU_ALPHA = 1.67326319217681884765625
SELU_GAMMA = 1.05070102214813232421875

_erf = np.vectorize(math.erf, otypes=[np.float64])


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    y: Array = 0.5 + 0.5 * np.tanh(0.5 * x)
    return y


def softplus(x: Array) -> Array:
    """log(1 + exp(x))."""
    y: Array = np.logaddexp(0.0, x)
    return y


def gelu(x: Array) -> Array:
    """Multiply x by the normal distribution's probability of less."""
    y: Array = 0.5 * x * (1 + _erf(x / math.sqrt(2)))
    return y


def gelu_tanh(x: Array) -> Array:
    """The approximation of gelu by tanh."""
    y: Array = 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return y


def elu(x: Array, alpha: float) -> Array:
    """Keep x where it is positive, elsewhere alpha * (exp(x) - 1)."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def shrink(x: Array, limit: float, bias: float) -> Array:
    """Zero within -limit .. limit, elsewhere nearer to it by bias."""
    return np.where(x < -limit, x + bias, np.where(x > limit, x - bias, 0.0))


def total(*arrays: Array) -> Array:
    """Sum all operands."""
    y: Array = arrays[0]
    for other in arrays[1:]:
        y = np.add(y, other)
    return y


def mean(*arrays: Array) -> Array:
    """Average all operands."""
    y: Array = total(*arrays) / len(arrays)
    return y


def least(*arrays: Array) -> Array:
    """Return the least operand."""
    y = arrays[0]
    for other in arrays[1:]:
        y = np.minimum(y, other)
    return y


def greatest(*arrays: Array) -> Array:
    """Return the greatest operand."""
    y = arrays[0]
    for other in arrays[1:]:
        y = np.maximum(y, other)
    return y


def same(x: Array, y: Array) -> Array:
    """Compare, as far as float32 tells."""
    found: Array = np.equal(np.asarray(x, np.float32), np.asarray(y, np.float32))
    return found


def choose(chosen: Array, x: Array, y: Array) -> Array:
    """Return x where chosen, elsewhere y."""
    return np.where(chosen, x, y)


FUNCTIONS: Mapping[str, Callable[..., Array]] = {
    "abs": np.abs,
    "acos": lambda x: np.arccos(np.clip(x, -1, 1)),
    "acosh": lambda x: np.arccosh(np.maximum(x, 1)),
    "add": total,
    "asin": lambda x: np.arcsin(np.clip(x, -1, 1)),
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atanh": lambda x: np.arctanh(np.clip(x, -1, 1)),
    "ceil": np.ceil,
    "celu": lambda x, alpha: elu(x / alpha, 1.0) * alpha,
    "cos": np.cos,
    "cosh": np.cosh,
    "div": np.divide,
    "elu": elu,
    "equal": same,
    "erf": _erf,
    "exp": np.exp,
    "floor": np.floor,
    "fmod": np.fmod,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "hard_sigmoid": lambda x, alpha, beta: np.clip(alpha * x + beta, 0, 1),
    "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "is_inf": lambda x, low, high: np.isinf(x) & (((x < 0) & (low != 0)) | ((x > 0) & (high != 0))),
    "is_nan": np.isnan,
    "less": np.less,
    "less_equal": np.less_equal,
    "log": lambda x: np.log(np.maximum(x, 0)),
    "max": greatest,
    "mean": mean,
    "min": least,
    "mish": lambda x: x * np.tanh(softplus(x)),
    "mod": np.mod,
    "mul": np.multiply,
    "neg": np.negative,
    "pow": lambda x, y: np.power(np.asarray(x, np.float64), y),
    "prelu": lambda x, slope: np.where(x < 0, x * slope, x),
    "reciprocal": np.reciprocal,
    "round": np.rint,
    "selu": lambda x, alpha, gamma: gamma * elu(x, alpha),
    "shrink": shrink,
    "sigmoid": sigmoid,
    "sign": np.sign,
    "sin": np.sin,
    "sinh": np.sinh,
    "softplus": softplus,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "sqrt": lambda x: np.sqrt(np.maximum(x, 0)),
    "sub": np.subtract,
    "swish": lambda x, alpha: x * sigmoid(alpha * x),
    "tan": np.tan,
    "tanh": np.tanh,
    "thresholded_relu": lambda x, alpha: np.where(x > alpha, x, 0.0),
    "where": choose,
}
"""Each of reals, NumPy arrays that broadcast."""

PREDICATES = frozenset(
    ("equal", "greater", "greater_equal", "is_inf", "is_nan", "less", "less_equal")
)
"""Those whose result is true or false."""


def evaluate_expression(expression: Expression, x: Array) -> Array:
    """Return the expression's values at `x`; zero where it has none.

    >>> evaluate_expression(("add", ("mul", "x", "x"), 1.0), np.array([2.0, 3.0])).tolist()
    [5.0, 10.0]
    """
    with np.errstate(all="ignore"):
        found = np.asarray(_value(expression, x))
    return np.where(np.isnan(found), 0.0, found) if found.dtype.kind == "f" else found


def _value(expression: Expression, x: Array) -> Any:
    if expression == VARIABLE:
        return x
    if not isinstance(expression, tuple):
        return expression
    name, *operands = expression
    return FUNCTIONS[name](*(_value(operand, x) for operand in operands))


def substitute(expression: Expression, inner: Expression) -> Expression:
    """Return the expression with `inner` for its variable.

    >>> substitute(("neg", "x"), ("exp", "x"))
    ('neg', ('exp', 'x'))
    """
    if expression == VARIABLE:
        return inner
    if not isinstance(expression, tuple):
        return expression
    name, *operands = expression
    return (name, *(substitute(operand, inner) for operand in operands))
