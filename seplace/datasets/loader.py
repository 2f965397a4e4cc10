"""Batches of a split: the images are on the device as uint8, and a batch takes a few operations.

Images that are not held in memory are decoded ahead, batch by batch (`decode_ahead`), and then go the same way.

A crop gathers rows: windows of one row's length at every offset of the flattened, padded images are an overlapping view
(`unfold`), and `index_select` copies the rows of a batch from it, several times faster than indexing pixels. All random
numbers are drawn on the CPU from the seed and the epoch alone, so that a resumed training and a training on another
device see the same data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seplace.datasets.augmentation import Augmentation, RandAugment, RandomResizedCrop
from seplace.datasets.crop_boxes import BOX_NUMBERS, crop_box
from seplace.datasets.decode_ahead import DecodeAhead, Wanted
from seplace.datasets.decoding import decode_threads
from seplace.datasets.image_set import Split
from seplace.datasets.mixing import BatchMixer
from seplace.datasets.randaugment import randaugmented
from seplace.datasets.resized_crop import resized_parts
from seplace.datasets.uniforms import Uniforms
from seplace.errors import InputError
from seplace.seeds import derive_seed

__all__ = ["Augmentation", "BatchLoader", "Shard"]


@dataclass(frozen=True, kw_only=True)
class Shard:
    """The part of each batch that one of several processes takes; together they take what a single one would.

    Mixup and CutMix mix the images of a part.
    """

    rank: int
    ranks: int
    """The number of processes."""

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.ranks:
            raise InputError(f"the rank of a shard is from 0 to {self.ranks - 1}, got {self.rank}")

    def part_of(self, start: int, stop: int) -> slice:
        """Return this part of the positions of a batch."""
        count = stop - start
        first, last = (start + count * rank // self.ranks for rank in (self.rank, self.rank + 1))
        return slice(first, last)


class BatchLoader:
    """Iterate over batches: normalized images (B, C, H, W) of float32, and labels (B,) of int64.

    With mixup or cutmix the labels are the shares of the `classes`, (B, classes) of float32.

    With a `shuffle_seed` (training) each epoch has its own order and augmentation, and the last partial batch is
    dropped; raises InputError for a set smaller than a batch. Without it, all images come in order and without
    augmentation. The same epoch gives the same batches again. With a `shard` they are the parts of one process; a batch
    of an evaluation that has no image for it is left out.

    Images that are not in memory are decoded by threads, which end with an evaluation, and those of a training with
    `close`, or the `with` block of the loader.
    """

    def __init__(
        self,
        split: Split,
        *,
        batch_size: int,
        mean: Sequence[float],
        std: Sequence[float],
        device: torch.device,
        augmentation: Augmentation | None,
        shuffle_seed: int | None,
        memory_format: torch.memory_format,
        classes: int | None = None,
        shard: Shard | None = None,
    ) -> None:
        count, channels, height, width = split.images.shape
        if batch_size < 1:
            raise InputError(f"the batch size is at least 1, got {batch_size}")
        if not len(mean) == len(std) == channels:
            raise InputError(f"{channels} channels need as many means and deviations, got {mean} and {std}")
        if shuffle_seed is not None and count < batch_size:
            raise InputError(f"the batch size {batch_size} is larger than the set of {count} images")
        if shuffle_seed is None and augmentation is not None:
            raise InputError("augmentation needs a shuffle_seed")
        self._shard = shard or Shard(rank=0, ranks=1)
        if shuffle_seed is not None and batch_size % self._shard.ranks:
            raise InputError(f"a batch of {batch_size} images has no equal parts for {self._shard.ranks} processes")
        if memory_format not in (torch.contiguous_format, torch.channels_last):
            raise InputError(f"the memory format is contiguous or channels_last, got {memory_format}")
        self.batch_size = batch_size
        self._count: int = count
        self._shape = (channels, height, width)
        self._device = device
        self._augmentation = augmentation or Augmentation(crop_padding=0, flip=False, cutout=0)
        self._shuffle_seed = shuffle_seed
        self._mixer = _mixer(self._augmentation, classes=classes, seed=shuffle_seed)
        self._channels_last = memory_format == torch.channels_last
        self._epoch = 0
        # Normalization is one multiply-add of rows of C·H·W numbers in the order of the layout.
        deviation = torch.tensor(std, dtype=torch.float64)
        average = torch.tensor(mean, dtype=torch.float64)
        self._scale = self._as_row(1 / (255 * deviation))
        self._shift = self._as_row(-average / deviation)
        self._padding_color = (average * 255).round().to(torch.uint8)
        self._labels = torch.from_numpy(split.labels).to(device)
        self._stored: Tensor | None = None
        self._ahead: DecodeAhead | None = None
        self._crops_files = False
        """Whether random resized crops are taken while files are decoded, and not from tensors."""
        self._flips_files = False
        """Whether images are flipped while files are decoded: where no crop of tensors comes first."""
        if isinstance(split.images, np.ndarray):
            self._stored = self._laid_out(torch.from_numpy(split.images))
        else:
            crop = self._augmentation.random_resized_crop
            self._crops_files = crop is not None and split.images.are_larger
            crops_tensors = self._augmentation.crop_padding > 0 or (crop is not None and not self._crops_files)
            self._flips_files = self._augmentation.flip and not crops_tensors
            self._ahead = DecodeAhead(
                split.images,
                self._wanted,
                batches=len(self),
                batch_size=-(-batch_size // self._shard.ranks),
                device=device,
                threads=decode_threads(),
                crop=crop,
                is_endless=shuffle_seed is not None,
            )

    def __len__(self) -> int:
        return len(self._parts())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all threads that decode; the loader can be used again."""
        if self._ahead is not None:
            self._ahead.close()

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next iteration."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        if self._shuffle_seed is None:
            yield from self._in_order()
            return
        draws = self._draws(self._shuffle_seed, self._epoch).to(self._device)
        for batch, stored, places in self._stored_parts(draws.order):
            images = self._cropped(stored, places, draws, batch)
            positions = np.arange(batch.start, batch.stop)
            if self._augmentation.random_resized_crop is not None and not self._crops_files:
                images = self._random_parts(images, positions, crop=self._augmentation.random_resized_crop)
            if self._augmentation.flip and not self._flips_files:
                images = self._flipped(images, draws.flip[batch])
            if self._augmentation.randaugment is not None:
                images = self._randaugmented(images, positions, options=self._augmentation.randaugment)
            images = self._normalized(images)
            if self._augmentation.cutout:
                images = self._cut_out(images, draws, batch)
            finished, labels = self._as_batch(images), self._labels.index_select(0, draws.order[batch])
            if self._mixer is not None:
                number = batch.start // self.batch_size
                finished, labels = self._mixer.mixed(finished, labels, epoch=self._epoch, number=number)
            yield finished, labels

    def _in_order(self) -> Iterator[tuple[Tensor, Tensor]]:
        if self._ahead is None:
            assert self._stored is not None
            for part in self._parts():
                yield self._as_batch(self._normalized(self._stored[part])), self._labels[part]
            return
        for part, decoded in zip(self._parts(), self._ahead.batches(0), strict=True):
            yield self._as_batch(self._normalized(self._laid_out(decoded.permute(0, 3, 1, 2)))), self._labels[part]

    def _parts(self) -> list[slice]:
        """Return the positions of each batch in the order of an epoch, of this shard."""
        count = self._count
        if self._shuffle_seed is not None:
            count -= count % self.batch_size
        starts = range(0, count, self.batch_size)
        parts = (self._shard.part_of(start, min(start + self.batch_size, count)) for start in starts)
        return [part for part in parts if part.start < part.stop]

    def _draws(self, seed: int, epoch: int) -> _EpochDraws:
        return _EpochDraws.of(self._count, seed=seed, epoch=epoch, augmentation=self._augmentation, shape=self._shape)

    def _stored_parts(self, order: Tensor) -> Iterator[tuple[slice, Tensor, Tensor | None]]:
        """Yield the positions of each batch, images laid out, and its places in them; None takes all in order."""
        if self._ahead is None:
            assert self._stored is not None
            for part in self._parts():
                yield part, self._stored, order[part]
            return
        for part, decoded in zip(self._parts(), self._ahead.batches(self._epoch), strict=True):
            yield part, self._laid_out(decoded.permute(0, 3, 1, 2)), None

    def _wanted(self, epoch: int) -> Iterator[Wanted]:
        """Yield the images of each batch that is decoded."""
        seed = self._shuffle_seed
        if seed is None:
            for part in self._parts():
                yield Wanted(np.arange(part.start, part.stop))
            return
        draws = self._draws(seed, epoch)
        order, flips = draws.order.numpy(), draws.flip.numpy().astype(np.bool_)
        uniforms = Uniforms(seed=seed, purpose="crop", epoch=epoch, shape=BOX_NUMBERS)
        for part in self._parts():
            numbers = uniforms.at(np.arange(part.start, part.stop)) if self._crops_files else None
            yield Wanted(order[part], numbers, flips[part] if self._flips_files else None)

    def _as_row(self, per_channel: Tensor) -> Tensor:
        _, height, width = self._shape
        row = per_channel.to(torch.float32).to(self._device)
        if self._channels_last:
            return row.repeat(height * width)
        return row.repeat_interleave(height * width)

    def _laid_out(self, images: Tensor) -> Tensor:
        """Return uint8 images (N, C, H, W) on the device, padded, as (N, C, H, W) or (N, H, W, C)."""
        images = images.to(self._device)
        padding = self._augmentation.crop_padding
        color = self._padding_color.to(self._device)
        if self._channels_last:
            images = images.permute(0, 2, 3, 1)
            shape = (
                len(images),
                images.shape[1] + 2 * padding,
                images.shape[2] + 2 * padding,
                images.shape[3],
            )
        else:
            color = color[:, None, None]
            shape = (*images.shape[:2], images.shape[2] + 2 * padding, images.shape[3] + 2 * padding)
        if not padding:
            return images.contiguous()
        padded = color.expand(shape).contiguous()
        inner = (
            padded[:, padding:-padding, padding:-padding]
            if self._channels_last
            else padded[:, :, padding:-padding, padding:-padding]
        )
        inner.copy_(images)
        return padded

    def _range(self, count: int) -> Tensor:
        return torch.arange(count, device=self._device)

    def _cropped(self, stored: Tensor, places: Tensor | None, draws: _EpochDraws, batch: slice) -> Tensor:
        if not self._augmentation.crop_padding:
            return stored if places is None else stored.index_select(0, places)
        places = self._range(len(stored)) if places is None else places
        channels, height, width = self._shape
        image, padded_row = stored[0].numel(), stored.stride(1 if self._channels_last else 2)
        step = channels if self._channels_last else 1
        rows = self._range(height) * padded_row
        if not self._channels_last:
            rows = (self._range(channels)[:, None] * stored.stride(1) + rows).flatten()
        starts = places * image + draws.top[batch] * padded_row + draws.left[batch] * step
        windows = stored.view(-1).unfold(0, width * step, 1)
        selected = windows.index_select(0, (starts[:, None] + rows).flatten())
        return selected.view(len(places), *((height, width, channels) if self._channels_last else self._shape))

    def _random_parts(self, images: Tensor, positions: NDArray[np.int64], *, crop: RandomResizedCrop) -> Tensor:
        _, height, width = self._shape
        numbers = self._uniforms("crop", BOX_NUMBERS).at(positions)
        boxes = torch.tensor([crop_box(each, height=height, width=width, crop=crop) for each in numbers])
        return self._as_stored(resized_parts(self._as_batch(images), boxes))

    def _randaugmented(self, images: Tensor, positions: NDArray[np.int64], *, options: RandAugment) -> Tensor:
        numbers = self._uniforms("randaugment", (options.layers, 2)).at(positions)
        fill = self._padding_color.to(self._device)
        return self._as_stored(randaugmented(self._as_batch(images), numbers, options=options, fill=fill))

    def _uniforms(self, purpose: str, shape: tuple[int, ...]) -> Uniforms:
        assert self._shuffle_seed is not None
        return Uniforms(seed=self._shuffle_seed, purpose=purpose, epoch=self._epoch, shape=shape)

    def _flipped(self, images: Tensor, flip: Tensor) -> Tensor:
        both = torch.cat([images, images.flip(2 if self._channels_last else 3)])
        return both.index_select(0, self._range(len(images)) + flip * len(images))

    def _normalized(self, images: Tensor) -> Tensor:
        rows = images.reshape(len(images), -1).to(torch.float32)
        return torch.addcmul(self._shift, rows, self._scale).view(images.shape)

    def _cut_out(self, images: Tensor, draws: _EpochDraws, batch: slice) -> Tensor:
        channels, height, width = self._shape
        columns = self._range(width)
        rows = images
        if self._channels_last:
            # Rows of whole pixels, so that no operation has a stride of three numbers.
            columns = columns.repeat_interleave(channels)
            rows = images.view(len(images), 1, height, width * channels)
        side = self._augmentation.cutout
        down = self._range(height) - (draws.cutout_row[batch] - side // 2)[:, None]
        right = columns - (draws.cutout_column[batch] - side // 2)[:, None]
        inside_rows = ((down >= 0) & (down < side)).to(torch.float32)
        inside_columns = ((right >= 0) & (right < side)).to(torch.float32)
        rows.mul_(1 - inside_rows[:, None, :, None] * inside_columns[:, None, None, :])
        return images

    def _as_batch(self, images: Tensor) -> Tensor:
        return images.permute(0, 3, 1, 2) if self._channels_last else images

    def _as_stored(self, images: Tensor) -> Tensor:
        return images.permute(0, 2, 3, 1) if self._channels_last else images


def _mixer(augmentation: Augmentation, *, classes: int | None, seed: int | None) -> BatchMixer | None:
    """Return what mixes batches, or None where nothing does. Raises InputError without the number of classes."""
    if augmentation.mixup is None and augmentation.cutmix is None:
        return None
    if classes is None or seed is None:
        raise InputError("mixup and cutmix need the number of classes")
    return BatchMixer(mixup=augmentation.mixup, cutmix=augmentation.cutmix, classes=classes, seed=seed)


@dataclass(frozen=True, eq=False)
class _EpochDraws:
    """The random numbers of an epoch by position in its order, as tensors (N,)."""

    order: Tensor
    top: Tensor
    left: Tensor
    flip: Tensor
    cutout_row: Tensor
    cutout_column: Tensor

    @classmethod
    def of(cls, count: int, *, seed: int, epoch: int, augmentation: Augmentation, shape: tuple[int, int, int]) -> Self:
        """Draw the numbers of an epoch, also those of augmentations that are off, so that the others do not change."""
        order = torch.Generator().manual_seed(derive_seed(seed, "order", epoch))
        random = torch.Generator().manual_seed(derive_seed(seed, "augment", epoch))
        offsets = 2 * augmentation.crop_padding + 1
        return cls(
            order=torch.randperm(count, generator=order),
            top=torch.randint(offsets, (count,), generator=random),
            left=torch.randint(offsets, (count,), generator=random),
            flip=torch.randint(2, (count,), generator=random),
            cutout_row=torch.randint(shape[1], (count,), generator=random),
            cutout_column=torch.randint(shape[2], (count,), generator=random),
        )

    def to(self, device: torch.device) -> Self:
        return type(self)(**{name: values.to(device) for name, values in vars(self).items()})
