"""The parameters that a gate adds, as formulas, so that a list of modules builds none of them."""

from __future__ import annotations

PARAMS = {
    "none": "0",
    "native": "2Ch + C + h",
    "se": "2Ch",
    "cbam": "2Ch + C + h + 100",
    "eca": "k",
    "ge": "0",
    "ese": "C² + C",
    "gct": "3C",
    "srm": "4C",
    "simam": "0",
    "sge": "2G",
    "sa": "3C/H",
    "fca": "2Ch",
    "coord": "3Cm + 2C + 3m",
    "triplet": "300",
    "bam": "3Ch + 18h² + C + 13h + 1",
    "gc": "2Ch + 2C + 3h + 1",
    "sk": "3Cn + 2n",
}
"""By the name of a module, for a map of C channels; an entry of the shelf that is not here is listed without one.

h = C/r hidden units with the ratio r, in `native` a multiple of 8 near C/4; k the kernel, an odd number near
(log2(C) + 1)/2; G = gcd(64, C) and H = gcd(64, C/2) groups; m = max(8, h); n = max(32, h).
"""

LETTERS = (
    "C: channels; h = C/r: hidden units; k: kernel; G = gcd(64, C); H = gcd(64, C/2); m = max(8, h); n = max(32, h). "
    "sk also adds its second convolution."
)
"""The letters of the formulas in sentences."""
