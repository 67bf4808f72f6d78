#include "config/nearest.h"

#include <algorithm>
#include <vector>

namespace millrace {

namespace {

constexpr size_t kMostEdits = 5;

char folded(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
  return c == '_' || c == '-' ? '.' : c;
}

std::string folded(std::string_view name) {
  std::string out(name);
  std::ranges::transform(out, out.begin(), [](char c) { return folded(c); });
  return out;
}

std::optional<std::string> only_one_that_ends_with(std::string_view typed,
                                                   std::span<const std::string_view> known) {
  const std::string tail = "." + folded(typed);
  std::optional<std::string> found;
  for (std::string_view name : known) {
    if (!folded(name).ends_with(tail)) continue;
    if (found && *found != name) return std::nullopt;
    found = std::string(name);
  }
  return found;
}

}  // namespace

size_t edit_distance(std::string_view a_name, std::string_view b_name) {
  const std::string a = folded(a_name);
  const std::string b = folded(b_name);
  // Three rows of the table: the one being filled and the two before it (for swaps).
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::optional<std::string> nearest_name(std::string_view typed,
                                        std::span<const std::string_view> known) {
  if (typed.empty()) return std::nullopt;
  const size_t limit = std::clamp(typed.size() / 3, size_t{1}, kMostEdits);
  size_t least = limit + 1;
  std::string_view nearest;
  for (std::string_view name : known) {
    const size_t gap =
        name.size() > typed.size() ? name.size() - typed.size() : typed.size() - name.size();
    if (gap >= least) continue;
    const size_t distance = edit_distance(typed, name);
    if (distance >= least) continue;
    least = distance;
    nearest = name;
  }
  if (least <= limit) return std::string(nearest);
  return only_one_that_ends_with(typed, known);
}

std::optional<std::string> nearest_name(std::string_view typed,
                                        std::span<const std::string> known) {
  const std::vector<std::string_view> views(known.begin(), known.end());
  return nearest_name(typed, std::span<const std::string_view>(views));
}

}  // namespace millrace
