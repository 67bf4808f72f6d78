// tsvector: words, each with its positions and their weights.
#include <charconv>
#include <cstdint>

#include "base/byte_reader.h"
#include "source/postgres/binary_container.h"

namespace millrace::binary {

namespace {

void put_word(std::string_view word, ArenaText& out) {
  out.put('\'');
  for (const char c : word) {
    if (c == '\'' || c == '\\') out.put(c);
    out.put(c);
  }
  out.put('\'');
}

// The weight stands above the position's 14 bits; D, the usual one, is not shown.
void put_position(uint16_t position, ArenaText& out) {
  constexpr size_t kBytesMax = 8;
  constexpr char kWeights[] = {'D', 'C', 'B', 'A'};
  constexpr int kPositionBits = 14;
  char* to = out.room(kBytesMax);
  out.ended(std::to_chars(to, to + kBytesMax, position & ((1 << kPositionBits) - 1)).ptr);
  const int weight = position >> kPositionBits;
  if (weight != 0) out.put(kWeights[weight]);
}

}  // namespace

bool render_tsvector(std::string_view value, ArenaText& out) {
  ByteReader in(value);
  const uint32_t count = in.u32();
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    if (i > 0) out.put(' ');
    put_word(in.cstring(), out);
    const uint16_t positions = in.u16();
    for (uint16_t n = 0; n < positions && in.ok(); ++n) {
      out.put(n == 0 ? ':' : ',');
      put_position(in.u16(), out);
    }
  }
  return in.ok() && in.left() == 0;
}

}  // namespace millrace::binary
