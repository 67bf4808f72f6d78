// The hash by which Java's producer chooses the partition of a key
// (org.apache.kafka.common.utils.Utils.murmur2). A key must stay in its partition whoever writes
// it, so this has to be equal bit by bit.
#pragma once

#include <cstdint>
#include <string_view>

namespace millrace::kafka {

uint32_t murmur2(std::string_view bytes);

// Java's toPositive(murmur2(key)) % count. count > 0.
inline int32_t partition_of(std::string_view key, int32_t count) {
  if (count == 1) return 0;
  return static_cast<int32_t>(murmur2(key) & 0x7fffffffU) % count;
}

}  // namespace millrace::kafka
