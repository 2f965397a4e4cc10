"""Linear regression with grouped coefficients whose scales, like the noise, are learned (empirical Bayes and beyond).

y[r] = sum_c X[r, c] * b[c] + u[unit of r] + e[r], with b[c] ~ N(0, scale of its group squared), u ~ N(0, unit_sd^2) for
the private effect of the unit that a row observes, and e ~ N(0, noise_sd^2). Each variance may have a further part that
is known, its floor: of an error that is not to be taken for an effect. The logarithms of all scales have normal priors;
their posterior is found by maximization, described by its curvature there, and corrected by importance weights. The
coefficients are integrated out exactly. Sums over rows are taken once, so the cost of a step depends on the number of
columns, not of rows.

The method is that of a mixed model by marginal likelihood: Harville, 1977; MacKay, Bayesian interpolation, 1992.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, solve_triangular
from scipy.linalg.lapack import dpotri
from threadpoolctl import ThreadpoolController

from seplace.arrays import Floats

_BLAS = ThreadpoolController().select(user_api="blas")

_STEP = 0.05
"""Step in log scale for the curvature at the maximum."""


_AT_A_TIME = 8192
"""Rows that are summed at a time: those of most studies at once, and no copy of all of the others."""

_BOUNDS = (1e-3, 20.0)
"""Bounds of every scale, for y with a spread of about 1: beyond them only the condition of matrices changes."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """The log-normal prior of a scale (a standard deviation)."""

    median: float
    spread: float = 1.0
    """Standard deviation of its logarithm."""
    common: float = 0.0
    """Standard deviation of a further part of its logarithm, which it shares with all scales that have one."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns of the design: the group of each, and the prior of the scale of each group."""

    group: NDArray[np.int64]
    """The index of the group of each column, or -1 where its scale is `fixed_scale`."""
    scales: tuple[Scale, ...]
    fixed_scale: float
    floors: Floats | float = 0.0
    """The known part of the prior variance of each coefficient (columns,)."""

    def scale(self, log_scales: Floats) -> Floats:
        """Return the prior standard deviation of each coefficient without its known part (columns,)."""
        return np.append(np.exp(log_scales), self.fixed_scale)[self.group]

    def sd(self, log_scales: Floats) -> Floats:
        """Return the prior standard deviation of each coefficient (columns,)."""
        return np.sqrt(self.scale(log_scales) ** 2 + self.floors)


@dataclass(frozen=True, kw_only=True)
class Residual:
    """What the columns leave: the private effects of units, or noise."""

    prior: Scale
    floor: float = 0.0
    """The known part of its variance."""


@dataclass(frozen=True, kw_only=True)
class Draw:
    """The posterior of the coefficients under one set of scales, and the scales."""

    mean: Floats
    """(columns,)."""
    root: Floats
    """(columns, columns): mean + root @ z has the posterior's distribution for standard normal z."""
    group_sd: Floats
    noise_sd: float
    unit_sd: float
    weight: float
    """The importance weight; the weights of all draws sum to 1."""
    kept: Floats
    """(columns,): the expected coefficient without its known part, as a share of the whole."""
    split_sd: Floats
    """(columns,): the standard deviation of the coefficient without its known part, given the whole."""
    unit_kept: float
    unit_split_sd: float

    def sample(self, random: np.random.Generator) -> Floats:
        """Draw coefficients (columns,)."""
        return self.mean + self.root @ random.standard_normal(len(self.mean))

    def without_floors(self, coefficients: Floats, random: np.random.Generator) -> Floats:
        """Draw the coefficients (columns, ...) without their known parts, given the whole ones."""
        if not self.split_sd.any():
            return coefficients
        shape = (-1, *[1] * (coefficients.ndim - 1))
        drawn: Floats = self.split_sd.reshape(shape) * random.standard_normal(coefficients.shape)
        return self.kept.reshape(shape) * coefficients + drawn

    def private_without_floor(self, effects: Floats, random: np.random.Generator) -> Floats:
        """Draw the private effects of units, of any shape, without their known part, given the whole ones."""
        if not self.unit_split_sd:
            return effects
        return self.unit_kept * effects + self.unit_split_sd * random.standard_normal(effects.shape)


class Regression:
    """A regression, with its data as sums over rows."""

    def __init__(
        self,
        rows: Floats,
        y: Floats,
        unit: NDArray[np.int64],
        columns: Columns,
        *,
        noise: Residual,
        unit_effect: Residual,
    ) -> None:
        """Take rows (n, columns), y (n,), and the unit (from 0) that each row observes."""
        self.columns = columns
        self.noise_floor, self.unit_floor = noise.floor, unit_effect.floor
        priors = (*columns.scales, noise.prior, unit_effect.prior)
        self.medians = np.log([prior.median for prior in priors])
        common = np.array([prior.common for prior in priors])
        covariance = np.diag([prior.spread**2 for prior in priors]) + np.outer(common, common)
        self.prior_root = np.linalg.cholesky(covariance)
        self.prior_precision = np.linalg.inv(covariance)
        # With fewer rows than columns the rows' covariance is the smaller matrix.
        self.kernels = (
            _Kernels.of(rows, y, unit, columns, noise_floor=noise.floor, unit_floor=unit_effect.floor)
            if len(y) < rows.shape[1]
            else None
        )
        counts = np.bincount(unit)
        sums = np.zeros((len(counts), rows.shape[1]))
        np.add.at(sums, unit, rows)
        y_sums = np.bincount(unit, weights=y)
        self.within = _Moments.in_parts(
            lambda part: (
                rows[part] - sums[unit[part]] / counts[unit[part], None],
                y[part] - y_sums[unit[part]] / counts[unit[part]],
            ),
            np.arange(len(y)),
        )
        self.within_count = len(y) - len(counts)
        roots = np.sqrt(counts)
        self.sizes = np.unique(counts)
        self.between = [
            _Moments.in_parts(
                lambda part: (sums[part] / roots[part, None], y_sums[part] / roots[part]),
                np.flatnonzero(counts == size),
            )
            for size in self.sizes
        ]
        self.between_counts = np.array([(counts == size).sum() for size in self.sizes])

    def draws(self, count: int, random: np.random.Generator) -> list[Draw]:
        """Return the posterior as weighted draws of the scales, each with the posterior of the coefficients."""
        # The matrices are small, and threads that wait for cores busy with trainings would take seconds.
        with _BLAS.limit(limits=1):
            return self._draws(count, random)

    def _draws(self, count: int, random: np.random.Generator) -> list[Draw]:
        best = self.maximize()
        root = self._spread_at(best)
        points, proposed = [], []
        for _ in range(count):
            # Student's t with 6 degrees of freedom: wider than the posterior, so that weights stay bounded.
            stretch = np.sqrt(6 / random.chisquare(6))
            deviation = random.standard_normal(len(best)) * stretch
            points.append(np.clip(best + root @ deviation, *np.log(_BOUNDS)))
            proposed.append(-(6 + len(best)) / 2 * float(np.log1p(deviation @ deviation / 6)))
        if count == 1:
            return [self._draw(points[0], weight=1.0)]
        log_weights = np.array([self.log_posterior(point)[0] for point in points]) - proposed
        weights = np.exp(log_weights - log_weights.max())
        weights = np.minimum(weights, 5 * weights.mean())  # truncated importance weights (Ionides, 2008)
        weights /= weights.sum()
        return [self._draw(point, weight=float(weight)) for point, weight in zip(points, weights, strict=True)]

    def maximize(self) -> Floats:
        """Return the log scales (groups, noise, unit effect) of greatest posterior density."""
        from scipy.optimize import minimize  # commands that fit no model start without it

        def loss(point: Floats) -> tuple[float, Floats]:
            value, gradient = self.log_posterior(point)
            return -value, -gradient

        found = minimize(
            loss,
            self.medians,
            jac=True,
            method="L-BFGS-B",
            bounds=[np.log(_BOUNDS)] * len(self.medians),
            options={"maxiter": 30, "ftol": 1e-6},
        )
        best: Floats = found.x
        return best

    def log_posterior(self, log_scales: Floats) -> tuple[float, Floats]:
        """Return the log density of the log scales up to a constant, and its gradient."""
        likelihood = self._by_columns if self.kernels is None else self.kernels.log_likelihood
        value, gradient = likelihood(log_scales)
        deviation = log_scales - self.medians
        pull = self.prior_precision @ deviation
        return value - 0.5 * float(deviation @ pull), gradient - pull

    def _by_columns(self, log_scales: Floats) -> tuple[float, Floats]:
        """Return the log likelihood of the log scales up to a constant, and its gradient, from the sums over rows."""
        columns = self.columns
        groups = log_scales[:-2]
        noise, unit = np.exp(2 * log_scales[-2:])
        sd = columns.sd(groups)
        precision, right, constant, within, between = self._weighted(noise + self.noise_floor, unit + self.unit_floor)
        scaled = precision * np.outer(sd, sd)
        scaled[np.diag_indices_from(scaled)] += 1.0
        lower = np.asarray(np.linalg.cholesky(scaled), dtype=np.float64)
        inverse = _inverse(lower)
        mean_scaled = inverse @ (sd * right)
        mean = sd * mean_scaled
        covariance = inverse * np.outer(sd, sd)
        value = -np.log(np.diag(lower)).sum() - 0.5 * (constant - right @ mean)
        value += 0.5 * (self.within_count * np.log(within) + (self.between_counts * np.log(between)).sum())
        gradient = np.zeros_like(log_scales)
        # By how much the coefficients of a group exceed their prior, on average over their posterior.
        excess = (mean_scaled**2 + np.diag(inverse) - 1) * (columns.scale(groups) / sd) ** 2
        grouped = columns.group >= 0
        gradient[:-2] = np.bincount(columns.group[grouped], weights=excess[grouped], minlength=len(groups))
        by_within = 0.5 * (self.within_count / within - self.within.expected(mean, covariance))
        gradient[-2] += by_within * -2 * noise * within**2
        for size, count, share, moments in zip(self.sizes, self.between_counts, between, self.between, strict=True):
            by_share = 0.5 * (count / share - moments.expected(mean, covariance))
            gradient[-2] += by_share * -2 * noise * share**2
            gradient[-1] += by_share * -2 * size * unit * share**2
        return float(value), gradient

    def _weighted(self, noise: float, unit: float) -> tuple[Floats, Floats, float, float, Floats]:
        """Return the data's part of the coefficients' precision and its right side, and the weights of the sums."""
        within = 1 / noise
        between = 1 / (noise + self.sizes * unit)
        parts = [(within, self.within), *zip(between, self.between, strict=True)]
        precision, right = np.zeros_like(self.within.xx), np.zeros_like(self.within.xy)
        for weight, part in parts:
            precision += weight * part.xx
            right += weight * part.xy
        constant = sum(weight * part.yy for weight, part in parts)
        return precision, right, float(constant), within, between

    def _spread_at(self, best: Floats) -> Floats:
        """Return a root (k, k) of the covariance of the log scales, from the curvature at the maximum."""
        here = self.log_posterior(best)[1]
        steps = _STEP * np.eye(len(best))
        curvature = np.array([(here - self.log_posterior(best + step)[1]) / _STEP for step in steps])
        # In units of the prior: no direction is known worse than before the data.
        values, vectors = np.linalg.eigh(self.prior_root.T @ (curvature + curvature.T) @ self.prior_root / 2)
        root: Floats = self.prior_root @ vectors / np.sqrt(np.maximum(values, 1.0))
        return root

    def _draw(self, log_scales: Floats, *, weight: float) -> Draw:
        noise, unit = np.exp(2 * log_scales[-2:])
        scale, sd = self.columns.scale(log_scales[:-2]), self.columns.sd(log_scales[:-2])
        whole_noise, whole_unit = noise + self.noise_floor, unit + self.unit_floor
        precision, right, *_ = self._weighted(whole_noise, whole_unit)
        scaled = precision * np.outer(sd, sd)
        scaled[np.diag_indices_from(scaled)] += 1.0
        lower = np.linalg.cholesky(scaled)
        root = solve_triangular(lower, np.eye(len(sd)), lower=True, trans=1, check_finite=False) * sd[:, None]
        return Draw(
            mean=sd * cho_solve((lower, True), sd * right, check_finite=False),
            root=root,
            group_sd=np.exp(log_scales[:-2]),
            noise_sd=float(np.sqrt(whole_noise)),
            unit_sd=float(np.sqrt(whole_unit)),
            weight=weight,
            kept=(scale / sd) ** 2,
            split_sd=scale * np.sqrt(self.columns.floors) / sd,
            unit_kept=float(unit / whole_unit),
            unit_split_sd=float(np.sqrt(unit * self.unit_floor / whole_unit)),
        )


@dataclass(frozen=True, kw_only=True)
class _Kernels:
    """The covariance of the rows as a sum: of the columns of each group, fixed columns, units, and noise."""

    parts: Floats
    """(groups + 1, n, n): of the groups in units of their scales, and of the units."""
    fixed: Floats
    """(n, n): of the columns with a fixed scale, and of all known parts."""
    y: Floats

    @classmethod
    def of(
        cls,
        rows: Floats,
        y: Floats,
        unit: NDArray[np.int64],
        columns: Columns,
        *,
        noise_floor: float,
        unit_floor: float,
    ) -> _Kernels:
        by_group = [rows[:, columns.group == group] for group in range(len(columns.scales))]
        same_unit = (unit[:, None] == unit).astype(float)
        fixed_variance = columns.floors + np.where(columns.group < 0, columns.fixed_scale**2, 0.0)
        fixed = rows[:, fixed_variance > 0] * np.sqrt(fixed_variance[fixed_variance > 0])
        known = fixed @ fixed.T + unit_floor * same_unit + noise_floor * np.eye(len(y))
        return cls(parts=np.stack([*(part @ part.T for part in by_group), same_unit]), fixed=known, y=y)

    def log_likelihood(self, log_scales: Floats) -> tuple[float, Floats]:
        """Return what `_by_columns` returns, up to another constant."""
        variances = np.exp(2 * log_scales)
        noise = variances[-2]
        weights = np.append(variances[:-2], variances[-1])
        covariance = self.fixed + np.tensordot(weights, self.parts, axes=1)
        covariance[np.diag_indices_from(covariance)] += noise
        lower = np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
        inverse = _inverse(lower)
        solved = inverse @ self.y
        value = -np.log(np.diag(lower)).sum() - 0.5 * self.y @ solved
        # d log N / d log scale = variance * (a' K a - tr(C^-1 K)), with a = C^-1 y and K the part of that scale.
        surplus = np.outer(solved, solved) - inverse
        by_part = weights * np.tensordot(self.parts, surplus, axes=2)
        return float(value), np.concatenate([by_part[:-1], [noise * np.trace(surplus)], by_part[-1:]])


@dataclass(frozen=True, kw_only=True)
class _Moments:
    """Sums over rows: X'X, X'y, y'y."""

    xx: Floats
    xy: Floats
    yy: float

    @classmethod
    def of(cls, rows: Floats, y: Floats) -> _Moments:
        return cls(xx=rows.T @ rows, xy=rows.T @ y, yy=float(y @ y))

    @classmethod
    def in_parts(cls, of: Callable[[NDArray[np.intp]], tuple[Floats, Floats]], indices: NDArray[np.intp]) -> _Moments:
        """Return the sums over the rows (n, columns) and y (n,) that `of` gives for indices, part by part."""
        parts = [cls.of(*of(indices[at : at + _AT_A_TIME])) for at in range(0, len(indices), _AT_A_TIME)]
        first, *others = parts
        for part in others:
            first = cls(xx=first.xx + part.xx, xy=first.xy + part.xy, yy=first.yy + part.yy)
        return first

    def expected(self, mean: Floats, covariance: Floats) -> float:
        """Return the expected sum of squared residuals for coefficients N(mean, covariance)."""
        fitted = mean @ self.xx @ mean + (self.xx * covariance).sum()
        return float(self.yy - 2 * self.xy @ mean + fitted)


def _inverse(lower: Floats) -> Floats:
    """Return the inverse of a matrix from its Cholesky factor; a third of the work of solving for a unit matrix."""
    half, _ = dpotri(lower, lower=1)  # above the diagonal it stays as it was: zero
    inverse: Floats = half + half.T
    inverse[np.diag_indices_from(inverse)] *= 0.5
    return inverse
