"""The layout of image files in the folder of a split: class folders, nested or not, or a list of labels."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from seplace.errors import DataError

_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
_OTHER_SUFFIXES = frozenset({".avif", ".heic", ".heif", ".jfif", ".jp2", ".jpe", ".npy", ".npz", ".tga"})
_WRAPPERS = frozenset({"images", "image", "imgs", "img"})
"""Names of folders that only wrap the images of a class or of a split."""
_SHOWN = 5
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The images of a split by class."""

    files: dict[str, list[str]]
    """Sorted paths below the split's folder, by the name of the class; a class may have none."""
    unusable: list[tuple[str, str]]
    """Entries with the name of an image that are not files: path below the split's folder, and kind of entry."""
    notes: list[str]
    """Notes on what else is in the folder and is not read."""


@dataclass(frozen=True)
class _Entries:
    """The entries of a folder, without hidden files and files that are not named like images."""

    folders: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    unusable: list[tuple[str, str]] = field(default_factory=list)

    others: list[str] = field(default_factory=list)
    """Image files of formats that are not read."""
    lost: list[tuple[str, str]] = field(default_factory=list)
    """Broken links that are not named like images: perhaps to folders."""

    @property
    def named_like_images(self) -> int:
        return len(self.images) + len(self.unusable)


def list_classes(folder: Path) -> Listing | None:
    """List the images of a split by class; return None where it has no class folders and no list of labels.

    A class is a folder with images in it. Where no folder at the top has any, the classes are the innermost folders,
    named by their path (`a/abbey`). A folder `images` in a class is part of the class. Raises DataError where top
    folders with images and nested ones are mixed.
    """
    by_list = _listed(folder)
    if by_list is not None:
        return by_list
    top = _entries(folder, top=True)
    if not top.folders:
        return None
    inside = {name: _entries(folder / name) for name in top.folders}
    direct = [name for name, entries in inside.items() if entries.named_like_images]
    listing = Listing(files={}, unusable=list(top.lost), notes=[])
    if top.images:
        listing.notes.append(f"{count_files(top.images)} beside the class folders, not read: {some(top.images)}")
    if direct:
        nested = [name for name in top.folders if name not in direct and _leads_to_images(folder / name)]
        wrapped = [name for name in nested if _is_wrapper(inside[name])]
        if len(wrapped) < len(nested):
            other = next(name for name in nested if name not in wrapped)
            raise DataError(
                f"{folder}: {direct[0]} holds images, {other} only folders with images: which are the classes? "
                "Lay all out alike"
            )
    else:
        wrapped = []
    for name, entries in inside.items():
        if direct and name not in wrapped:
            _add(listing, name, name, entries)
            below = [each for each in entries.folders if _entries(folder / name / each).named_like_images]
            if below:
                listing.notes.append(f"{name} holds folders beside its images, which are not read: {some(below)}")
        else:
            _descend(folder, name, listing, above=frozenset())
    return Listing(
        files=dict(sorted(listing.files.items())), unusable=sorted(listing.unusable), notes=sorted(listing.notes)
    )


def found_in(folder: Path) -> str:
    """Describe the content of a folder in a message: `3 folders (cat, dog, owl), 12 image files`."""
    if not folder.is_dir():
        return "it is not there"
    top = _entries(folder, top=True)
    folders = f"{len(top.folders)} folder{'s' * (len(top.folders) != 1)}" + (
        f" ({some(top.folders)})" if top.folders else ""
    )
    return f"{folders}, {len(top.images)} image file{'s' * (len(top.images) != 1)}"


def holds_images(folder: Path) -> bool:
    """Return whether a folder itself contains image files."""
    return folder.is_dir() and bool(_entries(folder).images)


def entries_below(folder: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the image files below a folder at any depth, sorted, and entries that only have an image's name."""
    images: list[str] = []
    unusable: list[tuple[str, str]] = []
    folders: list[tuple[str, frozenset[tuple[int, int]]]] = [("", frozenset())]
    while folders:
        inside, above = folders.pop()
        key = _identity(folder / inside)
        if key in above:
            raise DataError(f"{folder / inside}: a link to a folder around it")
        entries = _entries(folder / inside, top=not inside)
        images += [f"{inside}{name}" for name in entries.images]
        unusable += [(f"{inside}{name}", why) for name, why in entries.unusable]
        folders += [(f"{inside}{name}/", above | {key}) for name in entries.folders]
    return sorted(images), unusable


def some(names: list[str]) -> str:
    """Return the first few names as text."""
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def count_files(names: list[str]) -> str:
    """Return `3 files`."""
    return f"{len(names)} file{'s' * (len(names) != 1)}"


def _listed(folder: Path) -> Listing | None:
    """List a split whose labels are in `<split>_annotations.txt`, as in Tiny ImageNet's validation split."""
    file = folder / f"{folder.name}_annotations.txt"
    if not file.is_file():
        return None
    wrapper = next((f"{name}/" for name in _WRAPPERS if (folder / name).is_dir()), "")
    there = _entries(folder / wrapper, top=not wrapper)
    listing = Listing(files={}, unusable=[(f"{wrapper}{name}", why) for name, why in there.unusable], notes=[])
    labels: dict[str, str] = {}
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: the labels cannot be read ({error})") from error
    for number, line in enumerate(lines, start=1):
        words = line.split("\t") if "\t" in line else line.split()
        if not words:
            continue
        if len(words) < 2:
            raise DataError(f"{file}:{number}: wanted: the name of an image and its class (got {line!r})")
        labels[words[0]] = words[1]
    without = [name for name in there.images if name not in labels]
    missing = sorted(set(labels) - set(there.images) - {name for name, _ in there.unusable})
    if missing:
        raise DataError(f"{file} names {len(missing)} images that are not in {folder / wrapper}: {some(missing)}")
    if without:
        raise DataError(f"{file} has no label for {len(without)} images in {folder / wrapper}: {some(without)}")
    for name in there.images:
        listing.files.setdefault(labels[name], []).append(f"{wrapper}{name}")
    return Listing(files=dict(sorted(listing.files.items())), unusable=listing.unusable, notes=[])


def _descend(folder: Path, name: str, listing: Listing, *, above: frozenset[tuple[int, int]]) -> None:
    """Add the folder `name` as a class, or else the classes inside it."""
    key = _identity(folder / name)
    if key in above:
        raise DataError(f"{folder / name}: a link to a folder around it")
    entries = _entries(folder / name)
    with_images = [each for each in entries.folders if _leads_to_images(folder / name / each)]
    if entries.named_like_images and with_images:
        raise DataError(
            f"{folder / name} holds images and also folders with images ({some(with_images)}); separate them"
        )
    if _is_wrapper(entries):
        inner = f"{name}/{entries.folders[0]}"
        _add(listing, name, inner, _entries(folder / inner))
    elif entries.named_like_images or not entries.folders:
        _add(listing, name, name, entries)
    else:
        for each in entries.folders:
            _descend(folder, f"{name}/{each}", listing, above=above | {key})


def _add(listing: Listing, name: str, place: str, entries: _Entries) -> None:
    listing.files[name] = [f"{place}/{image}" for image in entries.images]
    if entries.others:
        listing.notes.append(
            f"{place} holds {count_files(entries.others)} of kinds that are not read: {some(entries.others)}"
        )
    listing.unusable.extend((f"{place}/{each}", why) for each, why in entries.unusable)


def _is_wrapper(entries: _Entries) -> bool:
    """Return whether a folder contains nothing but a wrapper folder."""
    return not entries.named_like_images and len(entries.folders) == 1 and entries.folders[0].lower() in _WRAPPERS


def _leads_to_images(folder: Path) -> bool:
    """Return whether a folder contains images, at any depth."""
    seen: set[tuple[int, int]] = set()
    folders = [folder]
    while folders:
        each = folders.pop()
        key = _identity(each)
        if key in seen:
            continue
        seen.add(key)
        entries = _entries(each)
        if entries.named_like_images:
            return True
        folders += [each / name for name in entries.folders]
    return False


def _identity(folder: Path) -> tuple[int, int]:
    try:
        place = folder.stat()
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror}") from error
    return place.st_dev, place.st_ino


def _entries(folder: Path, *, top: bool = False) -> _Entries:
    """List a folder in the order of names; at the `top` of a split a folder may be named like an image."""
    found = _Entries()
    try:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda each: each.name):
                if entry.name.startswith("."):
                    continue
                if top and entry.is_dir():
                    found.folders.append(entry.name)
                elif (suffix := os.path.splitext(entry.name)[1].lower()) not in _SUFFIXES:  # noqa: PTH122 - Path is slow
                    if entry.is_dir():
                        found.folders.append(entry.name)
                    elif suffix in _OTHER_SUFFIXES:
                        found.others.append(entry.name)
                    elif entry.is_symlink() and not entry.is_file():
                        found.lost.append((entry.name, _kind_of(entry)))
                elif entry.is_file():
                    found.images.append(entry.name)
                else:
                    found.unusable.append((entry.name, _kind_of(entry)))
    except OSError as error:
        raise DataError(f"{error.filename or folder}: {error.strerror}") from error
    return found


def _kind_of(entry: os.DirEntry[str]) -> str:
    """Name the kind of what is not a regular file."""
    try:
        mode = entry.stat().st_mode
    except OSError as error:
        return f"a link that leads nowhere ({error.strerror})" if entry.is_symlink() else str(error.strerror)
    return _KINDS.get(stat.S_IFMT(mode), "not a file")
