"""What runs in a worker process of a Ray cluster; `seplace.executors.ray_actors` is its other end.

A worker that sees the driver's results folder reads and writes checkpoints and weights there. Another one has a folder
of its own, and sends what is written there to the driver.
"""

from __future__ import annotations

import functools
import os
import pickle
import platform
import queue
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from seplace.errors import ClusterUnavailable, DataError, DeviceFailed, SeplaceError, StudyChanged
from seplace.executors.executor import evaluate_job, share_device
from seplace.files.scratch import Scratch
from seplace.results.evaluation import Evaluation, Job
from seplace.user_code import is_out_of_memory, out_of_memory_message
from seplace.user_modules import import_from
from seplace.version import __version__

if TYPE_CHECKING:
    from seplace.datasets.sent import SentImages
    from seplace.evaluators.study_networks import StudyNetworks
    from seplace.executors.executor import EvaluatorMaker
    from seplace.placement import Placement

_T = TypeVar("_T")

BEGUN = 0
"""The number of epochs that a worker sends when it begins a job."""

SENT_FOLDERS = ("checkpoints", "weights")
"""The folders of a results folder whose files a worker without it sends to the driver."""

_EPOCH_SECONDS = 0.2
"""The time within which only one of several epochs is sent."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a worker needs to begin."""

    number: int
    maker: bytes
    """The pickled EvaluatorMaker."""
    folder: Path
    """The driver's results folder."""
    token_file: str
    token: str
    """The content of a file in that folder, by which a worker knows that it sees it."""
    node: str
    """The identifier of the driver's machine."""
    import_folders: Sequence[str]
    """The folders in which the driver imports modules."""
    current_folder: str
    own_source: Mapping[str, bytes]
    """The files of the user's own modules, for workers that do not see them."""
    images: Mapping[str, Any] | None
    """The description of the study's data; None where it is unknown."""
    identity: Mapping[str, Any] | None
    """The identity of the user's own code; None where it is unknown."""
    version: str = __version__


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A worker that is ready, but for images that it may lack."""

    sees_folder: bool
    lacks_images: bool


@dataclass(frozen=True)
class Warned:
    """The text of a warning."""

    text: str


Answer = Evaluation | SeplaceError | str
"""What a job ends with; a text is the traceback of a bug."""


@dataclass(frozen=True)
class Message:
    """An epoch, a warning, or the end of a job, with the files that were written before it."""

    content: int | Warned | Answer
    files: Mapping[str, bytes | None] = field(default_factory=dict)
    """By their paths below the results folder; None for one that was removed."""


class RayWorker:
    """Evaluates jobs, one at a time."""

    def __init__(self) -> None:
        # Torch keeps its number of threads by thread: all that computes is done in the same one.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="seplace-evaluation")
        self._outbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._mirror: Mirror | None = None

    def begin(self, setup: Setup) -> Begun | SeplaceError | str:
        """Make the evaluator."""
        return self._thread.submit(_answer, functools.partial(self._begin, setup)).result()

    def take_images(self, images: SentImages) -> SeplaceError | str | None:
        """Use images that lie in the memory that all workers of this machine share."""

        def take() -> None:
            networks = networks_of(self._evaluator)
            assert networks is not None
            networks.use_images(images.unpacked())

        return self._thread.submit(_answer, take).result()

    def evaluate(self, job: Job, files: Mapping[str, bytes]) -> Iterator[Message]:
        """Evaluate a job that goes on from its files; yield what the driver needs to know, and last its end."""
        done = self._thread.submit(self._evaluate, job, files)
        while (message := self._outbox.get()) is not None:
            yield message
        done.result()

    def latencies(self, placements: Sequence[Placement]) -> dict[str, dict[str, Any]] | SeplaceError | str:
        """Time placements; by the text of the placement."""

        def measure() -> dict[str, dict[str, Any]]:
            measured: dict[str, dict[str, Any]] = self._evaluator.latencies(placements)
            return measured

        return self._thread.submit(_answer, measure).result()

    def _begin(self, setup: Setup) -> Begun:
        import ray

        is_at_driver = ray.get_runtime_context().get_node_id() == setup.node
        try:
            return self._made(setup, is_at_driver=is_at_driver)
        except SeplaceError as error:
            if not is_at_driver and len(error.args) == 1:
                error.args = (f"on machine {platform.node()}: {error}",)
            raise
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise DeviceFailed(out_of_memory_message(error)) from error

    def _made(self, setup: Setup, *, is_at_driver: bool) -> Begun:
        if setup.version != __version__:
            raise ClusterUnavailable(f"seplace {__version__} is installed, and the study runs with {setup.version}")
        warnings.showwarning = self._tell_warning
        sees_folder = _sees(setup)
        if sees_folder:
            sys.path += [each for each in setup.import_folders if each not in sys.path and Path(each).exists()]
            if Path(setup.current_folder).is_dir():
                os.chdir(setup.current_folder)
        else:
            scratch = Scratch("seplace-worker-")
            _write_source(setup.own_source, scratch.path / "code")
            import_from(scratch.path / "code")  # before the folders of the driver, where another version may lie
            self._mirror = Mirror(scratch.path)
        maker: EvaluatorMaker = pickle.loads(setup.maker)
        if self._mirror is not None:
            maker.folder = self._mirror.folder
        evaluator = maker.make(setup.number)
        share_device(evaluator, among=int(1 / (maker.config.run.gpus or 1.0)))
        self._evaluator: Any = evaluator
        lacks_images = False
        if networks_of(evaluator) is not None and not (sees_folder and is_at_driver):
            lacks_images = _lacks_images(maker, setup.images, sees_folder=sees_folder)
        if not sees_folder:
            _refuse_other_code(maker, setup)
        return Begun(sees_folder=sees_folder, lacks_images=lacks_images)

    def _evaluate(self, job: Job, files: Mapping[str, bytes]) -> None:
        sent = time.monotonic()

        def tell_epoch(epoch: int) -> None:
            nonlocal sent
            written = self._written()
            if written or time.monotonic() - sent >= _EPOCH_SECONDS:
                self._outbox.put(Message(epoch, written))
                sent = time.monotonic()

        def evaluate() -> Evaluation:
            if self._mirror is not None:
                self._mirror.take(files)
            self._outbox.put(Message(BEGUN))
            return evaluate_job(self._evaluator, job, on_epoch=tell_epoch)

        answer = _answer(evaluate)
        self._outbox.put(Message(answer, self._written()))
        self._outbox.put(None)

    def _written(self) -> Mapping[str, bytes | None]:
        return {} if self._mirror is None else self._mirror.changes()

    def _tell_warning(self, message: Warning | str, *_where: object, **_also: object) -> None:
        self._outbox.put(Message(Warned(str(message))))


def networks_of(evaluator: Any) -> StudyNetworks | None:
    """Return what reads the study's data in an evaluator, also in one of the user's own that trains as ours does."""
    networks = getattr(getattr(evaluator, "evaluator", evaluator), "networks", None)
    if networks is None:
        return None
    from seplace.evaluators.study_networks import StudyNetworks

    return networks if isinstance(networks, StudyNetworks) else None


def _answer(function: Callable[[], _T]) -> _T | SeplaceError | str:
    """Return what a function returns, the error of seplace that it raises, or the traceback of any other."""
    try:
        return function()
    except SeplaceError as error:
        return error
    except BaseException:  # also SystemExit, which would end a thread without a word
        return traceback.format_exc()


def _sees(setup: Setup) -> bool:
    """Return whether this process can write in the driver's results folder."""
    try:
        is_same = (setup.folder / setup.token_file).read_text() == setup.token
    except OSError:
        return False
    return is_same and os.access(setup.folder, os.W_OK)


def _write_source(source: Mapping[str, bytes], folder: Path) -> None:
    for name, content in source.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _lacks_images(maker: EvaluatorMaker, known: Mapping[str, Any] | None, *, sees_folder: bool) -> bool:
    """Return whether the study's data are not here; raises DataError where others are."""
    from seplace.datasets import DATASETS
    from seplace.datasets.identity import changes_of_splits, identities_of
    from seplace.datasets.opening import open_raw_set

    if maker.config.own_training is not None:  # its data module reads its data where it trains
        return False
    data, root = maker.config.data, maker.config.data_root
    if (root is not None and not root.exists()) or (DATASETS.is_external(data.name) and not sees_folder):
        return True
    if known is None or "splits" not in known:
        return False
    raw = open_raw_set(data.name, root)
    openers = raw.openers(own_validation=data.validation_images is None)
    splits = {"train": raw.train, **{name: openers[name]() for name in openers if name != "test"}}
    here = identities_of(splits, raw.classes)
    if changes := changes_of_splits({name: each for name, each in known["splits"].items() if name in here}, here):
        raise DataError(f"the data set {data.name} is another than where the study was started: {'; '.join(changes)}")
    return False


def _refuse_other_code(maker: EvaluatorMaker, setup: Setup) -> None:
    from seplace.evaluators.identity import changes_of_identity, identity_of

    if not setup.identity or setup.images is None:
        return
    if changes := changes_of_identity(setup.identity, identity_of(maker.config, setup.images)):
        raise StudyChanged("code of your own is not as where the study was started: " + "; ".join(changes))


class Mirror:
    """The files that a worker without the driver's results folder writes, as far as the driver does not have them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sent: dict[str, tuple[int, int]] = {}
        for name in SENT_FOLDERS:
            (folder / name).mkdir(exist_ok=True)

    def take(self, files: Mapping[str, bytes]) -> None:
        """Replace all files by those that the driver has."""
        for name in self._found():
            (self.folder / name).unlink()
        for name, content in files.items():
            (self.folder / name).write_bytes(content)
        self._sent = self._found()

    def changes(self) -> dict[str, bytes | None]:
        """Return the content of the files that were written since the last call, and None for removed ones."""
        found = self._found()
        changed: dict[str, bytes | None] = {
            name: (self.folder / name).read_bytes() for name, state in found.items() if self._sent.get(name) != state
        }
        changed |= dict.fromkeys(self._sent.keys() - found.keys())
        self._sent = found
        return changed

    def _found(self) -> dict[str, tuple[int, int]]:
        return {
            f"{folder}/{entry.name}": (entry.stat().st_mtime_ns, entry.stat().st_ino)
            for folder in SENT_FOLDERS
            for entry in os.scandir(self.folder / folder)
            if entry.is_file() and not entry.name.startswith(".")  # those are being written
        }
