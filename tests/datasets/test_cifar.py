import numpy as np
import pytest
from made_up import cifar_files, make_cifar_archive, make_cifar_folder, tiny

from seplace.datasets import cifar
from seplace.errors import DataError


@pytest.fixture(params=["CIFAR10", "CIFAR100"])
def layout(request, monkeypatch):
    layout = tiny(getattr(cifar, request.param))
    monkeypatch.setattr(cifar, request.param, layout)
    return layout


def load(layout, root):
    return {"cifar10": cifar.cifar10, "cifar100": cifar.cifar100}[layout.name](root)


def use(layout, monkeypatch):
    monkeypatch.setattr(cifar, layout.name.upper(), layout)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("inside", [False, True])
def test_records_are_read(layout, tmp_path, monkeypatch, packed, inside):
    if packed:
        use(make_cifar_archive(tmp_path, layout), monkeypatch)
        root = tmp_path / layout.archive if inside else tmp_path
    else:
        root = make_cifar_folder(tmp_path, layout) / (layout.folder if inside else "")
    raw = load(layout, root)
    files = cifar_files(layout)
    assert raw.classes == tuple(f"name_{label}" for label in range(layout.classes))
    assert len(raw.train.labels) == len(layout.train_files) * layout.train_records
    assert (raw.train.labels[: layout.train_records] == np.arange(layout.train_records) % layout.classes).all()
    # The second record of the test file, byte by byte: its labels, then red, green and blue planes.
    record = np.frombuffer(files[layout.test_file], np.uint8)[layout.label_bytes + 3072 :]
    record = record[layout.label_bytes : layout.label_bytes + 3072]
    assert (raw.test().pixels[1].ravel() == record).all()
    assert (raw.test().pixels[1][2, 0, :3] == record[2048:2051]).all()


def test_the_official_layouts():
    assert cifar.CIFAR10.md5 == "c32a1d4ab5d03f1284b67883e8d87530"
    assert cifar.CIFAR100.md5 == "03b5dce01913d631647c71ecec9e9cb8"
    assert len(cifar.CIFAR10.train_files) * cifar.CIFAR10.train_records == 50_000
    assert len(cifar.CIFAR100.train_files) * cifar.CIFAR100.train_records == 50_000


def test_nothing_there(layout, tmp_path):
    with pytest.raises(DataError) as caught:
        load(layout, tmp_path)
    for part in (str(tmp_path), layout.archive, layout.folder, cifar.PAGE):
        assert part in str(caught.value)


def test_a_truncated_file(layout, tmp_path):
    file = make_cifar_folder(tmp_path, layout) / layout.folder / layout.train_files[-1]
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DataError, match=f"{layout.train_files[-1]} has .* bytes, expected"):
        load(layout, tmp_path)


def test_a_missing_file(layout, tmp_path):
    (make_cifar_folder(tmp_path, layout) / layout.folder / layout.train_files[-1]).unlink()
    with pytest.raises(DataError, match=f"{layout.train_files[-1]} is missing"):
        load(layout, tmp_path)


def test_a_bad_label(layout, tmp_path):
    file = make_cifar_folder(tmp_path, layout) / layout.folder / layout.train_files[-1]
    content = bytearray(file.read_bytes())
    content[3 * (layout.label_bytes + 3072) + layout.label_bytes - 1] = layout.classes
    file.write_bytes(content)
    with pytest.raises(DataError, match=rf"{layout.train_files[-1]}, record 3: label {layout.classes}"):
        load(layout, tmp_path)


def test_bad_class_names(layout, tmp_path):
    file = make_cifar_folder(tmp_path, layout) / layout.folder / layout.names_file
    file.write_text("only_one\n")
    with pytest.raises(DataError, match="names 1 classes"):
        load(layout, tmp_path)
    file.write_bytes(b"x" * 100_000)
    with pytest.raises(DataError, match="more than a list of names"):
        load(layout, tmp_path)


def test_an_archive_with_another_checksum(layout, tmp_path):
    make_cifar_archive(tmp_path, layout)
    with pytest.raises(DataError, match=r"its MD5 is .* official archive"):
        load(layout, tmp_path)


def test_files_with_other_names_are_never_read_nor_written(layout, tmp_path, monkeypatch):
    root = tmp_path / "root"
    root.mkdir()
    first = layout.train_files[0]
    extra = {
        f"../{first}": b"evil",
        f"../{layout.folder}/{first}": b"evil",
        str(tmp_path / "absolute"): b"evil",
        f"{layout.folder}/../../{first}": b"evil",
        first: b"evil",
    }
    use(make_cifar_archive(root, layout, extra=extra), monkeypatch)
    assert len(load(layout, root).test().labels) == layout.test_records
    assert sorted(path.name for path in tmp_path.rglob("*")) == sorted(["root", layout.archive])


def test_an_archive_with_a_file_of_another_size(layout, tmp_path, monkeypatch):
    packed = make_cifar_archive(tmp_path, layout)
    use(tiny(packed, test_file="other.bin"), monkeypatch)
    raw = load(layout, tmp_path)
    with pytest.raises(DataError, match=f"has no {layout.folder}/other.bin"):
        raw.test()
    use(tiny(packed, label_bytes=3), monkeypatch)
    with pytest.raises(DataError, match="bytes, expected"):
        load(layout, tmp_path)


def test_an_archive_cut_short(layout, tmp_path, monkeypatch):
    make_cifar_archive(tmp_path, layout)
    archive = tmp_path / layout.archive
    archive.write_bytes(archive.read_bytes()[:5000])
    import hashlib

    use(tiny(layout, md5=hashlib.md5(archive.read_bytes()).hexdigest()), monkeypatch)
    with pytest.raises(DataError, match=layout.archive):
        load(layout, tmp_path)
