"""Images that are decoded ahead by threads, against PyTorch's DataLoader: `python -m tests.benchmarks.image_stream`.

Both decode the same JPEG files of 500 pixels with Pillow, cut a random resized crop of 224 pixels and flip half of
them: `decode` gives batches of 8-bit pixels, `train` normalized ones as a training takes them. All take turns, in an
order that is turned around from round to round, and decode nothing beyond their turn. The processor time counts all
threads and worker processes; it says what a loader costs where other work on the machine disturbs the clock.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from seplace.datasets import decoding
from seplace.datasets.augmentation import Augmentation, RandomResizedCrop
from seplace.datasets.decode_ahead import BATCHES
from seplace.datasets.image_parquet import image_parquet
from seplace.datasets.image_set import load_image_set
from seplace.datasets.loader import BatchLoader
from seplace.training.allocator import keep_freed_memory
from tests.benchmarks.figures import show_machine

SIDE = 224
CLASSES = 4
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CROP = RandomResizedCrop()


def small_pictures(count: int, root: Path | None) -> Iterator[Image.Image]:
    """Yield CIFAR-10's images from Parquet files, or without them smooth random fields of their size."""
    if root is not None:
        train = image_parquet(root).train
        rows = np.arange(count, dtype=np.int64)
        yield from decoding.decode_images(train.read(rows), where=str, image_size=None, channels=3).transpose(
            0, 2, 3, 1
        )
        return
    draws = np.random.default_rng(1)
    for _ in range(count):
        yield draws.integers(0, 256, (8, 8, 3), dtype=np.uint8)


def write_photos(folder: Path, count: int, root: Path | None) -> None:
    """Write JPEG files of 500 by 375 pixels, a third of them upright: enlarged images, with noise of several scales."""
    draws = np.random.default_rng(0)
    for split, some in (("train", count), ("test", CLASSES)):
        for number, pixels in enumerate(small_pictures(some, root)):
            width, height = (375, 500) if number % 3 == 0 else (500, 375)
            photo = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
            values = np.asarray(photo).astype(np.float32)
            for scale in (8, 4, 2, 1):
                grains = draws.standard_normal((height // scale + 1, width // scale + 1)).astype(np.float32)
                noise = np.asarray(Image.fromarray(grains).resize((width, height), Image.Resampling.BILINEAR))
                values += 10 * noise[:, :, None]
            path = folder / split / str(number % CLASSES)
            path.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).save(path / f"{number:05d}.jpg", quality=90)


class Photos(Dataset[tuple[Tensor, int]]):
    """What is usually written for a DataLoader, in the fewest operations."""

    def __init__(self, files: list[str], *, normalizes: bool) -> None:
        self.files = files
        self.mean = torch.tensor(MEAN)[:, None, None] * 255
        self.std = torch.tensor(STD)[:, None, None] * 255
        self.normalizes = normalizes

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        with Image.open(self.files[index]) as image:
            part = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=_box(*image.size))
        if random.random() < 0.5:
            part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        pixels = torch.from_numpy(np.array(part))
        if self.normalizes:
            pixels = (pixels.permute(2, 0, 1).to(torch.float32) - self.mean) / self.std
        return pixels, index % CLASSES


def _box(width: int, height: int) -> tuple[int, int, int, int]:
    for _ in range(10):
        area = width * height * random.uniform(*CROP.scale)
        ratio = np.exp(random.uniform(*np.log(CROP.ratio)))
        across, down = round(float(np.sqrt(area * ratio))), round(float(np.sqrt(area / ratio)))
        if across <= width and down <= height:
            left, top = random.randint(0, width - across), random.randint(0, height - down)
            return left, top, left + across, top + down
    return 0, 0, width, height


@dataclass
class Loader:
    """A loader that is measured: the seconds and the processor seconds of each pass through all files."""

    run: Callable[[], int]
    workers: Callable[[], list[int]] = list
    """The identifiers of its worker processes."""
    seconds: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)

    def measure(self) -> None:
        """Pass once through all files."""
        before, start = _busy([os.getpid(), *self.workers()]), time.perf_counter()
        count = self.run()
        self.seconds.append((time.perf_counter() - start) / count)
        self.busy.append((_busy([os.getpid(), *self.workers()]) - before) / count)


def _busy(processes: list[int]) -> float:
    """Return the processor seconds of processes so far."""
    ticks = 0
    for process in processes:
        parts = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(parts[11]) + int(parts[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def private_bytes(process: int) -> int:
    """Return the memory that a process shares with no other."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Private"))


def of_torch(files: list[str], *, workers: int, batch_size: int, normalizes: bool) -> Loader:
    """Return PyTorch's loader, whose worker processes live on from pass to pass."""
    loader = DataLoader(
        Photos(files, normalizes=normalizes),
        batch_size=batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )

    def run() -> int:
        return sum(len(labels) for _, labels in loader)

    def processes() -> list[int]:
        iterator = loader._iterator
        return [] if iterator is None else [worker.pid for worker in getattr(iterator, "_workers", ())]

    return Loader(run, processes)


def of_seplace(batches: BatchLoader, *, normalizes: bool) -> Loader:
    """Return the loader of a training; where it does not normalize, the images as they are after crop and flip."""
    assert batches._ahead is not None
    batches._ahead._is_endless = False  # its next epoch would be decoded in the turn of another loader
    if not normalizes:
        batches._normalized = lambda images: images  # type: ignore[method-assign]
    epoch = -1

    def run() -> int:
        nonlocal epoch
        epoch += 1
        batches.set_epoch(epoch)
        return sum(len(labels) for _, labels in batches)

    return Loader(run)


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return a 95 % interval of a geometric mean, by the bootstrap."""
    logs = np.log(values)
    draws = np.random.default_rng(0).choice(logs, (10_000, len(logs))).mean(axis=1)
    low, high = np.exp(np.quantile(draws, (0.025, 0.975)))
    return float(low), float(high)


def show(title: str, loaders: dict[str, Loader]) -> None:
    """Print images a second and the ratios to the DataLoader with its best number of workers."""
    print(f"\n{title}")
    for name, loader in loaders.items():
        rate, busy = 1 / statistics.median(loader.seconds), 1000 * statistics.median(loader.busy)
        print(f"  {name:22s} {rate:6.0f} images/s   {busy:5.2f} ms of processor time an image")
    ours = [name for name in loaders if name.startswith("seplace")]
    theirs = [name for name in loaders if name not in ours]
    for what, kind in (("images/s", "seconds"), ("processor time", "busy")):
        best = min(theirs, key=lambda name: statistics.median(getattr(loaders[name], kind)))
        for name in ours:
            ratios = np.array(getattr(loaders[best], kind)) / np.array(getattr(loaders[name], kind))
            low, high = interval(ratios)
            mean = float(np.exp(np.log(ratios).mean()))
            print(f"  {what}: {name} is {mean:.3f} ({low:.3f} to {high:.3f}) times as good as {best}")


def main() -> None:
    """Print rates, ratios with 95 % intervals over rounds, and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--threads", type=int, nargs="+", default=[2])
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--data-root", type=Path, default=None, help="Parquet files of CIFAR-10, to enlarge")
    given = parser.parse_args()
    show_machine()
    torch.set_num_threads(1)
    keep_freed_memory()  # as every training on a CPU does; the worker processes inherit it
    warnings.filterwarnings("ignore", message=".*worker processes in total.*")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_photos(folder, given.files, given.data_root)
        files = sorted(map(str, (folder / "train").rglob("*.jpg")))
        size = sum(Path(file).stat().st_size for file in files)
        print(f"{len(files)} files of {size / len(files) / 1000:.0f} kB, batches of {given.batch_size}")
        images = load_image_set(
            "image_folder",
            root=folder,
            image_size=SIDE,
            train_images=None,
            validation_images=0,
            noise=0.0,
            seed=0,
            in_memory=False,
        )
        for title, normalizes in (("decode: 8-bit batches", False), ("train: normalized batches", True)):
            loaders: dict[str, Loader] = {}
            for threads in given.threads:
                decoding.use_threads(threads)
                batches = BatchLoader(
                    images.train,
                    batch_size=given.batch_size,
                    mean=MEAN,
                    std=STD,
                    device=torch.device("cpu"),
                    augmentation=Augmentation(crop_padding=0, flip=True, cutout=0, random_resized_crop=CROP),
                    shuffle_seed=0,
                    memory_format=torch.channels_last,
                )
                loaders[f"seplace, {threads} threads"] = of_seplace(batches, normalizes=normalizes)
            for workers in given.workers:
                loaders[f"DataLoader, {workers} workers"] = of_torch(
                    files, workers=workers, batch_size=given.batch_size, normalizes=normalizes
                )
            for loader in loaders.values():
                loader.run()
            for turn in range(given.rounds):
                for loader in list(loaders.values())[:: 1 if turn % 2 else -1]:
                    loader.measure()
            show(f"{title} (load {os.getloadavg()[0]:.1f})", loaders)
            for name, loader in loaders.items():
                if processes := loader.workers():
                    held = sum(map(private_bytes, processes)) / 1e6
                    print(f"  {name}: worker processes hold {held:.0f} MB, and up to {2 * len(processes)} batches")
        batch = given.batch_size * SIDE * SIDE * 3 / 1e6
        print(f"\nseplace holds {BATCHES} batches of {batch:.1f} MB as 8-bit pixels, and no other process")


if __name__ == "__main__":
    main()
