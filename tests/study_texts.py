"""A study and a space as texts, to change a word of them and read what comes of it."""

import os
from pathlib import Path

import pytest

from seplace.errors import InvalidStudy
from seplace.study.config import load_study

STUDY = """\
schema: 1
space: digits-resnet8
data:
  name: digits
  validation_images: 400
training:
  epochs: 3
  batch_size: 64
  learning_rate: 0.1
  momentum: 0.9
  weight_decay: 5.0e-4
  schedule: cosine
objective:
  cost: flops
search:
  sampler: nsga2
  trainings: 60
  seeds: 3
  seed: 0
"""

TINY_SPACE = """\
schema: 1
backbone: cifar_resnet8
gate: {init: paper}
stages: [{modules: [none, eca]}, {modules: [none]}, {modules: [none, se], ratios: [8]}]
"""


def write(folder: Path, text: str, name: str = "a.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def replaced(old: str, new: str) -> str:
    """The study with one word changed."""
    assert STUDY.count(old) == 1
    return STUDY.replace(old, new)


def problems_of(path: Path) -> list[str]:
    """What a study is refused for, a line each, without its folder."""
    with pytest.raises(InvalidStudy) as caught:
        load_study(path)
    assert caught.value.exit_code == 2
    return str(caught.value).replace(f"{path.parent}{os.sep}", "").splitlines()
