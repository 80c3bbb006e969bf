"""Curves to sum up, smooth and draw."""
import numpy as np
from hypothesis import strategies as st

from pain.video.curve import FOUND, NONE, Row

BOX, POINTS = np.array([10., 20, 30, 40]), np.arange(10.).reshape(5, 2)

# Times in seconds, (N,), and intensities, of which some are missing.
times_and_values = st.lists(st.tuples(st.floats(0.002, 3), st.one_of(st.just(np.nan), st.floats(0, 5))), min_size=1,
                            max_size=25).map(lambda pairs: (np.cumsum([p[0] for p in pairs]), [p[1] for p in pairs]))


def row(frame, time, intensity, person=1, face=FOUND, doubt="", spread=np.nan, low=np.nan, high=np.nan,
        smoothed=np.nan):
    """A Row with the box and landmarks that its face calls for."""
    found = face == FOUND
    return Row(frame, time, time, person, face, BOX if found else None, 0.9 if found else None,
               None if face == NONE else POINTS, doubt, intensity, spread, low, high, smoothed)


def curve(times, values, person=1, **fields):
    """A person's Rows, a frame each of the times and intensities."""
    return [row(i, t, v, person, **fields) for i, (t, v) in enumerate(zip(times, values))]
