import pytest

from seplace.errors import InputError
from seplace.report.figures.saving import save_figure
from seplace.report.figures.style import NotebookFigure, empty_figure, number, style_of, width_of, wrapped


@pytest.mark.parametrize(
    ("width", "inches"), [(None, 10.0), ("single", 3.25), ("double", 6.875), ("5.5", 5.5), (4, 4.0)]
)
def test_widths(width, inches):
    style = style_of(width)
    assert style.width == inches
    assert style.small >= 6.5  # readable in print


@pytest.mark.parametrize("width", ["triple", "0", "-3", "nan", "1e9", "inf"])
def test_other_widths_are_refused(width):
    with pytest.raises(InputError, match=r"a figure's width is single, double, or 2\.5 to 40 inches"):
        style_of(width)


@pytest.mark.parametrize(
    ("value", "spec", "text"),
    [
        (-0.004, "+.2f", "0.00"),
        (0.004, "+.2f", "0.00"),
        (-1.25, "+.1f", "\N{MINUS SIGN}1.2"),
        (1.3, "+.1f", "+1.3"),
        (-0.0, "g", "0"),
    ],
)
def test_nothing_is_minus_zero(value, spec, text):
    assert number(value, spec) == text


@pytest.mark.parametrize("width", [40.0, 120.0, 300.0])
@pytest.mark.parametrize(
    "text",
    [
        "none-se4@cifar_resnet8[width=1.1] (n = 2)",
        "-".join(["cbam16.parallel"] * 6),
        "x" * 70,
        "my_gates_of_a_long_name.module:Gate4+my.joins:Join",
    ],
)
def test_texts_are_broken_at_a_width_and_lose_nothing(text, width):
    lines = wrapped(text, size=7.0, width=width, indent="  ").split("\n")
    assert all(width_of(line, size=7.0) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("better than the plain backbone at 95 %", ["better than the plain", "backbone at 95 %"]),
        ("none-se4@cifar_resnet8[width=1.1] (n = 2)", ["none-se4", "@cifar_resnet8[width=", "1.1] (n = 2)"]),
        ("my_gates_of_a_name.module:Gate4", ["my_gates_of_a_name.", "module:Gate4"]),
    ],
)
def test_texts_are_broken_where_they_are_read(text, lines):
    assert wrapped(text, size=7.0, width=85.0).split("\n") == lines


def test_a_notebook_shows_a_figure_sharp():
    picture, size = NotebookFigure(figsize=(2.0, 1.0))._repr_png_()
    assert picture[:4] == b"\x89PNG"
    assert int.from_bytes(picture[16:20], "big") == 2 * size["width"] == 384


@pytest.mark.parametrize("name", ["a.png", "a.svg"])
def test_a_file_is_drawn_once(tmp_path, monkeypatch, name):
    figure, draw, drawn = empty_figure(style_of("single"), "a study", x="cost", y="gain"), NotebookFigure.draw, []
    monkeypatch.setattr(NotebookFigure, "draw", lambda self, renderer: (drawn.append(1), draw(self, renderer)))
    save_figure(figure, tmp_path / name)
    assert len(drawn) == 1
