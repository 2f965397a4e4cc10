"""Proxies: cheap scores of a placement. `seplace proxy` checks whether they rank placements as full trainings do.

An entry is a function `make(networks, *, seed, effort) -> Proxy` that computes once what all placements share; a
larger `score(placement)` is better. One file and one line add an entry.
"""

from seplace.registry import Entry, Registry

PROXIES = Registry(
    "proxy",
    Entry,
    group="seplace.proxies",
    entries={
        "synflow": "seplace.proxies.synflow:make",
        "naswot": "seplace.proxies.naswot:make",
        "jacobian_covariance": "seplace.proxies.jacobian_covariance:make",
        "gradient_norm": "seplace.proxies.gradient_norm:make",
        "short_training": "seplace.proxies.short_training:make",
        "supernet": "seplace.proxies.supernet:make",
    },
)

WITHOUT_TRAINING = ("synflow", "naswot", "jacobian_covariance", "gradient_norm")
"""The entries that score untrained networks, which takes little time."""
