"""The example trainings run in plain Lightning, and learn."""

import math
import warnings

import pytest
import torch
from torch import nn

import seplace

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # deprecations inside Lightning's own imports
    import pytorch_lightning as pl

from seplace.examples.canvas import DigitsCanvas
from seplace.examples.networks import Encoder, unet
from seplace.examples.tasks import Segmentation, presence, present, segmentation


def trained(module: pl.LightningModule, *, epochs: int, train: int) -> dict[str, float]:
    data = DigitsCanvas(train=train, validation=32, test=16, batch_size=16)
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        check_val_every_n_epoch=epochs,
        num_sanity_val_steps=0,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*`isinstance.*LeafSpec.*")
        trainer.fit(module, datamodule=data)
        scores = list(module.sample_scores)  # type: ignore[arg-type]
        trainer.test(module, datamodule=data, verbose=False)
    return {name: float(value) for name, value in trainer.logged_metrics.items()} | {
        "val": sum(scores) / len(scores),
        "scored": len(scores),
    }


@pytest.mark.parametrize(("make", "test"), [(segmentation, "test_miou"), (presence, "test_jaccard")])
def test_each_task_trains_an_encoder(make, test):
    torch.manual_seed(0)
    module = make(Encoder(), lr=0.02)
    found = trained(module, epochs=1, train=48)
    assert found["scored"] == 32
    assert found[test] == pytest.approx(sum(module.sample_scores) / len(module.sample_scores))
    assert 0 <= found[test] <= 1
    assert math.isfinite(found["val"])


def test_the_metric_is_the_mean_over_images():
    masks = torch.zeros(2, 4, 4, dtype=torch.long)
    masks[0, :2] = 1
    logits = nn.functional.one_hot(torch.zeros_like(masks), 6).permute(0, 3, 1, 2).float()
    module = Segmentation(lambda images: images)  # type: ignore[arg-type]
    # In the first image IoU 8/16 of the background and 0 of the digit; the second is right.
    assert module.scores((logits, masks)).tolist() == [0.25, 1.0]
    assert present(masks).tolist() == [[1, 0, 0, 0, 0], [0, 0, 0, 0, 0]]


def test_attention_goes_into_encoder_and_decoder():
    adopted = seplace.adopt(unet(), torch.randn(1, 1, 48, 48))
    assert [[site.path for site in stage.sites] for stage in adopted.backbone.stages] == [
        ["encoder.stages.0"],
        ["encoder.stages.1"],
        ["encoder.stages.2"],
        ["decoder.0"],
        ["decoder.1"],
    ]
    network = adopted.insert("se4-none-eca.parallel-none-cbam4")
    assert network(torch.randn(2, 1, 48, 48)).shape == (2, 6, 48, 48)
