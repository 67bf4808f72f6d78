#include "source/postgres/key_chunks.h"

#include <map>

namespace millrace {

std::vector<KeyChunk> merge_lacks(std::span<const BranchLacks> lacks) {
  std::map<uint64_t, KeyBound> bounds;
  for (const BranchLacks& branch : lacks) {
    for (const KeyRange& range : branch.ranges) {
      bounds.emplace(range.after.number, range.after);
      bounds.emplace(range.through.number, range.through);
    }
  }
  std::vector<KeyChunk> out;
  const KeyBound* before = nullptr;
  for (const auto& [number, bound] : bounds) {
    const KeyBound* const after = std::exchange(before, &bound);
    if (after == nullptr) continue;
    KeyChunk chunk{{*after, bound}, 0};
    for (const BranchLacks& branch : lacks) {
      if (contains(branch.ranges, chunk.range)) chunk.audience |= branch.audience;
    }
    if (chunk.audience != 0) out.push_back(std::move(chunk));
  }
  return out;
}

std::vector<KeyChunk> split_chunk(const KeyChunk& chunk,
                                  std::span<const std::vector<std::string>> keys) {
  std::vector<KeyChunk> out;
  KeyBound after = chunk.range.after;
  for (const std::vector<std::string>& key : keys) {
    if (after.number + 1 >= chunk.range.through.number) break;
    KeyBound bound{after.number + 1, key};
    out.push_back({{after, bound}, chunk.audience});
    after = std::move(bound);
  }
  out.push_back({{after, chunk.range.through}, chunk.audience});
  return out;
}

std::string key_literals(const postgres::Connection& connection,
                         const std::vector<std::string>& key) {
  std::string out;
  for (const std::string& text : key)
    out += (out.empty() ? "" : ", ") + connection.quote_literal(text);
  return out;
}

std::string range_condition(const postgres::Connection& connection, const std::string& columns,
                            const KeyRange& range) {
  const auto side = [&](const char* sign, const KeyBound& bound) {
    return "(" + columns + ") " + sign + " (" + key_literals(connection, bound.key) + ")";
  };
  std::string out;
  if (range.after.number != KeyBound::kBelowAll) out = side(">", range.after);
  if (range.through.number == KeyBound::kAboveAll) return out;
  return (out.empty() ? "" : out + " AND ") + side("<=", range.through);
}

}  // namespace millrace
