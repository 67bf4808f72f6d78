// The order in which java.util.HashMap<String, …> gives its entries: Debezium's lists and maps come
// in it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace millrace {

// String.hashCode of a text in UTF-8.
uint32_t java_string_hash(std::string_view text);

// Buckets of a HashMap after `entries` insertions, at least `buckets_min` (a cleared map keeps its
// buckets).
size_t java_hash_buckets(size_t entries, size_t buckets_min = 16);

// Indices of the entries in iteration order; `hashes` in order of insertion.
std::vector<size_t> java_hash_order(const std::vector<uint32_t>& hashes, size_t buckets);

}  // namespace millrace
