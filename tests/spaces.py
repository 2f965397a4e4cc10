"""The choices of a stage, as tests write them."""

from seplace.placement import StageChoice


def parse(*texts: str) -> tuple[StageChoice, ...]:
    return tuple(map(StageChoice.parse, texts))
