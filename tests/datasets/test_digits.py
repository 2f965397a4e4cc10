import numpy as np

from seplace.datasets.digits import digits


def test_the_split_is_fixed():
    raw = digits(None)
    test = raw.test()
    assert raw.train.pixels.shape == (1437, 1, 8, 8)
    assert test.pixels.shape == (360, 1, 8, 8)
    assert raw.classes == tuple("0123456789")
    assert (digits(None).train.pixels == raw.train.pixels).all()
    assert raw.train.pixels.min() == 0
    assert raw.train.pixels.max() == 255
    assert np.bincount(test.labels).min() >= 25
    assert not {image.tobytes() for image in test.pixels} & {image.tobytes() for image in raw.train.pixels}


def test_the_labels_belong_to_the_images():
    raw = digits(None)
    means = np.stack([raw.train.pixels[raw.train.labels == label].mean(axis=0) for label in range(10)])
    test = raw.test()
    distances = ((test.pixels[:, None] - means) ** 2).sum(axis=(2, 3, 4))
    assert (distances.argmin(axis=1) == test.labels).mean() > 0.85
