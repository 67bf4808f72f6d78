#include "source/postgres/column_numbers.h"

#include <algorithm>
#include <optional>

namespace millrace {

namespace {

// A column of the message and its number, by how far the number is ahead of the place: that never
// falls from one column to the next.
struct Anchor {
  size_t place = 0;
  int ahead = 0;
  size_t length = 1;  // of the longest run of anchors that ends here
  std::optional<size_t> previous;
};

// The columns whose name and type the catalogue has too, where their number is possible at their
// place.
std::vector<Anchor> candidates(const pgoutput::Relation& relation, const TableSchema& known) {
  const int ahead_max = known.attribute_count - static_cast<int>(relation.columns.size()) + 1;
  std::vector<Anchor> out;
  for (size_t i = 0; i < relation.columns.size(); ++i) {
    const auto& column = relation.columns[i];
    const auto at = std::ranges::find(known.columns, column.name, &Column::name);
    if (at == known.columns.end() || at->type.oid != column.type) continue;
    const int ahead = at->attnum - static_cast<int>(i);
    if (ahead >= 1 && ahead <= ahead_max) out.push_back({i, ahead, 1, std::nullopt});
  }
  return out;
}

// The longest run in which `ahead` never falls; of two the one with the lower end, for a column
// that was made again has a higher number than it had.
std::vector<Anchor> longest_run(std::vector<Anchor> all) {
  std::optional<size_t> best;
  for (size_t i = 0; i < all.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (all[j].ahead > all[i].ahead || all[j].length + 1 <= all[i].length) continue;
      all[i].length = all[j].length + 1;
      all[i].previous = j;
    }
    const bool is_better = !best || all[i].length > all[*best].length ||
                           (all[i].length == all[*best].length && all[i].ahead < all[*best].ahead);
    if (is_better) best = i;
  }
  std::vector<Anchor> run;
  for (auto at = best; at; at = all[*at].previous)
    run.push_back(all[*at]);
  std::ranges::reverse(run);
  return run;
}

}  // namespace

std::vector<int16_t> column_numbers(const pgoutput::Relation& relation, const TableSchema& known) {
  std::vector<int16_t> numbers(relation.columns.size());
  const int ahead_max = known.attribute_count - static_cast<int>(relation.columns.size()) + 1;
  if (ahead_max < 1) return numbers;
  const std::vector<Anchor> anchors = longest_run(candidates(relation, known));
  auto next = anchors.begin();
  int lowest = 1;
  for (size_t i = 0; i < numbers.size(); ++i) {
    const bool is_anchor = next != anchors.end() && next->place == i;
    const int highest = next == anchors.end() ? ahead_max : next->ahead;
    if (is_anchor) {
      lowest = next->ahead;
      ++next;
    }
    if (is_anchor || lowest == highest) {
      numbers[i] = static_cast<int16_t>(lowest + static_cast<int>(i));
    }
  }
  return numbers;
}

}  // namespace millrace
