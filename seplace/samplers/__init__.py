"""Samplers propose the next placement. One file and one line add an entry.

An entry is a function `make(seed, task) -> optuna.samplers.BaseSampler`; the Task says what is searched. A sampler is
made anew for each proposal, from a seed of its own, and keeps all its state in the Optuna study: that makes a resumed
search exact.
"""

from seplace.registry import Entry, Registry

SAMPLERS = Registry(
    "sampler",
    Entry,
    group="seplace.samplers",
    entries={
        "effects": "seplace.samplers.effects:make",
        "random": "seplace.samplers.random:make",
        "nsga2": "seplace.samplers.nsga2:make",
        "tpe": "seplace.samplers.tpe:make",
        "tpe_factors": "seplace.samplers.tpe:make_factors",
        "tpe_ordered": "seplace.samplers.tpe:make_ordered",
        "gp": "seplace.samplers.gp:make",
        "exhaustive": "seplace.samplers.exhaustive:make",
    },
)
