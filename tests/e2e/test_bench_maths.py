"""What `bench growth` says of a series of costs, where the answer is known."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench/rig/bench"))
from cost_fit import exponent, fixed_cost, verdict  # noqa: E402

NS = [1, 10, 100, 1000, 5000]


def series(cost, ns=NS):
    return [(n, cost(n)) for n in ns]


class CostFit(unittest.TestCase):
    def test_a_line_with_a_fixed_cost_has_exponent_one(self):
        for fixed in (0.0001, 0.3, 50):
            for ns in (NS, [3, 10, 30, 100, 300], [1, 2, 4, 8]):
                self.assertAlmostEqual(exponent(series(lambda n, f=fixed: f + 0.2 * n, ns), 0.01), 1, places=6)

    def test_the_fixed_cost_is_what_is_left_at_zero(self):
        self.assertAlmostEqual(fixed_cost(series(lambda n: 7 + 2 * n)), 7)
        self.assertLessEqual(fixed_cost(series(lambda n: n ** 0.5)), 1)

    def test_a_square_is_worse_than_linear_also_above_a_fixed_cost(self):
        for fixed in (0, 10):
            for ns in (NS, [1, 2, 4, 8]):
                k, word = verdict(series(lambda n, f=fixed: f + n * n, ns), 0.01)
                self.assertGreater(k, 1.5)
                self.assertEqual(word, "worse than linear")

    def test_a_root_and_a_product_with_a_logarithm_are_told_apart(self):
        self.assertAlmostEqual(exponent(series(lambda n: n ** 0.5), 0.01), 0.5, delta=0.1)
        self.assertEqual(verdict(series(lambda n: n ** 0.5), 0.01)[1], "linear or better")
        self.assertGreater(exponent(series(lambda n: 1 + n ** 1.3), 0.01), 1.2)

    def test_what_is_level_or_noise_does_not_grow(self):
        self.assertEqual(verdict(series(lambda n: 40 + n % 3), 3), (0.0, "does not grow"))

    def test_a_cliff_at_the_end_is_not_overlooked(self):
        self.assertEqual(verdict([(1, 5), (10, 5), (100, 5), (1000, 5), (5000, 100)], 1)[1], "worse than linear")


if __name__ == "__main__":
    unittest.main()
