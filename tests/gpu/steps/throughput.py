"""Trainings an hour with 1 to 16 at once: ResNet-20 at 32x32, cbam4 everywhere, batches of 128.

The small form has the least networks, and one and two at once.
"""

import time

from seplace.executors.executor import EvaluatorMaker
from seplace.executors.packing import CannotMeasure, Crew, Packing
from seplace.study.config import load_study
from tests.gpu.figures import Figure, Setting
from tests.gpu.trainings import DEAREST, resnet20

WINDOWS, SECONDS = 3, 1.5
STEPS = 20 * (45_000 // 128)
"""The steps of a training of 20 epochs on 45,000 images."""


def run(setting: Setting) -> None:
    config = load_study(resnet20(setting, name="throughput"))
    crew = Crew(EvaluatorMaker(config, setting.folder), DEAREST, until=time.monotonic() + 300, on_progress=lambda: None)
    setting.note(Figure(what="network", value=f"{config.search_space.backbone.text}, {DEAREST}"))
    rates: dict[int, float] = {}
    try:
        for number in (1, 2) if setting.is_small else (1, 2, 4, 8, 16):
            start = time.perf_counter()
            crew.add(number - len(crew.steppers))
            started = time.perf_counter() - start
            rounds = [crew.window(SECONDS) for _ in range(WINDOWS)]
            measured = [sum(each.steps / each.seconds for each in windows) for windows in rounds]
            rates[number] = max(measured)
            held = [each.held_bytes / 1e9 for each in rounds[-1]]
            setting.note(
                Figure.of(f"{number} at once: steps of all together", measured, "1/s"),
                Figure.of(
                    f"{number} at once: trainings of {STEPS:,} steps", [3600 * rate / STEPS for rate in measured], "1/h"
                ),
                Figure.of(f"{number} at once: memory that one holds", held, "GB"),
                Figure(what=f"{number} at once: start of the further ones", value=started, unit="s"),
            )
    except CannotMeasure as reason:
        setting.note(Figure(what="no more", value=str(reason)))
    finally:
        crew.close()
    setting.note(Figure(what="workers that `auto` would take", value=Packing(rates=rates).best))
    assert rates
