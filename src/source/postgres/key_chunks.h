// How a table is divided by its key: what several branches lack of it, as ranges that are read
// once, and the SQL of ranges. Pure; keys are compared by their numbers, which the server's order
// gave.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "event/unread_keys.h"
#include "wire/postgres/connection.h"

namespace millrace {

struct KeyChunk {
  KeyRange range;
  uint64_t audience = 0;  // the branches that lack it

  bool operator==(const KeyChunk&) const = default;
};

struct BranchLacks {
  uint64_t audience = 0;
  std::vector<KeyRange> ranges;
};

// Between the bounds that the server's order gave there is room for so many more.
inline constexpr uint64_t kBoundSpacing = uint64_t{1} << 32;

// What any of them lacks, in the keys' order, divided where another audience begins.
std::vector<KeyChunk> merge_lacks(std::span<const BranchLacks> lacks);

// A chunk that is divided at keys within it, which are in their order.
std::vector<KeyChunk> split_chunk(const KeyChunk& chunk,
                                  std::span<const std::vector<std::string>> keys);

// "(k1, k2) > ('a', 'b') AND (k1, k2) <= ('c', 'd')"; empty for a range without bounds. `columns`
// are quoted.
std::string range_condition(const postgres::Connection& connection, const std::string& columns,
                            const KeyRange& range);

// "'a', 'b'"
std::string key_literals(const postgres::Connection& connection,
                         const std::vector<std::string>& key);

}  // namespace millrace
