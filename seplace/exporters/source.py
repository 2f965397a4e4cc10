"""Export as source: a folder with readable code, its weights, its description and a page about it."""

from __future__ import annotations

from pathlib import Path

from seplace.exporters.folder import refuse_foreign, write_folder
from seplace.exporters.form import Form
from seplace.exporters.source_code import source_of
from seplace.exporters.trained import TrainedNetwork
from seplace.exporters.verify import verify


def _sections(trained: TrainedNetwork) -> str:
    channels, height, width = trained.input_shape
    backbone = (
        ""
        if trained.backbone.is_own
        else f"""
## Use it in a detector or for segmentation

`features_only` returns the map of each stage, as a backbone of timm does; the weights of the head are left out.

```python
import torch

from model import build, load_weights
from predict import read_weights

backbone = build(features_only=True)
load_weights(backbone, read_weights("model.safetensors"))
maps = backbone(torch.zeros(1, {channels}, {height}, {width}))
print(backbone.channels, backbone.strides, [tuple(each.shape) for each in maps])
```
"""
    )
    other = "outputs the last layer" if trained.module else "classes the classifier"
    return f"""
## Train it further

With another number of {other} is drawn anew, and all else keeps its weights.

```python
from model import build, load_weights
from predict import read_weights

network = build(num_classes=5)
drawn = load_weights(network, read_weights("model.safetensors"))  # the names of the tensors that are new
network.train()
```
{backbone}"""


SOURCE = Form(
    mark="seplace-source-export",
    network_file="model.py",
    content="the network, which needs torch alone",
    verified="""\
Before this folder was written, a fresh Python without seplace rebuilt the network from it and gave equal
logits, and its FLOPs and parameters were counted again.""",
    loading="""\
import torch

from model import build, load_weights
from predict import read_weights

network = build().eval()
load_weights(network, read_weights("model.safetensors"))  # or safetensors.torch.load_file""",
    load='''\
TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read a file of safetensors: the length of its header, the header in JSON, and the bytes of the tensors."""
    content = Path(path).read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    weights = {}
    for name, tensor in json.loads(content[8:start]).items():
        if name != "__metadata__":
            first, end = tensor["data_offsets"]
            flat = torch.frombuffer(bytearray(content[start + first : start + end]), dtype=TYPES[tensor["dtype"]])
            weights[name] = flat.view(tensor["shape"])
    return weights


@functools.cache
def load() -> Callable[[Tensor], Tensor]:
    """Return the network with its weights, in eval mode."""
    from model import build, load_weights

    network = build()
    load_weights(network, read_weights(HERE / "model.safetensors"))
    return network.eval()''',
    sections=_sections,
)


def export_source(trained: TrainedNetwork, folder: Path) -> Path:
    """Write model.py, model.safetensors, config.json and README.md to `folder`, and return its resolved path.

    The folder appears only once a fresh process has reproduced the network from it (see `verify`);
    ExportMismatch otherwise. An earlier export there is replaced; a folder with anything else in it is an
    InputError, and so is code that cannot be exported (UnexportableCode).
    """
    code = source_of(trained)
    folder = folder.resolve()
    refuse_foreign(folder, SOURCE)
    return write_folder(trained, folder, form=SOURCE, network=trained.build(), content=code.encode(), verify=verify)
