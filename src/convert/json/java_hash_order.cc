#include "convert/json/java_hash_order.h"

#include <algorithm>
#include <numeric>

#include "convert/json/utf8.h"

namespace millrace {

uint32_t java_string_hash(std::string_view text) {
  uint32_t hash = 0;
  const auto add = [&](uint32_t unit) { hash = hash * 31 + unit; };
  const char* end = text.data() + text.size();
  for (const char* at = text.data(); at != end;) {
    const CodePoint code = decode_utf8(at, end);
    if (code.value < 0x10000) {
      add(code.value);
    } else {
      add(0xd800 + ((code.value - 0x10000) >> 10));
      add(0xdc00 + ((code.value - 0x10000) & 0x3ff));
    }
    at += code.bytes;
  }
  return hash;
}

size_t java_hash_buckets(size_t entries, size_t buckets_min) {
  size_t buckets = std::max<size_t>(buckets_min, 16);
  while (entries > buckets / 4 * 3)
    buckets *= 2;
  return buckets;
}

std::vector<size_t> java_hash_order(const std::vector<uint32_t>& hashes, size_t buckets) {
  const auto bucket = [&](size_t i) { return (hashes[i] ^ hashes[i] >> 16) & (buckets - 1); };
  std::vector<size_t> order(hashes.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return bucket(a) < bucket(b); });
  return order;
}

}  // namespace millrace
