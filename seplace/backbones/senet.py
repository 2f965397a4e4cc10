"""SENet-154 without its gates (Hu et al., 2018, arXiv:1709.01507, appendix): 64-group bottlenecks of 152 layers' depth.

`se[bias=yes]16` in all stages gives the network of the released weights (hujie-frank/SENet).
"""

from __future__ import annotations

from seplace.backbones.residual import IMAGENET, residual_entry

senet154 = residual_entry(
    "senet154",
    network="senet:SENet154",
    images=IMAGENET,
    stem=128,
    widths=(256, 512, 1024, 2048),
    blocks=(3, 8, 36, 3),
    groups=128,  # the 64 groups of half the width
)
