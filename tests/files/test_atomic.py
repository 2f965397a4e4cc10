import errno
import os
import re
import stat
from pathlib import Path

import pytest

from seplace.errors import DataError
from seplace.files.atomic import (
    DiskFull,
    is_file,
    make_folder,
    remove_unfinished,
    safe_name,
    sha256_of,
    write_atomically,
)


@pytest.fixture
def full_disk(monkeypatch) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)


@pytest.mark.parametrize("content", ["×\n", b"\x00\xff", "", b""], ids=["text", "bytes", "no text", "no bytes"])
def test_content_is_written_as_it_is(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / "new" / "folder" / "file"
    write_atomically(path, content)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert list(path.parent.iterdir()) == [path]


def test_a_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old and longer")
    write_atomically(path, "new")
    assert path.read_text() == "new"


def test_a_reader_of_the_old_file_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with path.open() as reader:
        write_atomically(path, "new")
        assert reader.read() == "old"


def test_others_may_read_the_file(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", "text")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_leaves_what_stood_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(DiskFull, match=r"file: cannot write 1,234 bytes \(No space left on device\)"):
        write_atomically(path, "x" * 1234)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_leaves_no_new_file(tmp_path: Path) -> None:
    with pytest.raises(DiskFull):
        write_atomically(tmp_path / "file", "new")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_rename_leaves_what_stood_there(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail(_self: Path, _target: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(DiskFull, match="Permission denied"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interruption_leaves_what_stood_there(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def interrupt(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_content_is_synced_before_the_rename_and_the_folder_after(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "file"
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def record_fsync(descriptor: int) -> None:
        steps.append("sync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "sync file")
        fsync(descriptor)

    def record_replace(source: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(Path, "replace", record_replace)
    write_atomically(path, "new")
    assert steps == ["sync file", "rename", "sync folder"]


def test_the_hash_is_the_one_of_sha256sum() -> None:
    assert sha256_of(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("none-se[excitation=hardsigmoid,squeeze=pyramid]4.parallel-" * 16, id="longer than a name may be"),
        pytest.param("nets:Gate-none", id="a colon"),
        pytest.param("none-none@resnet50[width=1.25]", id="brackets and commas"),
        pytest.param("aux.nets:Gate16", id="a name that Windows keeps"),
        pytest.param("nul", id="a device of Windows"),
        pytest.param("com1.parallel", id="a device of Windows with an ending"),
        pytest.param("none-se4.", id="a dot at the end, which Windows drops"),
        pytest.param("×/../\n", id="what no placement has"),
    ],
)
def test_a_name_is_short_and_safe_whatever_the_text(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,47}", safe_name(text))
    assert safe_name(text) != safe_name(f"{text}4")


def test_a_name_differs_where_capitals_and_small_letters_are_one() -> None:
    assert safe_name("nets:Gate").lower() != safe_name("nets:gate").lower()


def test_a_short_text_is_its_own_name() -> None:
    assert safe_name("none-se16-eca.parallel") == "none-se16-eca.parallel"


def test_a_file_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DiskFull, match=r"below: cannot write 3 bytes \(File exists\)"):
        write_atomically(tmp_path / "file" / "below", "abc")


def link_to_nothing(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


def link_to_itself(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("name", "make", "says"),
    [
        pytest.param("out", Path.touch, r"out: is not a folder", id="a file"),
        pytest.param("out", link_to_nothing, "out: is a dangling link", id="a bad link"),
        pytest.param("out", link_to_itself, "out: is a dangling link", id="a link to itself"),
        pytest.param("file/out", lambda path: path.parent.touch(), "out: .*Not a directory", id="below a file"),
        pytest.param("x" * 300, lambda _: None, "File name too long", id="too long"),
        pytest.param("/proc/out", lambda _: None, "no results can be written there", id="a folder of the system"),
        pytest.param("out\0", lambda _: None, "null byte", id="no name"),
        pytest.param("out", lambda path: (path / "ledger").mkdir(parents=True), "ledger: is a folder", id="no file"),
        pytest.param("out", lambda path: write_atomically(path / "weights", ""), "is not a folder", id="no folder"),
        pytest.param(
            "out",
            lambda path: path.mkdir() or link_to_nothing(path / "weights"),
            "is not a folder",
            id="a bad link in it",
        ),
    ],
)
def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path: Path, name: str, make, says: str) -> None:
    make(tmp_path / name)
    with pytest.raises(DataError, match=says) as caught:
        make_folder(tmp_path / name, files=["ledger"], folders=["weights"])
    assert "\n" not in str(caught.value)


def test_a_folder_without_the_right_to_write_is_refused(tmp_path: Path, monkeypatch) -> None:
    def refuse(**_others: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    (tmp_path / "ledger").touch()
    make_folder(tmp_path, files=["ledger"])
    monkeypatch.setattr("tempfile.NamedTemporaryFile", refuse)  # root may write anywhere
    with pytest.raises(DataError, match=r"no results can be written there \(Permission denied\)"):
        make_folder(tmp_path, files=["ledger"])
    monkeypatch.undo()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(DataError, match="ledger: cannot be read and written"):
        make_folder(tmp_path, files=["ledger"])


def test_what_killed_writes_have_left_is_removed(tmp_path: Path, monkeypatch) -> None:
    kept = {".hidden", "a.csv", ".b.csv.old", ".c.12345678"}
    for name in (*kept, ".a.csv.ab12_xyz", ".none_seed0_epochs1.safetensors.abcdefgh"):
        (tmp_path / name).touch()
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)  # as if it were killed at the end
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "killed")))
        with pytest.raises(DiskFull):
            write_atomically(tmp_path / "costs.json", "{}")
    monkeypatch.undo()
    assert len(list(tmp_path.iterdir())) == 7
    remove_unfinished([tmp_path, tmp_path / "weights"])
    assert {path.name for path in tmp_path.iterdir()} == kept


def test_a_name_that_none_can_have_is_that_of_no_file(tmp_path: Path) -> None:
    assert not is_file(tmp_path / ("x" * 300))
    assert not is_file(tmp_path / "a\0")


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_atomically(tmp_path / "pipe", "content")
    assert os.read(reader, 100) == b"content"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()
