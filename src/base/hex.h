// Hexadecimal digits, two to a byte. Written in lower case, read in both.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace millrace {

// 0 to 15; below 0: no hexadecimal digit.
inline int nibble(char digit) {
  static constexpr auto kNibbles = [] {
    std::array<int8_t, 256> out{};
    out.fill(-1);
    for (int8_t n = 0; n < 10; ++n)
      out[static_cast<size_t>('0' + n)] = n;
    for (int8_t n = 10; n < 16; ++n)
      out[static_cast<size_t>('a' + n - 10)] = out[static_cast<size_t>('A' + n - 10)] = n;
    return out;
  }();
  return kNibbles[static_cast<uint8_t>(digit)];
}

// Twice as many bytes from `to` on; gives their end.
inline char* put_hex(char* to, std::string_view bytes) {
  static constexpr auto kDigits = [] {
    constexpr std::string_view kOne = "0123456789abcdef";
    std::array<std::array<char, 2>, 256> out{};
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = {kOne[i >> 4], kOne[i & 15]};
    return out;
  }();
  for (const char c : bytes) {
    std::memcpy(to, kDigits[static_cast<uint8_t>(c)].data(), 2);
    to += 2;
  }
  return to;
}

// PostgreSQL's text of a bytea (bytea_output = hex), "\x0123", into `out`. False: it is none, and
// what `out` has is void.
inline bool read_bytea(std::string_view text, std::string& out) {
  if (!text.starts_with("\\x") || text.size() % 2 != 0) return false;
  text.remove_prefix(2);
  out.resize(text.size() / 2);
  int all = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    const int high = nibble(text[2 * i]);
    const int low = nibble(text[2 * i + 1]);
    all |= high | low;
    out[i] = static_cast<char>(high << 4 | low);
  }
  return all >= 0;
}

}  // namespace millrace
