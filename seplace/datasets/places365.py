"""The layout in which Places365 is published: nested class folders, and lists of labels in files of their own.

`categories_places365.txt` numbers the classes (`/f/field/cultivated 140`). `places365_train_standard.txt` and
`places365_val.txt` give the number of each image; they lie in the root or in a folder `filelist_places365-…` in it.
The images lie in `data_256` or `train_256`, in folders of their classes, and in `val_256`, all in one folder. A class
is named by the path of its folder, `f/field/cultivated`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seplace.datasets.folder_layout import Listing, count_files, entries_below, some
from seplace.errors import DataError

_CATEGORIES = "categories_places365.txt"
_FOLDERS = {
    "train": (
        "train",
        "train_256",
        "data_256",
        "data_256_standard",
        "train_large",
        "data_large",
        "data_large_standard",
    ),
    "val": ("val", "val_256", "val_large"),
    "test": ("test", "test_256", "test_large"),
}
"""The folders that a split may lie in; those of larger images are taken where there are no others."""
_LISTS = {"train": "places365_train_standard.txt", "val": "places365_val.txt"}
_LIST_FOLDERS = ("", "filelist_places365-standard", "filelist_places365-challenge")


@dataclass(frozen=True, kw_only=True)
class Places365:
    """A root with the files of Places365."""

    folders: dict[str, Path]
    """The folders of the splits that are there."""
    lists: dict[str, Path]
    """The files with the labels of splits."""
    categories: Path

    def listing(self, split: str) -> Listing | None:
        """List the images of a split by class; None where no file lists any of them."""
        file, folder = self.lists.get(split), self.folders.get(split)
        return None if file is None or folder is None else _listed(file, folder, _classes_of(self.categories))


def find_places365(root: Path) -> Places365 | None:
    """Return what of Places365 lies below a root, or None where its list of categories does not."""
    places = [root / name for name in _LIST_FOLDERS]
    categories = next((file for place in places if (file := place / _CATEGORIES).is_file()), None)
    if categories is None:
        return None
    folders = {
        split: root / name for split, names in _FOLDERS.items() for name in reversed(names) if (root / name).is_dir()
    }
    lists = {
        split: place / name for place in reversed(places) for split, name in _LISTS.items() if (place / name).is_file()
    }
    return Places365(folders=folders, lists=lists, categories=categories)


def _classes_of(file: Path) -> dict[str, str]:
    """Return the classes by their numbers."""
    return {number: name.strip("/") for number, name in ((words[1], words[0]) for _, words in _lines(file))}


def _lines(file: Path) -> list[tuple[int, list[str]]]:
    """Return the words of each line, which are two, with its number."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: the labels cannot be read ({error})") from error
    found = [(number, line.rsplit(maxsplit=1)) for number, line in enumerate(lines, start=1) if line.strip()]
    for number, words in found:
        if len(words) != 2:
            raise DataError(f"{file}:{number}: wanted: a name and the number of its class (got {lines[number - 1]!r})")
    return found


def _listed(file: Path, folder: Path, classes: dict[str, str]) -> Listing | None:
    labels: dict[str, str] = {}
    for number, (name, label) in _lines(file):
        if label not in classes:
            raise DataError(f"{file}:{number}: {label} is no number in {_CATEGORIES}")
        labels[name.strip("/")] = classes[label]
    there, unusable = entries_below(folder)
    found = {*there, *(name for name, _ in unusable)}
    if not labels.keys() & found:
        return None
    missing = sorted(labels.keys() - found)
    if missing:
        raise DataError(f"{file} names {len(missing):,} images that are not in {folder}: {some(missing)}")
    files: dict[str, list[str]] = {}
    for name in there:
        if name in labels:
            files.setdefault(labels[name], []).append(name)
    more = [name for name in there if name not in labels]
    notes = [f"{count_files(more)} that {file.name} does not name, not read: {some(more)}"] if more else []
    return Listing(files=dict(sorted(files.items())), unusable=sorted(unusable), notes=notes)
