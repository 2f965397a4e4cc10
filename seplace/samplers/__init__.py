"""Samplers propose the next placement. One file and one line add an entry.

An entry is a function `make(seed, task) -> optuna.samplers.BaseSampler`; the Task says what is searched. A sampler is
made anew for each proposal, from a seed of its own, and keeps all its state in the Optuna study: that makes a resumed
search exact.
"""

from seplace.registry import Registry
from seplace.samplers.entry import SamplerEntry

SAMPLERS = Registry(
    "sampler",
    SamplerEntry,
    group="seplace.samplers",
    entries={
        "effects": "seplace.samplers.effects:make",
        "random": SamplerEntry("seplace.samplers.random:make", reads_study=False),
        "nsga2": "seplace.samplers.nsga2:make",
        "tpe": "seplace.samplers.tpe:make",
        "tpe_factors": "seplace.samplers.tpe:make_factors",
        "tpe_ordered": "seplace.samplers.tpe:make_ordered",
        "gp": "seplace.samplers.gp:make",
        "exhaustive": "seplace.samplers.exhaustive:make",
    },
)
