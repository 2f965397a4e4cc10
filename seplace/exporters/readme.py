"""Write the README.md of an export: the network, how to load it, its figures, and its provenance.

Every text from outside is escaped, so that it shows as it is and makes no link, no HTML and no table cell.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from seplace.exporters.form import BESIDE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor

    from seplace.exporters.form import Form
    from seplace.exporters.trained import TrainedNetwork
    from seplace.metric import Metric

_NAMED = 8
_PLAIN_CODE = re.compile(r"[\w.:,=+\[\]-]+", re.ASCII)
_MARKDOWN = re.compile(r"[\\`*\[\]<>|~&!#$]|(?<!\w)_|_(?!\w)|(?<=:)//|@")


def readme_text(trained: TrainedNetwork, *, form: Form, params: int, version: str) -> str:
    """Return the page in GitHub's Markdown; `version` is seplace's."""
    size = "×".join(map(str, trained.input_shape))
    backbone, placement = code_text(trained.backbone.text), code_text(str(trained.placement))
    if trained.placement.is_plain:
        description = f"the backbone {backbone} without attention (placement {placement})"
    else:
        description = f"the backbone {backbone} with the attention placement {placement}, a choice for each stage"
    if trained.module:
        title = "A network"
        module = code_text(trained.module)
        purpose = f"The LightningModule {module} trained it. It takes inputs (channels × height × width) of {size}."
    else:
        title, purpose = "An image classifier", f"It tells {trained.num_classes} classes of {size} images apart."
    return f"""# {title}: {backbone}, {placement}

{purpose}
It is {description}.
Trained and exported with seplace {escape(version)}.

| file                | content                                                                   |
| ------------------- | ------------------------------------------------------------------------- |
| {f"`{form.network_file}`":<19} | {form.content:<73} |
| `model.safetensors` | its weights                                                               |
{_extra_rows(form)}{_rows_beside(trained)}

{form.verified.replace("logits", "outputs") if trained.module else form.verified}

## Figures

{_table(("figure", "value"), _figures(trained, params=params, size=size))}

{_notes(trained)}

## Predict

{_prediction(trained, form)}

## Load it

```python
{form.loading}
{_normalization(trained, form, shape=", ".join(["N", *size.split("×")]))}
```
{form.sections(trained) if form.sections else ""}
## Provenance

{_table(("", "value"), ((escape(key), _cell(value)) for key, value in trained.provenance.items()))}

## License and citation

{_code_license(trained)} The weights were learned from the data named above, whose terms
apply to them. Cite seplace {escape(version)} as its CITATION.cff says, and the papers of the backbone and the modules.
"""


def _prediction(trained: TrainedNetwork, form: Form) -> str:
    """Return how to tell the class of an image, and what an image goes through."""
    steps = trained.preprocessing
    if trained.module:
        return _use_in_module(trained, form)
    if steps is None:
        return (
            "The study did not record how it prepared its images, so predict.py cannot prepare others. Its `load()` "
            "returns the network, which takes images prepared as in the training."
        )
    noise = ", with noise added to their pixels" if "pixel_noise" in trained.provenance else ""
    measured = "accuracies" if trained.metric.is_accuracy else "values"
    color = {"RGB": "color (RGB)", "L": "gray"}[steps.channel_order]
    return f"""\
```
python predict.py photo.jpg --top 5
```

It needs {form.needs}, and pillow to open images.

`preprocess` turns an image upright by its EXIF orientation, makes it
{color}, and resizes its center square to {steps.size}×{steps.size} pixels (bilinear, antialiased, by
{steps.resampling}). Pixels are divided by {steps.divisor}; the mean is subtracted, and the rest divided by the
deviation. The study measured its {measured} on images prepared like this{noise}.

```python
from predict import classify, load, preprocess

print(classify("photo.jpg", top=5))
logits = load()(preprocess("photo.jpg")[None])
```"""


def _use_in_module(trained: TrainedNetwork, form: Form) -> str:
    """Return how to see what the network returns, and how it comes back into the LightningModule that trained it."""
    module = code_text(trained.module)
    data = code_text(str(trained.provenance.get("data", "")))
    text = f"""\
```
python predict.py input.npy --output output.pt
```

It prints the shapes and ranges of what the network returns for an input, and saves it. It needs {form.needs}, and NumPy
for .npy files. Inputs are floating-point numbers (C, H, W) or (N, C, H, W), .npy or .pt. How the training prepared them
(size, order of channels, mean, deviation) is known to its data, {data}, and not recorded here: predict.py takes no
image files.

```python
from predict import load, predict

output = predict(inputs)  # without gradients; load() is the network itself
```

What its numbers mean is known to {module}, which made loss and metric of them, and is not part of this folder."""
    if "precision" in trained.provenance:
        precision = code_text(str(trained.provenance["precision"]))
        text += f" The training had precision {precision}; here it computes in single precision, to other roundings."
    if trained.beside:
        text += f"""
**Outside of the network**, in `{BESIDE}`, is what the module holds beside it: {_named(trained.beside)}."""
    place, _, name = trained.module.partition(":")
    if form.arrays != "torch" or not (name.isidentifier() and all(each.isidentifier() for each in place.split("."))):
        return text
    package = "lightning.pytorch" if "version_lightning" in trained.provenance else "pytorch_lightning"
    reading, putting = "", ""
    if trained.beside:
        reading = "from safetensors.torch import load_file\n"
        putting = f"""\
unexpected = module.load_state_dict(load_file("{BESIDE}"), strict=False).unexpected_keys
assert not unexpected, f"no place yet for {{unexpected}}: let the module make its parts first"
"""
    return f"""\
{text}

Where its code can be imported, it takes the network to validate and to test it:

```python
import {package} as pl
{reading}
from predict import load
from {place} import {name}

module = {name}(load())  # and its options
{putting}trainer = pl.Trainer(logger=False)  # then trainer.test(module, data)
```"""


def _named(state: Mapping[str, Tensor]) -> str:
    """Return the names and shapes of tensors, of many the first ones."""
    shown = [f"{code_text(name)} {tuple(each.shape)}" for name, each in sorted(state.items())[:_NAMED]]
    more = len(state) - len(shown)
    return ", ".join([*shown, *([f"and {more} more"] if more else [])])


def _normalization(trained: TrainedNetwork, form: Form, *, shape: str) -> str:
    """Return the code that makes logits; where the study recorded no statistics, of images as it fed them."""
    steps = trained.preprocessing
    if trained.module:
        return f"output = network(inputs)  # of shape ({shape}), prepared as in the training"
    if steps is None:
        return f"logits = network(images)  # of shape ({shape}), normalized as in the training, which is not recorded"
    array, shaped = {"torch": ("torch.tensor", "view"), "numpy": ("numpy.array", "reshape")}[form.arrays]
    one = shape.replace("N", "1")
    return f"""\
pixels = {form.arrays}.zeros(({one}))  # yours: in 0 … 255, of shape ({shape})
mean = {array}({list(steps.mean)}).{shaped}(-1, 1, 1)
std = {array}({list(steps.std)}).{shaped}(-1, 1, 1)
logits = network((pixels / 255 - mean) / std)"""


def _rows_beside(trained: TrainedNetwork) -> str:
    """Return the rows of the files that show the network at work."""
    if trained.module:
        beside = f"| `{BESIDE}` | {f'what {code_text(trained.module)} holds beside the network':<73} |\n"
        return f"""\
{beside if trained.beside else ""}\
| `predict.py`        | shows and saves what it returns; `load` for code of your own              |
| `check.safetensors` | two inputs and what the network gives for them, for `seplace verify`      |
| `config.json`       | backbone, placement, shape of an input, provenance, check sums            |"""
    return """\
| `predict.py`        | tells the class of an image; `preprocess` and `load` for code of your own |
| `check.safetensors` | two images and their logits, for `seplace verify`                         |
| `config.json`       | classes in the order of the logits, preprocessing, provenance, check sums |"""


def _code_license(trained: TrainedNetwork) -> str:
    if trained.backbone.is_own:
        return (
            f"The code of {code_text(trained.backbone.text)} is its author's; attention and predict.py are part of "
            "seplace, under the MIT license."
        )
    return "The code is part of seplace, under the MIT license."


def _extra_rows(form: Form) -> str:
    return "".join(f"| {f'`{name}`':<19} | {content:<73} |\n" for name, content in form.extras.items())


def escape(text: str) -> str:
    """Return a text of one line that Markdown shows as it is."""
    one_line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return _MARKDOWN.sub(lambda match: "".join(f"\\{char}" for char in match.group()), one_line)


def code_text(text: str) -> str:
    """Return an import path or a placement as code, where Markdown shows it as it is."""
    return f"`{text}`" if _PLAIN_CODE.fullmatch(text) else escape(text)


def _cell(value: str | int | float | None) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "not known"
    return escape(f"{value:.6g}" if isinstance(value, float) else str(value))


def _table(head: tuple[str, str], rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"| {left} | {right} |" for left, right in (head, ("---", "---"), *rows))


def _figures(trained: TrainedNetwork, *, params: int, size: str) -> list[tuple[str, str]]:
    known = {
        key: value
        for key, value in trained.provenance.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }
    rows = []
    metric = trained.metric
    name, label = metric.column, escape(metric.label)
    if name in known:
        trainings = f"n = {known['n']:g}" if "n" in known else "n not known"
        has_interval = f"{name}_lower" in known and f"{name}_upper" in known
        spread = "no interval, "
        if has_interval:
            upper = escape(metric.text(known[f"{name}_upper"]))
            spread = f"90 % credible interval {metric.number(known[f'{name}_lower'])} to {upper}, "
        what = f"{label} of the placement, estimated" if has_interval else f"validation {label}"
        rows.append((what, f"{escape(metric.text(known[name]))} ({spread}{trainings})"))
    if {"gain", "gain_lower", "gain_upper"} <= known.keys() and not trained.placement.is_plain:
        bounds = _bounds(known, "gain", metric)
        rows.append(("gain over the plain backbone", f"{escape(metric.gain(known['gain']))} ({bounds})"))
    name = "gain_vs_baseline"
    if {name, f"{name}_lower", f"{name}_upper"} <= known.keys() and "best_baseline" in trained.provenance:
        bounds = _bounds(known, name, metric)
        rival = _cell(trained.provenance["best_baseline"])
        rows.append(
            (
                f"gain over the best baseline that costs no more, {rival}",
                f"{escape(metric.gain(known[name]))} ({bounds})",
            )
        )
    if "cross_entropy" in known:
        rows.append(("validation cross-entropy", f"{known['cross_entropy']:.4f} nats"))
    rows += _test_figures(trained, known)
    one = "an input" if trained.module else "an image"
    flops = "not known" if trained.flops is None else f"{trained.flops:,} for {one} of {size}"
    return [*rows, ("FLOPs", flops), ("parameters", f"{params:,}")]


def _bounds(known: Mapping[str, int | float], name: str, metric: Metric) -> str:
    """Return the credible interval of a gain in words."""
    lower, upper = (metric.number(known[f"{name}_{end}"], signed=True) for end in ("lower", "upper"))
    return f"90 % credible interval {lower} to {upper}"


def _test_figures(trained: TrainedNetwork, known: Mapping[str, int | float]) -> list[tuple[str, str]]:
    """Return the figures of the test split: of the weights, and of the placement, each with its standard error."""
    rows = []
    # Without the test images that each training got right, the errors are over seeds alone.
    metric = trained.metric
    of_weights, label = f"{metric.test_column}_of_these_weights", escape(metric.label)
    has_images = f"{of_weights}_se" in known
    expected = f"expected over seeds and new {metric.samples}" if has_images else "expected over seeds"

    def shown(name: str, unit: str, *, signed: bool = False) -> str:
        figure = metric.plus_minus(known[name], known.get(f"{name}_se", math.nan), signed=signed)
        return escape(f"{figure} {unit}".rstrip())

    if of_weights in known:
        error = f" (± standard error of the test {metric.samples})" if has_images or metric.is_accuracy else ""
        rows.append((f"test {label} of these weights", f"{shown(of_weights, metric.unit)}{error}"))
    if metric.test_column in known:
        seeds = f"n = {known['test_n']:g}; " if "test_n" in known else ""
        figure = shown(metric.test_column, metric.unit)
        rows.append((f"test {label} of the placement", f"{figure} ({seeds}{expected})"))
    if "test_gain" in known and not trained.placement.is_plain:
        seeds = f"n = {known['test_pairs']:g}; " if "test_pairs" in known else ""
        figure = shown("test_gain", metric.gain_unit, signed=True)
        rows.append(("test gain over the plain backbone", f"{figure} ({seeds}{expected})"))
    return rows


def _notes(trained: TrainedNetwork) -> str:
    metric = trained.metric
    values = "Accuracies" if metric.is_accuracy else f"Values of {escape(metric.label)}"
    notes = (
        f"{values} and gains that are not of the test split come from the validation split. "
        "One multiply-add is one FLOP; element-wise operators and norms count too."
    )
    if trained.module:
        better = "higher" if metric.is_maximized else "lower"
        notes = f"A {better} {escape(metric.label)} is better, and a gain over 0 is one. {notes}"
    n = trained.provenance.get("n")
    if isinstance(n, int) and n > 1:
        seed = _cell(trained.provenance.get("seed"))
        notes += f"\nThe placement was trained on {n} seeds; the weights are of seed {seed}."
    return notes
