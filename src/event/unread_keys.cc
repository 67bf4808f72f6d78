#include "event/unread_keys.h"

#include <algorithm>

namespace millrace {

namespace {

bool spans(const KeyRange& range, const KeyRange& part) {
  return range.after.number <= part.after.number && part.through.number <= range.through.number;
}

}  // namespace

void take_out(std::vector<KeyRange>& ranges, const KeyRange& read) {
  const auto found =
      std::ranges::find_if(ranges, [&](const KeyRange& range) { return spans(range, read); });
  if (found == ranges.end()) return;
  std::vector<KeyRange> left;
  if (found->after.number < read.after.number) left.push_back({found->after, read.after});
  if (read.through.number < found->through.number) left.push_back({read.through, found->through});
  ranges.insert(ranges.erase(found), left.begin(), left.end());
}

bool contains(const std::vector<KeyRange>& ranges, const KeyRange& part) {
  return std::ranges::any_of(ranges, [&](const KeyRange& range) { return spans(range, part); });
}

}  // namespace millrace
