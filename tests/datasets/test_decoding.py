import io
import struct
import zlib

import numpy as np
import pytest
from made_up import write_parquet
from PIL import Image, ImageOps

from seplace.datasets import decoding
from seplace.datasets.decoding import decode_images, limit_threads
from seplace.datasets.examination import examine
from seplace.datasets.image_folder import FolderImages
from seplace.datasets.image_set import load_image_set
from seplace.errors import DamagedImages

SCENE = np.zeros((20, 12, 3), np.uint8)
SCENE[:10, :6], SCENE[10:, 6:] = 255, (200, 40, 0)
"""Every turn of it looks otherwise."""
KINDS = {"JPEG": {"quality": 95, "subsampling": 0}, "PNG": {}, "WEBP": {"lossless": True}, "TIFF": {}}


def stored(kind: str, orientation: int) -> bytes:
    """The scene as a camera stores it that is held so that a viewer has to turn it."""
    exif, stream = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.fromarray(SCENE).save(stream, kind, exif=exif, **KINDS[kind])
    return stream.getvalue()


def decoded(content: bytes, **changes) -> np.ndarray:
    values = {"image_size": None, "channels": None}
    return decode_images([content], where=str, **(values | changes))[0].transpose(1, 2, 0)


@pytest.mark.parametrize("orientation", range(10))  # 0 and 9 mean nothing
@pytest.mark.parametrize("kind", KINDS)
def test_images_are_turned_as_a_viewer_shows_them(kind, orientation):
    content = stored(kind, orientation)
    shown = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    assert (decoded(content) == shown).all()
    if 2 <= orientation <= 8:
        assert shown.shape != SCENE.shape or (shown != SCENE).mean() > 0.1


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("kind", KINDS)
def test_their_sizes_are_known_from_the_headers(kind, orientation, tmp_path):
    (tmp_path / "a.png").write_bytes(stored(kind, orientation))
    images = FolderImages(tmp_path, ["a.png"], np.zeros(1, np.int64))
    height, width = decoded(stored(kind, orientation)).shape[:2]
    for whole in (False, True):
        assert examine(images, whole=whole).sizes.tolist() == [[width, height]]


def test_they_are_turned_before_they_are_cut_and_scaled():
    turned, upright = decoded(stored("PNG", 6), image_size=8), decoded(stored("PNG", 1), image_size=8)
    assert (turned == np.rot90(upright, k=-1)).mean() > 0.9  # scaling rounds rows before columns


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"Exif\0\0no tags at all", b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01"])
def test_damaged_exif_data_turn_nothing(exif):
    stream = io.BytesIO()
    Image.fromarray(SCENE).save(stream, "JPEG", exif=exif, **KINDS["JPEG"])
    assert decoded(stream.getvalue()).shape == SCENE.shape


def test_in_parquet_files_too(tmp_path):
    for split in ("train", "test"):
        write_parquet(tmp_path / f"{split}.parquet", [stored("JPEG", 3)] * 4, [0, 1, 0, 1])
    values = {"image_size": 4, "train_images": None, "validation_images": 2, "noise": 0.0, "seed": 0}
    first = load_image_set("image_parquet", root=tmp_path, **values).train.images[0]
    assert first[:, 0, 0].tolist() == pytest.approx([200, 40, 0], abs=8)


@pytest.mark.parametrize(("width", "height"), [(9_000, 11_000), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_an_image_of_absurd_size_is_damaged_and_never_decoded(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    file = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    with pytest.raises(DamagedImages, match=r"the image: not a readable image \(Image size .* exceeds limit"):
        decode_images([file], where=lambda _: "the image", image_size=8, channels=None)


def test_processes_that_decode_side_by_side_share_the_cores(monkeypatch):
    monkeypatch.setattr(decoding, "usable_cores", lambda: 16)
    monkeypatch.setattr(decoding, "_most_threads", 8)
    large = [bytes(10_000)]
    threads = []
    for most in (16, 4, 0):
        limit_threads(most)
        threads.append(decoding._threads(large))
    assert threads == [8, 4, 1]
    assert decoding._threads([bytes(10)]) == 1
