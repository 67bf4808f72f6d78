"""How a cost grows with the work: cost = fixed + a * n ** k. Takes numbers, asks nobody."""
import math


def fixed_cost(points):
    """What a run costs before any work: the best line through all points, each weighed by its own size, at n = 0; never
    below 0 nor above the smallest point."""
    weighed = [(1 / max(c, 1e-9) ** 2, n, c) for n, c in points]
    w, wn, wc, wnn, wnc = (sum(v) for v in zip(*((w, w * n, w * c, w * n * n, w * n * c) for w, n, c in weighed)))
    return min(max((wnn * wc - wn * wnc) / (wnn * w - wn * wn), 0), min(points)[1])


def exponent(points, floor):
    """k of the best line in log-log over the upper half of points, the fixed cost taken off. 0: from the
    smallest to the largest point it grows by less than `floor`, what cannot be told from noise."""
    points = sorted(points)
    fixed = fixed_cost(points)
    if points[-1][1] - points[0][1] < floor:
        return 0.0
    upper = points[-((len(points) + 1) // 2):]
    logs = [(math.log(n), math.log(cost - fixed)) for n, cost in upper if cost - fixed > floor / 10]
    if len(logs) < 2:       # only the largest has a cost: as steep as from nothing to it
        return math.inf
    mean_x, mean_y = (sum(v) / len(logs) for v in zip(*logs))
    return sum((x - mean_x) * (y - mean_y) for x, y in logs) / sum((x - mean_x) ** 2 for x, _ in logs)


LINEAR = 1.1     # the exponent of a line, measured


def verdict(points, floor):
    k = exponent(points, floor)
    word = "does not grow" if k == 0 else "linear or better" if k <= LINEAR else "worse than linear"
    return round(k, 2), word
