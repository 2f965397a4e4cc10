import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seplace.arrays import ImageBits
from seplace.placement import Placement
from seplace.results.evaluation import Evaluation, Job

PLAIN, SE, ECA, CBAM = "none-none-none", "none-none-se4", "none-eca-eca", "cbam4-cbam4-cbam4"
FLOPS = {PLAIN: 1000, SE: 1100, ECA: 1200, CBAM: 1500}


def evaluation(text: str, seed: int, accuracy: float | None, **changes) -> Evaluation:
    values = {
        "placement": Placement.parse(text),
        "seed": seed,
        "epochs": 6,
        "state": "failed" if accuracy is None else "complete",
        "value": accuracy,
        "cross_entropy": None if accuracy is None else (100 - accuracy) / 50,
        "costs": {"flops": FLOPS[text], "params": FLOPS[text] // 10},
    }
    return Evaluation(**(values | changes))


def rows(**accuracies: list[float]) -> list[Evaluation]:
    texts = {"plain": PLAIN, "se": SE, "eca": ECA, "cbam": CBAM}
    return [
        evaluation(texts[name], seed, accuracy)
        for name, values in accuracies.items()
        for seed, accuracy in enumerate(values)
    ]


numbers = st.floats(-1e15, 1e15)
scores = st.floats(-1e6, 1e6)
file_names = st.from_regex(r"[a-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)
points = st.fixed_dictionaries({"epoch": st.integers(1, 1000), "value": st.none() | scores})
texts = st.text(st.characters(codec="utf-8"), max_size=20)


@given(
    st.builds(
        lambda **values: Evaluation(state="failed" if values["value"] is None else "complete", **values),
        placement=st.sampled_from([PLAIN, "se16.parallel-eca-cbam8.cross", "my.module:Gate4-none-none"]).map(
            Placement.parse
        ),
        seed=st.integers(0, 2**53),
        epochs=st.integers(1, 1000),
        value=st.none() | scores,
        cross_entropy=st.none() | numbers,
        top5_accuracy=st.none() | scores,
        curve=st.lists(points).map(tuple),
        costs=st.dictionaries(texts, numbers | st.integers(0, 10**15)),
        seconds=numbers,
        device=texts,
        threads=st.integers(0, 99),
        weights=st.none() | file_names,
        weights_sha256=st.none() | texts,
        reason=texts,
        message=texts,
        attempts=st.integers(1, 9),
        versions=st.dictionaries(texts, texts),
    )
)
def test_an_evaluation_survives_its_record(one):
    assert Evaluation.from_record(json.loads(json.dumps(one.to_record(), allow_nan=False))) == one


def test_the_file_of_a_job_has_a_short_name_of_its_own():
    """A placement of sixteen blocks was longer than a file system takes, which a training learned at its end."""
    long = Placement.parse("-".join(["none", *["se[excitation=hardsigmoid,squeeze=pyramid]4.parallel"] * 15]))
    jobs = [Job(placement=long, seed=seed, epochs=epochs) for seed in (0, 1) for epochs in (1, 10)]
    names = {job.file_name for job in jobs}
    assert len(names) == 4
    assert max(map(len, names)) <= 80
    assert Job(placement=Placement.parse("none-se4"), seed=0, epochs=3).file_name == "none-se4_seed0_epochs3"


def test_an_accuracy_is_that_of_the_images_that_were_right():
    right = ImageBits.of(np.arange(64) < 47)
    known = evaluation(SE, 0, 100 * 47 / 64, correct=right)
    assert Evaluation.from_record(json.loads(json.dumps(known.to_record()))) == known
    assert evaluation(SE, 0, float(np.float32(100 * 47 / 64)), correct=right).correct == right
    for accuracy in (80.0, None):
        says = rf"correct has 47 of 64 images right, 73\.4375 %, and the accuracy is {accuracy}"
        with pytest.raises(ValueError, match=says):
            evaluation(SE, 0, accuracy, correct=right)
    with pytest.raises(TypeError, match=r"correct is an ImageBits, not a list: seplace\.arrays\.ImageBits\.of makes"):
        evaluation(SE, 0, 50.0, correct=[True, False])
