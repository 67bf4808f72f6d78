#include "convert/json/name_uuid.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace millrace {

namespace {

using Digest = std::array<uint32_t, 4>;

constexpr std::array<int, 16> kShifts = {7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21};

uint32_t word_at(std::string_view bytes, size_t at) {
  uint32_t word = 0;
  for (size_t i = 4; i-- > 0;)
    word = word << 8 | static_cast<uint8_t>(bytes[at + i]);
  return word;
}

void add_block(Digest& digest, std::string_view block) {
  auto [a, b, c, d] = digest;
  for (size_t i = 0; i < 64; ++i) {
    uint32_t mixed = 0;
    size_t word = 0;
    switch (i / 16) {
      case 0:
        mixed = (b & c) | (~b & d);
        word = i;
        break;
      case 1:
        mixed = (d & b) | (~d & c);
        word = (5 * i + 1) % 16;
        break;
      case 2:
        mixed = b ^ c ^ d;
        word = (3 * i + 5) % 16;
        break;
      default:
        mixed = c ^ (b | ~d);
        word = 7 * i % 16;
        break;
    }
    const auto sine = static_cast<uint32_t>(
        std::floor(std::abs(std::sin(static_cast<double>(i + 1))) * 4294967296.0));
    mixed += a + sine + word_at(block, 4 * word);
    a = d;
    d = c;
    c = b;
    b += std::rotl(mixed, kShifts[i / 16 * 4 + i % 4]);
  }
  digest[0] += a;
  digest[1] += b;
  digest[2] += c;
  digest[3] += d;
}

std::string md5(std::string_view text) {
  constexpr size_t kBlock = 64;
  std::string bytes(text);
  bytes += static_cast<char>(0x80);
  while (bytes.size() % kBlock != kBlock - 8)
    bytes += '\0';
  const uint64_t bits = uint64_t{text.size()} * 8;
  for (int shift = 0; shift < 64; shift += 8)
    bytes += static_cast<char>(bits >> shift & 0xff);
  Digest digest = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  for (size_t at = 0; at < bytes.size(); at += kBlock) {
    add_block(digest, std::string_view(bytes).substr(at, kBlock));
  }
  std::string out;
  for (const uint32_t word : digest) {
    for (int shift = 0; shift < 32; shift += 8)
      out += static_cast<char>(word >> shift & 0xff);
  }
  return out;
}

}  // namespace

std::string name_uuid(std::string_view name) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hash = md5(name);
  hash[6] = static_cast<char>((hash[6] & 0x0f) | 0x30);                     // version 3
  hash[8] = static_cast<char>((hash[8] & 0x3f) | static_cast<char>(0x80));  // variant
  std::string out;
  for (size_t i = 0; i < hash.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += kDigits[static_cast<uint8_t>(hash[i]) >> 4];
    out += kDigits[static_cast<uint8_t>(hash[i]) & 15];
  }
  return out;
}

}  // namespace millrace
