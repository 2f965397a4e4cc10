import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from seplace.datasets.decode_ahead import BATCHES, THREAD_NAME, DecodeAhead, Wanted
from seplace.errors import DataError

SIZE, EPOCH = 6, 10


class Slow:
    """Images of one pixel that hold their index; each takes a while, and some cannot be decoded."""

    shape = (SIZE * EPOCH, 1, 1, 1)

    def __init__(self, *, seconds: float = 0.0, fails: int | None = None) -> None:
        self.seconds = seconds
        self.fails = fails
        self.decoded: list[tuple[int, float]] = []

    def decode_into(self, pixels, index, **_crop) -> None:
        time.sleep(self.seconds)
        if index == self.fails:
            raise DataError(f"image {index}")
        pixels[...] = index
        self.decoded.append((index, time.perf_counter()))


def wanted(epoch: int) -> Iterator[Wanted]:
    for start in range(0, SIZE * EPOCH, SIZE):
        yield Wanted((np.arange(start, start + SIZE) + epoch) % (SIZE * EPOCH))


def ahead(images: Slow, *, threads: int = 3, is_endless: bool = True) -> DecodeAhead:
    return DecodeAhead(
        images,
        wanted,
        batches=EPOCH,
        batch_size=SIZE,
        device=torch.device("cpu"),
        threads=threads,
        crop=None,
        is_endless=is_endless,
    )


def indices(batch: torch.Tensor) -> list[int]:
    return batch.flatten().tolist()


def decoding_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(THREAD_NAME)]


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_batches_come_in_order_epoch_after_epoch_with_any_number_of_threads(threads):
    images = Slow()
    decoder = ahead(images, threads=threads)
    for epoch in (0, 1, 2, 5):  # the last one is not what was decoded ahead
        assert [indices(batch) for batch in decoder.batches(epoch)] == [each.indices.tolist() for each in wanted(epoch)]
    decoder.close()
    assert decoding_threads() == []


@pytest.mark.parametrize(("decode", "train"), [(0.0, 0.004), (0.001, 0.0)], ids=["slow training", "slow decoding"])
def test_no_more_than_a_fixed_number_of_batches_is_ever_in_memory(decode, train):
    images = Slow(seconds=decode)
    decoder = ahead(images)
    taken: list[float] = []
    most = 0
    for number, batch in enumerate(decoder.batches(0), start=1):
        taken.append(time.perf_counter())
        time.sleep(train)
        begun = {at // SIZE for at, _ in list(images.decoded)} | set(range(number))
        most = max(most, len(begun) - number + 1)
        assert indices(batch) == list(range(SIZE * (number - 1), SIZE * number))  # nothing was written over it
    assert most <= BATCHES
    if train:
        assert most == BATCHES  # all that may be decoded ahead is
        first_of_next = [when for index, when in images.decoded[SIZE * EPOCH :] if index == 1]
        assert not first_of_next or first_of_next[0] > taken[-BATCHES]
    decoder.close()


def test_the_next_epoch_is_decoded_while_the_validation_runs():
    images = Slow()
    decoder = ahead(images)
    list(decoder.batches(0))
    deadline = time.monotonic() + 10
    while len(images.decoded) < SIZE * (EPOCH + BATCHES - 1) and time.monotonic() < deadline:
        time.sleep(0.001)
    assert len(images.decoded) == SIZE * (EPOCH + BATCHES - 1)
    decoder.close()
    evaluation = ahead(Slow(), is_endless=False)
    assert len(list(evaluation.batches(0))) == EPOCH
    assert decoding_threads() == []  # nothing follows an evaluation


def test_an_error_reaches_the_training_at_its_batch_and_ends_all_threads():
    images = Slow(fails=3 * SIZE + 2)
    decoder = ahead(images)
    seen = []
    with pytest.raises(DataError, match="image 20"):
        seen.extend(indices(batch) for batch in decoder.batches(0))
    assert seen == [list(range(start, start + SIZE)) for start in range(0, 3 * SIZE, SIZE)]
    assert decoding_threads() == []
    images.fails = None
    assert len(list(decoder.batches(0))) == EPOCH  # as if nothing had been
    decoder.close()


@pytest.mark.parametrize("how", ["stops", "is interrupted", "is closed"])
def test_a_training_that_ends_early_leaves_no_thread(how):
    images = Slow(seconds=0.001)
    decoder = ahead(images)
    batches = decoder.batches(0)
    next(batches)
    if how == "stops":
        del batches
    elif how == "is closed":
        decoder.close()
    else:
        with pytest.raises(KeyboardInterrupt):
            batches.throw(KeyboardInterrupt)
    assert decoding_threads() == []
    count = len(images.decoded)
    assert count < SIZE * (BATCHES + 1)
    time.sleep(0.01)
    assert len(images.decoded) == count


def test_two_passes_at_once_do_not_disturb_each_other():
    decoder = ahead(Slow())
    first, second = decoder.batches(0), decoder.batches(0)
    for one, two in zip(first, second, strict=True):
        assert indices(one) == indices(two)
    decoder.close()
    assert decoding_threads() == []
