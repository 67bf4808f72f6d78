"""Charts as SVG text: panels with axes, lines and bars. Readable on light and dark pages: the page's own scheme chooses the colours."""
import math
from xml.sax.saxutils import escape

COLOURS = ["#2f7ed8", "#d9730d", "#2a9d5c", "#9a6dd7", "#c2417c", "#7a7f87"]
STYLE = """text{font:12px system-ui,sans-serif;fill:#1f2328}.s{font-size:11px;fill:#59636e}.t{font-size:14px;font-weight:600}
.b{fill:#fff}.g{stroke:#d1d9e0;stroke-width:1}.l{fill:none;stroke-width:2;stroke-linejoin:round}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.s{fill:#9198a1}.b{fill:#0d1117}.g{stroke:#3d444d}}"""
MOST_POINTS = 160       # of a line; a file stays below 20 kB


def short(value):
    """1500 -> 1.5k"""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def thinned(points):
    """At most MOST_POINTS: of each stretch of points the one with the highest value."""
    step = math.ceil(len(points) / MOST_POINTS)
    return [max(points[i:i + step], key=lambda p: p[1]) for i in range(0, len(points), step)]


class Scale:
    """From values to pixels; ticks. A linear one starts at 0, a logarithmic one at the power of ten below `low`."""
    def __init__(self, low, high, start, end, log):
        self.log, self.start, self.end = log, start, end
        if log:
            self.low, self.high = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
            self.high = max(self.high, self.low + 1)
            self.ticks = [10.0 ** e for e in range(self.low, self.high + 1)]
        else:
            step = 10 ** math.floor(math.log10(high / 2))
            step = next(s for s in (step, 2 * step, 5 * step, 10 * step) if high / s <= 5)
            self.low, self.high = 0, step * math.ceil(high / step - 1e-9)
            self.ticks = [step * i for i in range(round(self.high / step) + 1)]

    def __call__(self, value):
        at = math.log10(max(value, 10.0 ** self.low)) if self.log else value
        return round(self.start + (self.end - self.start) * (at - self.low) / (self.high - self.low), 1)


class Chart:
    def __init__(self, title, width, height):
        self.width, self.height = width, height
        self.parts = [f'<rect class="b" width="{width}" height="{height}" rx="6"/>']
        self.text(16, 24, title, "t")

    def text(self, x, y, words, kind="", anchor="start", turn=""):
        more = f' class="{kind}"' * bool(kind) + f' text-anchor="{anchor}"' * (anchor != "start") + turn
        self.parts.append(f'<text x="{x}" y="{y}"{more}>{escape(words)}</text>')

    def legend(self, names, y, x=16):
        """names: [(name, colour, is dashed)]"""
        for name, colour, dashed in names:
            dash = ' stroke-dasharray="5 4"' * dashed
            self.parts.append(f'<path class="l" stroke="{colour}"{dash} d="M{x} {y - 4}h24"/>')
            self.text(x + 30, y, name)
            x += 48 + round(6.6 * len(name))

    def panel(self, box, title, x_title, lines, log_x, log_y, marks=()):
        """lines: [(points, colour, is dashed)]; marks: [(value of y, words)], level lines."""
        left, top, right, bottom = box
        lines = [(thinned([(x, y) for x, y in points if (x > 0 or not log_x) and (y > 0 or not log_y)]), *of) for points, *of in lines]
        flat = [p for points, *_ in lines for p in points]
        xs = [p[0] for p in flat]
        ys = [p[1] for p in flat] + [value for value, _ in marks]
        x = Scale(min(xs), max(xs), left, right, log_x)
        y = Scale(min(ys), max(ys) * (1 if log_y else 1.05), bottom, top, log_y)
        self.text(left, top - 10, title)
        for tick in y.ticks:
            self.parts.append(f'<path class="g" d="M{left} {y(tick)}H{right}"/>')
            self.text(left - 6, y(tick) + 4, short(tick), "s", "end")
        for tick in x.ticks:
            self.parts.append(f'<path class="g" d="M{x(tick)} {bottom}v5"/>')
            self.text(x(tick), bottom + 18, short(tick), "s", "middle")
        self.text((left + right) / 2, bottom + 34, x_title, "s", "middle")
        for value, words in marks:
            self.parts.append(f'<path stroke="#cf222e" stroke-dasharray="2 3" d="M{left} {y(value)}H{right}"/>')
            self.text(right, y(value) - 4, words, "s", "end")
        for points, colour, dashed in lines:
            path = " ".join(f"{x(px):g} {y(py):g}" for px, py in points)
            dash = ' stroke-dasharray="5 4"' * dashed
            self.parts.append(f'<path class="l" stroke="{colour}"{dash} d="M{path}"/>')
            if len(points) < 12:
                self.parts += [f'<circle cx="{x(px):g}" cy="{y(py):g}" r="3" fill="{colour}"/>' for px, py in points]

    def bars(self, top, left, right, rows, unit):
        """rows: [(name, value, colour)], one below the other."""
        most = max(value for _, value, _ in rows)
        for n, (name, value, colour) in enumerate(rows):
            y = top + 26 * n
            long = max(2, round((right - left) * value / most))
            self.text(left - 8, y + 14, name, anchor="end")
            self.parts.append(f'<rect x="{left}" y="{y}" width="{long}" height="20" rx="2" fill="{colour}"/>')
            self.text(left + long + 6, y + 14, f"{value:,.0f} {unit}", "s")

    def svg(self):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}" height="{self.height}">'
                f"<style>{STYLE}</style>\n" + "\n".join(self.parts) + "\n</svg>\n")
