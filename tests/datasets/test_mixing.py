import numpy as np
import pytest
import torch

from seplace.datasets.augmentation import Mixing
from seplace.datasets.mixing import BatchMixer, cut_box

CLASSES, COUNT, SIDE = 10, 6, 16
LABELS = torch.tensor([0, 1, 2, 3, 3, 9])


def mixer(mixup: Mixing | None = None, cutmix: Mixing | None = None) -> BatchMixer:
    return BatchMixer(mixup=mixup, cutmix=cutmix, classes=CLASSES, seed=5)


def flat() -> torch.Tensor:
    """Images each of one value, that of its class, so that a mixed image says what it was mixed of."""
    return LABELS.float()[:, None, None, None].expand(COUNT, 3, SIDE, SIDE).clone()


def test_mixup_weighs_images_and_labels_alike():
    shares = []
    for number in range(120):
        images, labels = mixer(Mixing(alpha=0.4)).mixed(flat(), LABELS, epoch=1, number=number)
        assert (images == images[:, :1, :1, :1]).all()
        assert torch.allclose(labels.sum(dim=1), torch.ones(COUNT))
        torch.testing.assert_close(labels @ torch.arange(10.0), images[:, 0, 0, 0])
        mixed = labels[0, 0] < 1  # the first image is the only one of its class
        shares.append(float(labels[0, 0]) if mixed else np.nan)
    # Of Beta(α, α) the mean is 1/2 and the variance 1 / (4 (2 α + 1)); one in six is paired with itself.
    assert np.isnan(shares).mean() == pytest.approx(1 / 6, abs=0.1)
    assert np.nanmean(shares) == pytest.approx(0.5, abs=0.12)
    assert np.nanvar(shares) == pytest.approx(1 / (4 * 1.8), rel=0.25)


def test_cutmix_counts_the_pixels_of_each_label():
    areas = []
    for number in range(120):
        images, labels = mixer(cutmix=Mixing(alpha=1.0)).mixed(flat(), LABELS, epoch=0, number=number)
        torch.testing.assert_close(labels @ torch.arange(10.0), images.mean(dim=(1, 2, 3)))
        cut = (images != flat()).any(dim=1)
        for mask in cut:
            assert (mask == mask.any(dim=1)[:, None] & mask.any(dim=0)).all()
        areas.append(float(cut.float().mean(dim=(1, 2)).max()))
    assert max(areas) > 0.7
    assert min(areas) < 0.02


def test_a_box_is_the_root_of_its_share_wide_and_clipped():
    random = np.random.default_rng(0)
    boxes = np.array([cut_box(random, 0.75, height=20, width=40) for _ in range(2000)])
    top, bottom, left, right = boxes.T
    assert top.min() == left.min() == 0
    assert (bottom.max(), right.max()) == (20, 40)
    inside = (top > 0) & (bottom < 20) & (left > 0) & (right < 40)
    assert set((bottom - top)[inside]) == {10}  # √(1 - 0.75) = 1/2 of the height
    assert set((right - left)[inside]) == {20}
    assert cut_box(random, 1.0, height=20, width=40)[1] - cut_box(random, 1.0, height=20, width=40)[0] <= 20
    nothing = cut_box(random, 1.0, height=20, width=40)
    assert nothing[0] == nothing[1]


def test_probabilities_are_shares_of_the_batches():
    both = mixer(Mixing(alpha=1.0, probability=0.3), Mixing(alpha=1.0, probability=0.5))
    found = {"mixed": 0, "cut": 0, "left alone": 0}
    for number in range(400):
        images, labels = both.mixed(flat(), LABELS, epoch=0, number=number)
        assert labels.dtype == torch.float32
        if torch.equal(images, flat()):  # or nothing was cut out, or a batch was mixed with itself
            found["left alone"] += 1
            assert torch.equal(labels, torch.nn.functional.one_hot(LABELS, CLASSES).float())
        else:
            found["mixed" if (images == images[:, :, :1, :1]).all() else "cut"] += 1
    assert found["mixed"] == pytest.approx(120, abs=36)
    assert found["cut"] == pytest.approx(200, abs=45)


def test_a_batch_is_mixed_by_seed_epoch_and_number():
    images = torch.randn(COUNT, 3, SIDE, SIDE)
    one = mixer(Mixing(alpha=1.0))
    first = one.mixed(images, LABELS, epoch=2, number=3)
    again = mixer(Mixing(alpha=1.0)).mixed(images, LABELS, epoch=2, number=3)
    assert all(torch.equal(*pair) for pair in zip(first, again, strict=True))
    for epoch, number in ((3, 3), (2, 4)):
        assert not torch.equal(one.mixed(images, LABELS, epoch=epoch, number=number)[0], first[0])
