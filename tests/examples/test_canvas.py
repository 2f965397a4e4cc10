import numpy as np
import torch

from seplace.examples.canvas import CELL, SIDE, DigitsCanvas, draw


def splits(**options: int) -> dict[str, tuple[torch.Tensor, ...]]:
    data = DigitsCanvas(train=24, validation=16, test=8, **options)
    data.setup("fit")
    return {name: split.tensors for name, split in data.splits.items()}


def test_canvases_follow_from_the_seed():
    first, again, other = splits(), splits(), splits(seed=1)
    for name, count in (("train", 24), ("validation", 16), ("test", 8)):
        images, masks = first[name]
        assert (images.shape, masks.shape) == ((count, 1, SIDE, SIDE), (count, SIDE, SIDE))
        assert (images.dtype, masks.dtype) == (torch.float32, torch.int64)
        assert all(torch.equal(one, same) for one, same in zip(first[name], again[name], strict=True))
        assert not torch.equal(images, other[name][0])


def test_digits_stand_out_from_the_texture_where_the_mask_says():
    glyph = np.full((1, 8, 8), 16.0)
    images, masks = draw(glyph, np.array([3]), 200, np.random.default_rng(0))
    assert masks.unique().tolist() == [0, 4]
    inked = masks > 0
    digits = inked.sum((1, 2)) / CELL**2
    assert 0.3 < digits.min() <= digits.max() <= 4
    # Lighter than the texture, whose mean is near 0, on about half of the canvases, and darker on the others.
    contrast = torch.stack([image[0][ink].mean() for image, ink in zip(images, inked, strict=True)])
    assert (contrast.abs() > 0.3).all()
    assert 70 < (contrast > 0).sum() < 130


def test_every_split_has_its_batches():
    data = DigitsCanvas(train=33, validation=101, test=1)
    data.setup("fit")
    loaders = (data.train_dataloader(), data.val_dataloader(), data.test_dataloader())
    assert [len(loader) for loader in loaders] == [2, 2, 1]
