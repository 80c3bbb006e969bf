"""mat_files.py: what MATLAB or the authors would not write is refused. test_evaluate.py reads what they wrote."""
import numpy as np
import pytest
from scipy.io import savemat

from support.predictions import cells, fails, refuses, tool, write_mat

HDF5 = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(64)


@pytest.mark.parametrize("content, words", [
    (b"", "not a readable MATLAB file"), (b"subject,video\n", "not a readable MATLAB file"),
    (b"\xff" * 4000, "not a readable MATLAB file"), (HDF5, "a MATLAB 7.3 (HDF5) file; save it in MATLAB with -v7")])
def test_files_that_are_no_mat(tmp_path, content, words):
    (tmp_path / "x.mat").write_bytes(content)
    assert words in refuses(tmp_path / "x.mat")
    assert words in fails(tmp_path / "x.mat")


def test_mats_that_do_not_fit(tmp_path):
    path, two, three = tmp_path / "x.mat", np.array([[0, 1]]), np.array([[0, 1, 2]])
    savemat(str(path), {"ground_truth": cells([two])})
    assert "no cells named predict" in refuses(path)
    savemat(str(path), {"ground_truth": two, "predict": two})
    assert "no cells named ground_truth" in refuses(path)
    assert "cell 2 has 3 labels but 0 predictions" in refuses(write_mat(path, [two, three], [two]))
    assert "cell 2 has 3 labels but 2 predictions" in fails(write_mat(path, [two, three], [two, two]))
    assert "cell 1, frame 2: the label" in refuses(write_mat(path, [two * 7], [two]))
    assert "cell 1, frames 1, 2: the prediction" in refuses(write_mat(path, [two], [two + np.nan]))
    for odd in np.eye(2), np.zeros((1, 0)), "text", cells([two]), two * 1j:
        assert "cell 1 of predict is not a row of numbers" in refuses(write_mat(path, [two], [odd]))


def test_video_index_that_does_not_fit(tmp_path):
    path = write_mat(tmp_path / "x.mat", [np.array([[0, 1, 2]])], [np.array([[0, 1, 1.5]])])
    assert "video_index.mat: no such file" in refuses(path, "--protocol", "video")
    for counts in [[1, 1]], [[3], [1]], [[4, -1]], [[1.5, 1.5]], [[np.nan]]:
        write_mat(path, [np.array([[0, 1, 2]])], [np.array([[0, 1, 1.5]])], [np.array([count]) for count in counts])
        assert "do not add up" in refuses(path, "--protocol", "video")
    assert "do not add up" in fails(path, "--protocol", "video")
    assert tool(path).stdout.splitlines()[0].endswith(": 1 subject, 3 frames")  # which needs no videos
