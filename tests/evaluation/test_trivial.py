"""trivial.py: all zeros, and the mean of the others, by hand."""
from pain.evaluation.trivial import TRIVIAL, all_mean, all_zeros, trivial_results
from support.predictions import TINY, predictions, read


def test_trivial_results(tmp_path):
    result = read(tmp_path / "one.csv", TINY)
    assert predictions(all_zeros(result)) == 6 * [0]
    assert predictions(all_mean(result)) == 4 * [0] + 2 * [6 / 4]  # the mean of the others
    assert all_mean(read(tmp_path / "lone.csv", TINY[:4])) is None


def test_trivial_results_of_groups(tmp_path):
    one, lone = read(tmp_path / "one.csv", TINY), read(tmp_path / "lone.csv", TINY[:4])
    assert [result.name for result in trivial_results([[one]])] == list(TRIVIAL)
    assert [result.name for result in trivial_results([[one], [lone]])] == [
        "all zeros (one)", "all mean (one)", "all zeros (lone)"]
