// What is left to be read of a table whose snapshot is read by key chunks, and resumed. Plain data.
//
// Keys are ordered by the server alone (its types, its collations). Here a bound is a number with
// the key's columns as text: numbers are ordered as the keys are, and may be compared where
// `until` is the same.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace millrace {

struct KeyBound {
  static constexpr uint64_t kBelowAll = 0;
  static constexpr uint64_t kAboveAll = std::numeric_limits<uint64_t>::max();

  uint64_t number = kBelowAll;
  std::vector<std::string> key;  // as the server writes it; empty below and above all

  bool operator==(const KeyBound&) const = default;
};

struct KeyRange {  // after < key <= through
  KeyBound after;
  KeyBound through{KeyBound::kAboveAll, {}};

  bool operator==(const KeyRange&) const = default;
};

struct UnreadKeys {
  // LSN of the snapshot in which the rest is read. Changes that commit before it come from the
  // stream, later ones once all is read. 0: the table is read in one go.
  uint64_t until = 0;
  std::string shape;  // of the table and of its key: the bounds are good for no other one
  std::vector<KeyRange> ranges;
  std::optional<KeyRange> read;  // of a batch alone: what it completes

  bool operator==(const UnreadKeys&) const = default;
};

// Takes `read` out of `ranges`; what is not in there does no harm.
void take_out(std::vector<KeyRange>& ranges, const KeyRange& read);

bool contains(const std::vector<KeyRange>& ranges, const KeyRange& part);

}  // namespace millrace
