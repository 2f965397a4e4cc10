"""Labels stand beside their points, on no other label, and inside of the axes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seplace.report.figures.layout import groups_of, number_text, overlaps, place_labels
from tests.marks import in_the_long_form

NONE = np.empty((0, 4))


def boxes_of(corners, sizes) -> np.ndarray:
    shown = [(*corner, *(np.asarray(corner) + size)) for corner, size in zip(corners, sizes, strict=True) if corner]
    return np.array(shown).reshape(-1, 4)


@pytest.mark.parametrize("examples", [30, in_the_long_form(3000)])
def test_no_two_labels_overlap_and_none_is_outside(examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        width, height = data.draw(st.floats(60, 500)), data.draw(st.floats(60, 300))
        count = data.draw(st.integers(0, 25))
        near = st.floats(0, 1)
        # Many random fronts stand in a corner.
        crowd = data.draw(st.sampled_from([1.0, 0.3, 0.02]))
        at = [(crowd * width * data.draw(near), height * (1 - crowd * data.draw(near))) for _ in range(count)]
        anchors = np.array(at).reshape(-1, 2)
        sizes = np.array([(data.draw(st.floats(4, 22)), 9.0) for _ in range(count)]).reshape(-1, 2)
        markers = np.hstack([anchors - 4, anchors + 4])
        corners = place_labels(anchors, sizes, inside=(0, 0, width, height), markers=markers, lines=NONE)
        boxes = boxes_of(corners, sizes)
        assert not np.triu(overlaps(boxes, boxes), k=1).any()
        assert (boxes[:, :2] >= 0).all()
        assert (boxes[:, 2:] <= (width + 1e-6, height + 1e-6)).all()
        if count * 24 * 11 < 0.3 * width * height:
            assert None not in corners

    check()


def test_a_label_hides_no_marker_where_there_is_room() -> None:
    anchors = np.array([(100.0, 100.0), (112.0, 100.0), (100.0, 112.0)])
    sizes = np.array([(8.0, 8.0)] * 3)
    markers = np.hstack([anchors - 4, anchors + 4])
    corners = place_labels(anchors, sizes, inside=(0, 0, 200, 200), markers=markers, lines=NONE)
    assert not overlaps(boxes_of(corners, sizes), markers).any()


def test_what_has_no_room_is_left_out() -> None:
    anchors, sizes = np.array([(5.0, 5.0), (5.0, 5.0)]), np.array([(9.0, 9.0), (9.0, 9.0)])
    corners = place_labels(anchors, sizes, inside=(0, 0, 10, 10), markers=NONE, lines=NONE)
    assert [corner is None for corner in corners] == [False, True]
    assert place_labels(anchors, 2 * sizes, inside=(0, 0, 10, 10), markers=NONE, lines=NONE) == [None, None]


def test_points_that_almost_coincide_are_grouped() -> None:
    row = np.array([(0, 0), (20, 0), (25, 5), (25, 90), (30, 95), (38, 95), (46, 95), (54, 95), (62, 95)])
    assert groups_of(row, nearest=10) == [[0], [1, 2], [3, 4, 5, 6, 7], [8]]
    assert [number_text(group) for group in ([0], [1, 2], [3, 4, 5])] == ["1", "2, 3", "4-6"]
