import torch

from seplace.draft.step_time import Stopwatch


def test_a_step_is_measured_in_proportion_to_its_images(monkeypatch) -> None:
    monkeypatch.setattr("seplace.draft.step_time._STEPS", 1)
    watch = Stopwatch()
    threads = torch.get_num_threads()
    some = {"classes": 3, "channels": 1, "image_size": 8}
    few, many = (watch.seconds_per_step("cifar_resnet8[width=0.25]", batch=batch, **some) for batch in (16, 1600))
    assert 0 < few < many < 60
    assert torch.get_num_threads() == threads
