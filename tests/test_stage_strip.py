import pytest

from seplace.attention import ATTENTION
from seplace.stage_strip import module_color, module_of, stage_strip


@pytest.mark.parametrize(
    ("choice", "module"),
    [
        ("none", "none"),
        ("se16", "se"),
        ("se16.parallel", "se"),
        ("eca.cross", "eca"),
        ("se[squeeze=max]16", "se"),
        ("my.gates:Gate4+my.joins:Join", "my.gates:Gate"),
        ("my.gates:Gate", "my.gates:Gate"),
    ],
)
def test_the_module_of_a_choice(choice, module):
    assert module_of(choice) == module


def test_a_strip_has_a_box_a_stage_and_names_are_text():
    strip = stage_strip(["none", "se16", "my.gates:<b>4"], variant='x"><script>')
    assert strip.count("title=") == 3
    assert "<b>" not in strip
    assert "<script>" not in strip
    assert "my.gates:&lt;b&gt;4" in strip
    assert module_color("se") in strip


def test_white_text_is_readable_on_every_color():
    def luminance(color: str) -> float:
        parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for name in [*ATTENTION, *map(str, range(100))]:
        assert 1.05 / (luminance(module_color(name)) + 0.05) >= 4.5, name
