import numpy as np

from eddy.model.components.attribution import traced

RNG = np.random.default_rng(0)


def test_what_is_shared_out_stays_the_same_in_sum_and_never_becomes_negative() -> None:
    values, sizes, matrix = RNG.exponential(size=(50, 6)), RNG.normal(size=(50, 6)), RNG.normal(size=(6, 6))
    back = traced(values, sizes, matrix)
    np.testing.assert_allclose(back.sum(axis=1), values.sum(axis=1))
    assert (back >= 0).all()


def test_what_one_alone_has_brought_about_is_all_its_own() -> None:
    """Behind the map everything is large; one thing that went in was."""
    matrix = np.full((4, 4), -0.3) + 1.3 * np.eye(4)
    sizes = np.array([[0.0, 100.0, 0.0, 0.0]])
    back = traced(np.abs(sizes @ matrix), sizes, matrix)
    assert back[0].argmax() == 1
    assert back[0, 1] > 0.98 * back.sum()


def test_where_nothing_went_in_each_answers_for_itself() -> None:
    values = RNG.exponential(size=(3, 4))
    np.testing.assert_allclose(traced(values, np.zeros((3, 4)), RNG.normal(size=(4, 4))), values)
