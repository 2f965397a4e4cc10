import io
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up import encoded, make_folder, make_parquet, picture
from PIL import Image

from seplace.datasets import decoding, image_parquet, image_set
from seplace.datasets.augmentation import Augmentation, RandomResizedCrop
from seplace.datasets.crop_boxes import BOX_NUMBERS, crop_box
from seplace.datasets.decoding import decode_crop, decode_image
from seplace.datasets.image_set import ImageSet, load_image_set
from seplace.datasets.loader import BatchLoader, Shard
from seplace.datasets.raw_set import ArrayImages, RawSet
from seplace.datasets.sent import SentImages
from seplace.datasets.streamed_images import StreamedImages
from seplace.datasets.uniforms import Uniforms
from seplace.errors import DamagedImages, DataError, InputError

VALUES = {"image_size": 6, "train_images": None, "validation_images": 6, "noise": 0.1, "seed": 1}
USUAL = RandomResizedCrop()


def load(root: Path, *, name: str = "image_folder", **changes) -> ImageSet:
    return load_image_set(name, root=root, **(VALUES | changes))


def loader(images: ImageSet, part: str = "train", **changes) -> BatchLoader:
    augmentation = Augmentation(crop_padding=1, flip=True, cutout=2)
    values = {"augmentation": augmentation, "shuffle_seed": 3} if part == "train" else {}
    return BatchLoader(
        getattr(images, part),
        batch_size=6,
        mean=images.mean,
        std=images.std,
        device=torch.device("cpu"),
        memory_format=torch.contiguous_format,
        **({"augmentation": None, "shuffle_seed": None} | values | changes),
    )


def is_streamed(images: ImageSet) -> bool:
    kinds = {isinstance(split.images, StreamedImages) for split in (images.train, images.validation)}
    assert len(kinds) == 1
    return kinds.pop()


def test_streams_where_it_is_told_or_must(tmp_path):
    make_folder(tmp_path)
    pixels = 30 * 3 * 6 * 6
    assert not is_streamed(load(tmp_path))
    assert not is_streamed(load(tmp_path, memory_limit=pixels))
    assert is_streamed(load(tmp_path, memory_limit=pixels - 1))
    assert is_streamed(load(tmp_path, validation_images=None, memory_limit=pixels))  # 12 more
    assert not is_streamed(load(tmp_path, memory_limit=0, in_memory=True))
    assert is_streamed(load(tmp_path, in_memory=False))
    assert is_streamed(load(tmp_path, crops_files=True))
    assert not is_streamed(load(tmp_path, crops_files=True, image_size=8))  # as large as the files
    assert not is_streamed(load(tmp_path, crops_files=True, in_memory=True))
    with pytest.raises(InputError, match="arrays: its images are arrays, which are in memory"):
        load(tmp_path, name=f"{__name__}:arrays", in_memory=False)


def arrays(root) -> RawSet:  # noqa: ARG001
    images = ArrayImages(np.zeros((20, 3, 6, 6), np.uint8), np.arange(20) % 2)
    return RawSet(classes=("a", "b"), train=images, test=None)


def test_the_mean_is_the_same_in_memory_or_not_also_of_a_sample(tmp_path, monkeypatch):
    make_folder(tmp_path)
    monkeypatch.setattr(image_set, "_MEASURED_IMAGES", 5)
    whole, sampled = [], []
    for found, limit in ((whole, 24 * 3 * 6 * 6), (sampled, 24 * 3 * 6 * 6 - 1)):
        monkeypatch.setattr(image_set, "MEMORY_LIMIT", limit)
        found += [load(tmp_path, in_memory=in_memory) for in_memory in (True, False)]
        assert found[0].mean == found[1].mean
        assert found[0].std == found[1].std
    assert whole[0].mean != sampled[0].mean
    assert whole[0].mean == pytest.approx(whole[0].train.images.mean(axis=(0, 2, 3)) / 255)


@pytest.mark.parametrize("part", ["train", "validation"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_shards_are_what_one_process_sees(tmp_path, part, count):
    make_folder(tmp_path)
    memory, streamed = (load(tmp_path, in_memory=in_memory) for in_memory in (True, False))
    changes = {} if part == "train" else {"batch_size": 4}  # the last batch has two of six
    single = loader(memory, part, **changes) if not changes else _by_four(memory, None)
    single.set_epoch(2)
    every = list(single)
    for images in (memory, streamed):
        ranks = []
        for rank in range(count):
            shard = Shard(rank=rank, ranks=count)
            batches = loader(images, part, shard=shard) if part == "train" else _by_four(images, shard)
            batches.set_epoch(2)
            ranks.append(list(batches))
            assert len(batches) == len(ranks[-1])
            batches.close()
        parts = [each for rank in ranks for each in rank]
        if part == "train":
            assert {len(rank) for rank in ranks} == {len(every)}
            for number, (images_of_one, labels_of_one) in enumerate(every):
                assert torch.equal(torch.cat([rank[number][0] for rank in ranks]), images_of_one)
                assert torch.equal(torch.cat([rank[number][1] for rank in ranks]), labels_of_one)
        assert sum(len(labels) for _, labels in parts) == sum(len(labels) for _, labels in every)
        assert _sorted(parts) == _sorted(every)


def _by_four(images: ImageSet, shard: Shard | None) -> BatchLoader:
    return BatchLoader(
        images.validation,
        batch_size=4,
        mean=images.mean,
        std=images.std,
        device=torch.device("cpu"),
        augmentation=None,
        shuffle_seed=None,
        memory_format=torch.channels_last,
        shard=shard,
    )


def _sorted(batches: list[tuple[torch.Tensor, torch.Tensor]]) -> list[bytes]:
    return sorted(image.contiguous().numpy().tobytes() for images, _ in batches for image in images)


def test_a_batch_without_equal_parts_is_refused(tmp_path):
    images = load(make_folder(tmp_path))
    with pytest.raises(InputError, match="a batch of 6 images has no equal parts for 4 processes"):
        loader(images, shard=Shard(rank=0, ranks=4))
    with pytest.raises(InputError, match="from 0 to 1, got 2"):
        Shard(rank=2, ranks=2)


def test_training_on_both_splits(tmp_path):
    make_folder(tmp_path)
    values = {"augmentation": None, "shuffle_seed": 1}
    both = [load(tmp_path, in_memory=in_memory) for in_memory in (True, False)]
    for images in both:
        object.__setattr__(images, "train", images.train + images.validation)
    first, second = (list(loader(images, **values)) for images in both)
    assert len(first) == 5
    for (one, labels), (other, same) in zip(first, second, strict=True):
        assert torch.equal(one, other)
        assert torch.equal(labels, same)


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_images_are_flipped_as_in_memory_while_they_are_decoded(tmp_path, noise):
    make_folder(tmp_path)
    flips = Augmentation(crop_padding=0, flip=True, cutout=0)
    memory, streamed = (
        loader(load(tmp_path, in_memory=in_memory, noise=noise), augmentation=flips) for in_memory in (True, False)
    )
    assert streamed._flips_files
    for (one, labels), (other, same) in zip(memory, streamed, strict=True):
        assert torch.equal(one, other)
        assert torch.equal(labels, same)
    streamed.close()


def test_a_file_that_vanishes_or_changes_is_named(tmp_path):
    images = load(make_folder(tmp_path), in_memory=False)
    batches = loader(images)
    list(batches)
    gone, changed = (Path(images.train.images.sources[at]) for at in (4, 9))
    content = changed.read_bytes()
    gone.rename(tmp_path / "elsewhere")
    batches.set_epoch(7)
    with pytest.raises(DataError, match=rf"{gone}: cannot be read any more \(No such file"):
        list(batches)
    (tmp_path / "elsewhere").rename(gone)
    changed.write_bytes(encoded(picture(np.random.default_rng(5), 8, 8, 3)))
    os.utime(changed, ns=(0, 0))
    with pytest.raises(DataError, match=rf"{changed}: has changed during this run"):
        list(batches)
    changed.write_bytes(content)


def test_no_images_are_sent_to_a_machine_without_the_files(tmp_path):
    with pytest.raises(DataError, match=r"are not held in memory, from where they would be sent \(data: in_memory\)"):
        SentImages.pack(load(make_folder(tmp_path), in_memory=False))


def test_damaged_images_are_found_before_training(tmp_path):
    make_folder(tmp_path)
    for split, name in (("train", "class_1/003.png"), ("val", "class_2/001.png")):
        path = tmp_path / split / name
        path.write_bytes(path.read_bytes()[:-40])  # its header says nothing of it
        with pytest.raises(DamagedImages, match=name):
            load(tmp_path, validation_images=None, in_memory=False)
        path.unlink()


def test_parquet_files_larger_than_the_memory_are_refused(tmp_path, monkeypatch):
    make_parquet(tmp_path)
    monkeypatch.setattr(image_parquet, "available_bytes", lambda: 100)
    with pytest.raises(DataError, match=r"24 images take 0\.0 GB as they are in the files"):
        load(tmp_path, name="image_parquet", in_memory=False)
    assert len(load(tmp_path, name="image_parquet").train) == 24


def photo(width: int, height: int) -> Image.Image:
    """A smooth color image, of which halves and quarters show the same."""
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    channels = [127 + 120 * np.sin(5 * across + 3 * down + shift) for shift in (0, 1, 2)]
    return Image.fromarray(np.stack(channels, axis=2).astype(np.uint8))


def stored(image: Image.Image, kind: str, *, turn: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = turn
    stream = io.BytesIO()
    image.save(stream, kind, exif=exif)
    return stream.getvalue()


@pytest.mark.parametrize("turn", [1, 3, 6])
@pytest.mark.parametrize(
    ("kind", "side", "tolerance"), [("PNG", 8, 0), ("JPEG", 64, 0), ("JPEG", 40, 6), ("JPEG", 8, 6)]
)
def test_a_crop_is_a_part_of_the_upright_image(kind, side, tolerance, turn, monkeypatch):
    source = stored(photo(200, 120), kind, turn=turn)
    whole = Image.fromarray(decode_image(source, image_size=None))
    box = (20, 10, 90, 100) if turn != 6 else (90, 10, 100, 90)
    seen = []
    scaled = decoding.upright
    monkeypatch.setattr(decoding, "upright", lambda image: seen.append(image.size) or scaled(image))

    def box_of(height: int, width: int) -> tuple[int, int, int, int]:
        assert (width, height) == whole.size
        return box

    found = decode_crop(source, image_size=side, box_of=box_of)
    top, left, down, across = box
    wanted = whole.resize((side, side), Image.Resampling.BILINEAR, box=(left, top, left + across, top + down))
    assert np.abs(found.astype(int) - np.asarray(wanted)).max() <= tolerance
    shrink = {64: 1, 40: 2, 8: 8}[side] if kind == "JPEG" else 1
    assert seen == [(200 // shrink, 120 // shrink)]
    assert found.shape == (side, side, 3)


def test_random_crops_are_cut_from_the_files_by_seed_epoch_and_position(tmp_path):
    random = np.random.default_rng(0)
    for split in ("train", "val"):
        for label in "ab":
            (tmp_path / split / label).mkdir(parents=True)
            for number in range(6):
                content = encoded(picture(random, 20 + number, 30, 3))
                (tmp_path / split / label / f"{number}.png").write_bytes(content)
    images = load(tmp_path, validation_images=0, noise=0.0, crops_files=True)
    augmentation = Augmentation(crop_padding=0, flip=False, cutout=0, random_resized_crop=USUAL)
    epochs = []
    for threads in (1, 3):
        decoding.use_threads(threads)
        with loader(images, augmentation=augmentation) as batches:
            assert batches._crops_files
            batches.set_epoch(4)
            epochs.append(torch.cat([each for each, _ in batches]))
    decoding._chosen_threads = None
    assert torch.equal(*epochs)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(image_set.derive_seed(3, "order", 4)))
    numbers = Uniforms(seed=3, purpose="crop", epoch=4, shape=BOX_NUMBERS).at(np.arange(12))
    mean, std = (np.array(values)[:, None, None] for values in (images.mean, images.std))
    for position, row in enumerate(order.tolist()):
        whole = Image.open(images.train.images.sources[row])
        box = crop_box(numbers[position], height=whole.height, width=whole.width, crop=USUAL)
        corners = (box.left, box.top, box.left + box.width, box.top + box.height)
        part = whole.resize((6, 6), Image.Resampling.BILINEAR, box=corners)
        wanted = (np.asarray(part).transpose(2, 0, 1) / 255 - mean) / std
        assert np.allclose(epochs[0][position].numpy(), wanted, atol=1e-4)
