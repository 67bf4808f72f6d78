#include "source/postgres/binary_network.h"

#include <array>
#include <charconv>
#include <cstdint>

#include "base/byte_reader.h"
#include "base/hex.h"

namespace millrace::binary {

namespace {

constexpr size_t kAddressBytesMax = 64;
constexpr size_t kWords = 8;  // of an IPv6 address

char* put_decimal(char* to, unsigned value) {
  return std::to_chars(to, to + 10, value).ptr;
}

char* put_ipv4(char* to, std::string_view bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i > 0) *to++ = '.';
    to = put_decimal(to, static_cast<uint8_t>(bytes[i]));
  }
  return to;
}

using Words = std::array<uint16_t, kWords>;

struct Run {
  size_t start = kWords;
  size_t length = 0;
};

// The first of the longest runs of zero words; one word alone is none.
Run longest_zeros(const Words& words) {
  Run best;
  for (size_t i = 0; i < kWords; ++i) {
    size_t end = i;
    while (end < kWords && words[end] == 0)
      ++end;
    if (end - i >= 2 && end - i > best.length) best = {i, end - i};
    if (end > i) i = end;
  }
  return best;
}

// ::1.2.3.4 and ::ffff:1.2.3.4
bool ends_in_ipv4(const Words& words, const Run& zeros) {
  if (zeros.start != 0) return false;
  return zeros.length == 6 || (zeros.length == 5 && words[5] == 0xffff);
}

char* put_ipv6(char* to, std::string_view bytes) {
  Words words{};
  ByteReader in(bytes);
  for (uint16_t& word : words)
    word = in.u16();
  const Run zeros = longest_zeros(words);
  for (size_t i = 0; i < kWords; ++i) {
    if (i >= zeros.start && i < zeros.start + zeros.length) {
      if (i == zeros.start) *to++ = ':';
      continue;
    }
    if (i > 0) *to++ = ':';
    if (i == 6 && ends_in_ipv4(words, zeros)) return put_ipv4(to, bytes.substr(12));
    to = std::to_chars(to, to + 4, words[i], 16).ptr;
  }
  if (zeros.start + zeros.length == kWords && zeros.length > 0) *to++ = ':';
  return to;
}

// family, bits of the mask, whether it is a cidr, length, address
bool render_address(std::string_view value, bool always_mask, ArenaText& out) {
  constexpr uint8_t kIpv4 = 2;
  constexpr uint8_t kIpv6 = 3;
  ByteReader in(value);
  const uint8_t family = in.u8();
  const uint8_t mask = in.u8();
  in.u8();
  const uint8_t size = in.u8();
  const std::string_view address = in.bytes(size);
  if (!in.ok() || in.left() != 0 || mask > 8 * size) return false;
  const bool whole = (family == kIpv4 && size == 4) || (family == kIpv6 && size == 16);
  if (!whole) return false;
  char* to = out.room(kAddressBytesMax);
  to = family == kIpv4 ? put_ipv4(to, address) : put_ipv6(to, address);
  if (always_mask || mask != 8 * size) {
    *to++ = '/';
    to = put_decimal(to, mask);
  }
  out.ended(to);
  return true;
}

bool render_hardware_address(std::string_view value, size_t size, ArenaText& out) {
  if (value.size() != size) return false;
  char* to = out.room(3 * size);
  for (size_t i = 0; i < size; ++i) {
    if (i > 0) *to++ = ':';
    to = put_hex(to, value.substr(i, 1));
  }
  out.ended(to);
  return true;
}

}  // namespace

bool render_inet(std::string_view value, ArenaText& out) {
  return render_address(value, false, out);
}

bool render_cidr(std::string_view value, ArenaText& out) {
  return render_address(value, true, out);
}

bool render_macaddr(std::string_view value, ArenaText& out) {
  return render_hardware_address(value, 6, out);
}

bool render_macaddr8(std::string_view value, ArenaText& out) {
  return render_hardware_address(value, 8, out);
}

}  // namespace millrace::binary
