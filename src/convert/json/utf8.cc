#include "convert/json/utf8.h"

namespace millrace {

namespace {

constexpr uint32_t kReplacement = 0xfffd;

struct Lead {
  size_t bytes;
  uint8_t second_min;
  uint8_t second_max;
};

// What may follow a lead byte (Unicode, table 3-7); bytes = 0: no lead byte.
Lead lead_of(uint8_t byte) {
  if (byte >= 0xc2 && byte <= 0xdf) return {2, 0x80, 0xbf};
  if (byte == 0xe0) return {3, 0xa0, 0xbf};
  if (byte == 0xed) return {3, 0x80, 0x9f};
  if (byte >= 0xe1 && byte <= 0xef) return {3, 0x80, 0xbf};
  if (byte == 0xf0) return {4, 0x90, 0xbf};
  if (byte >= 0xf1 && byte <= 0xf3) return {4, 0x80, 0xbf};
  if (byte == 0xf4) return {4, 0x80, 0x8f};
  return {0, 0, 0};
}

}  // namespace

CodePoint decode_utf8(const char* at, const char* end) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(at[i]); };
  const size_t left = static_cast<size_t>(end - at);
  if (byte(0) < 0x80) return {byte(0), 1, true};
  const Lead lead = lead_of(byte(0));
  if (lead.bytes == 0) return {kReplacement, 1, false};
  if (left < 2 || byte(1) < lead.second_min || byte(1) > lead.second_max) {
    // Java takes an encoded surrogate (ED A0..BF xx) as one malformed sequence of three bytes.
    const bool surrogate =
        byte(0) == 0xed && left >= 3 && (byte(1) & 0xc0) == 0x80 && (byte(2) & 0xc0) == 0x80;
    return {kReplacement, surrogate ? size_t{3} : size_t{1}, false};
  }
  uint32_t value = byte(0) & (0xffU >> (lead.bytes + 1));
  value = value << 6 | (byte(1) & 0x3fU);
  for (size_t i = 2; i < lead.bytes; ++i) {
    if (i >= left || (byte(i) & 0xc0) != 0x80) return {kReplacement, i, false};
    value = value << 6 | (byte(i) & 0x3fU);
  }
  return {value, lead.bytes, true};
}

}  // namespace millrace
