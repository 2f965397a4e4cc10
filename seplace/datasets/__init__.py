"""Data sets: images and labels of two splits, from files below a root folder (digits needs none).

An entry is a function `load(root: Path | None) -> RawSet`. It finds the files and reads the training labels. It never
unpickles, does not read the test split before it is opened, and raises DataError with the file (and row) of a problem.
Splitting, resizing, noise and statistics are the same for all: see `image_set`. One file and one line add an entry.
"""

from seplace.registry import Entry, Registry

DATASETS = Registry(
    "data set",
    Entry,
    group="seplace.datasets",
    entries={
        "digits": "seplace.datasets.digits:digits",
        "cifar10": "seplace.datasets.cifar:cifar10",
        "cifar100": "seplace.datasets.cifar:cifar100",
        "image_folder": "seplace.datasets.image_folder:image_folder",
        "image_parquet": "seplace.datasets.image_parquet:image_parquet",
        "plain_tiles": "seplace.datasets.tiles:plain_tiles",
        "switched_tiles": "seplace.datasets.tiles:switched_tiles",
    },
)
