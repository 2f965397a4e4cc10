"""Export as a folder in the style of Hugging Face: weights, configuration, preprocessor, model card, modeling code.

The modeling code is model.py, which needs torch alone. modeling_seplace.py wraps it for transformers, and is read by
nothing else.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from seplace.datasets.preprocessing import Preprocessing
from seplace.exporters.folder import refuse_foreign, write_folder
from seplace.exporters.model_card import card_of
from seplace.exporters.source import SOURCE
from seplace.exporters.source_code import source_of
from seplace.exporters.trained import TrainedNetwork
from seplace.exporters.verify import verify

HUGGINGFACE = replace(
    SOURCE,
    mark="seplace-huggingface-export",
    verified="""\
Before this folder was written, a fresh Python without seplace rebuilt the network from it with torch alone and gave
equal logits, and its FLOPs and parameters were counted again. With transformers it is read so:

```python
from transformers import AutoImageProcessor, AutoModelForImageClassification

processor = AutoImageProcessor.from_pretrained(".")
model = AutoModelForImageClassification.from_pretrained(".", trust_remote_code=True)
```

The processor of transformers resizes before it crops and ignores EXIF orientation, so that its pixels differ a little
from those that the study measured accuracies on. The card above names no license: choose one that the data allow.""",
    extras={
        "modeling_seplace.py": "the same network for transformers, with `trust_remote_code=True`",
        "preprocessor_config.json": "what an image goes through before the network, for transformers",
    },
)

_MODELING = '''\
"""The network of model.py for transformers, which reads this file with `trust_remote_code=True`."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import ImageClassifierOutputWithNoAttention

from .model import build


class SeplaceConfig(PretrainedConfig):
    """The content of config.json."""

    model_type = "seplace"


class SeplaceForImageClassification(PreTrainedModel):
    """An image classifier. With another number of labels its classifier is drawn anew."""

    config_class = SeplaceConfig
    base_model_prefix = "network"
    main_input_name = "pixel_values"

    def __init__(self, config: SeplaceConfig) -> None:
        super().__init__(config)
        self.network = build(num_classes=config.num_labels)
        self.post_init()

    def _init_weights(self, module: object) -> None:
        """Leave the weights as the network has drawn them."""

    def forward(
        self, pixel_values: Tensor, labels: Tensor | None = None, **_: object
    ) -> ImageClassifierOutputWithNoAttention:
        """Return the logits of images (N, C, H, W), and the cross-entropy where labels are given."""
        logits = self.network(pixel_values)
        loss = None if labels is None else F.cross_entropy(logits, labels)
        return ImageClassifierOutputWithNoAttention(loss=loss, logits=logits)
'''

_BILINEAR = 2
"""The number of Pillow's bilinear resampling."""


def export_huggingface(trained: TrainedNetwork, folder: Path) -> Path:
    """Write a folder in the style of Hugging Face, and return its resolved path.

    The folder appears only once a fresh process has reproduced the network from it (see `verify`); ExportMismatch
    otherwise. An earlier export there is replaced; a folder with anything else in it is an InputError, and so are code
    that cannot be exported (UnexportableCode) and a network whose preprocessing is not known.
    """
    steps = trained.preprocessing_for("huggingface")
    code = source_of(trained)
    folder = folder.resolve()
    refuse_foreign(folder, HUGGINGFACE)
    return write_folder(
        trained,
        folder,
        form=HUGGINGFACE,
        network=trained.build(),
        content=code.encode(),
        verify=verify,
        extras={
            "modeling_seplace.py": _MODELING.encode(),
            "preprocessor_config.json": (json.dumps(processor_of(steps), indent=2) + "\n").encode(),
        },
        config=_config(trained),
        card=card_of(trained),
    )


def processor_of(steps: Preprocessing) -> dict[str, Any]:
    """Return the configuration of the image processor of transformers that comes nearest to a preprocessing."""
    return {
        "image_processor_type": "BitImageProcessor",
        "do_convert_rgb": steps.channel_order == "RGB",
        "do_resize": True,
        "size": {"shortest_edge": steps.size},
        "resample": _BILINEAR,
        "do_center_crop": True,
        "crop_size": {"height": steps.size, "width": steps.size},
        "do_rescale": True,
        "rescale_factor": 1 / steps.divisor,
        "do_normalize": True,
        "image_mean": list(steps.mean),
        "image_std": list(steps.std),
    }


def _config(trained: TrainedNetwork) -> dict[str, Any]:
    """Return what transformers reads of config.json."""
    return {
        "model_type": "seplace",
        "architectures": ["SeplaceForImageClassification"],
        "auto_map": {
            "AutoConfig": "modeling_seplace.SeplaceConfig",
            "AutoModelForImageClassification": "modeling_seplace.SeplaceForImageClassification",
        },
        "num_channels": trained.in_channels,
        "id2label": {str(number): name for number, name in enumerate(trained.classes)},
        "label2id": {name: number for number, name in enumerate(trained.classes)},
    }
