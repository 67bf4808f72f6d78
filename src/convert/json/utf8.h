// One step of decoding UTF-8 as Java's UTF_8 charset does with malformed input replaced.
#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace {

struct CodePoint {
  uint32_t value = 0;  // U+FFFD when malformed
  size_t bytes = 1;    // length of the sequence, or of the malformed part
  bool valid = true;
};

// Decodes at `at` (< end).
CodePoint decode_utf8(const char* at, const char* end);

}  // namespace millrace
