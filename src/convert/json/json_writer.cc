#include "convert/json/json_writer.h"

#include <algorithm>
#include <array>
#include <bit>

#include "convert/json/utf8.h"

namespace millrace {

namespace {

constexpr size_t kSmallestPiece = 512;
constexpr std::string_view kHex = "0123456789ABCDEF";

// 0: written as it is; else the letter of a two-character escape, 'u' for \u00XX, or 1 for not
// ASCII.
constexpr std::array<char, 256> make_escapes() {
  std::array<char, 256> table{};
  for (size_t i = 0; i < 0x20; ++i)
    table[i] = 'u';
  for (size_t i = 0x80; i < 256; ++i)
    table[i] = 1;
  table['\b'] = 'b';
  table['\t'] = 't';
  table['\n'] = 'n';
  table['\f'] = 'f';
  table['\r'] = 'r';
  table['"'] = '"';
  table['\\'] = '\\';
  return table;
}

constexpr std::array<char, 256> kEscapes = make_escapes();

// The compiler's own vectors: an instruction for all bytes on every processor we build for.
using Bytes16 = int8_t __attribute__((vector_size(16)));
using Bytes8 = int8_t __attribute__((vector_size(8)));

// Copies as many bytes as the vector has, and tells how many of them stand before the first that
// needs a look: a control character, a quote, a backslash, or (below 0 here) not ASCII.
template <class Bytes>
inline ptrdiff_t copy_step(const char* from, char* to) {
  static_assert(std::endian::native == std::endian::little);
  Bytes bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  std::memcpy(to, &bytes, sizeof bytes);
  const Bytes found = (bytes < 0x20) | (bytes == '"') | (bytes == '\\');
  ptrdiff_t plain = 0;
  for (const uint64_t eight : std::bit_cast<std::array<uint64_t, sizeof(Bytes) / 8>>(found)) {
    if (eight != 0) return plain + std::countr_zero(eight) / 8;
    plain += 8;
  }
  return plain;
}

constexpr size_t kTooMuch = sizeof(Bytes16);  // of what copy_plain() writes

// Moves both on, up to the first byte that needs a look. Steps are copied whole: what is too much
// of one is written over.
void copy_plain(const char*& at, const char* end, char*& to) {
  constexpr ptrdiff_t kLong = sizeof(Bytes16);
  constexpr ptrdiff_t kShort = sizeof(Bytes8);
  const auto move = [&](ptrdiff_t bytes) {
    at += bytes;
    to += bytes;
  };
  const char* const begin = at;
  while (end - at >= kLong) {
    const ptrdiff_t plain = copy_step<Bytes16>(at, to);
    move(plain);
    if (plain != kLong) return;
  }
  if (at == end) return;
  if (at != begin) {  // the last step overlaps the one before
    move(end - at - kLong);
    return move(copy_step<Bytes16>(at, to));
  }
  if (end - at >= kShort) {
    const ptrdiff_t plain = copy_step<Bytes8>(at, to);
    move(plain);
    if (plain != kShort || at == end) return;
    move(end - at - kShort);
    return move(copy_step<Bytes8>(at, to));
  }
  while (at != end && kEscapes[static_cast<uint8_t>(*at)] == 0)
    *to++ = *at++;
}

char* put_unicode_escape(char* to, uint32_t unit) {
  *to++ = '\\';
  *to++ = 'u';
  for (int shift = 12; shift >= 0; shift -= 4)
    *to++ = kHex[unit >> shift & 0xf];
  return to;
}

}  // namespace

void JsonWriter::begin(size_t bytes_hint) {
  use(arena_->room(std::max(bytes_hint, kSmallestPiece)));
  malformed = false;
}

std::string_view JsonWriter::end() {
  const std::string_view piece(begin_, mark());
  arena_->take_until(at_);
  begin_ = at_ = end_ = nullptr;
  return piece;
}

void JsonWriter::grow(size_t bytes) {
  const std::string_view had(begin_, mark());
  use(arena_->room(2 * (had.size() + bytes)));
  raw(had);
}

void JsonWriter::escaped(std::string_view text) {
  const char* at = text.data();
  const char* end = at + text.size();
  while (at != end) {
    char* to = room(static_cast<size_t>(end - at) + kTooMuch);
    copy_plain(at, end, to);
    at_ = to;
    if (at != end) at = escape_one(at, end);
  }
}

const char* JsonWriter::escape_one(const char* at, const char* end) {
  const auto byte = static_cast<uint8_t>(*at);
  const char escape = kEscapes[byte];
  constexpr size_t kLongest = 12;
  char* to = room(kLongest);
  if (escape == 'u') {
    at_ = put_unicode_escape(to, byte);
    return at + 1;
  }
  if (escape != 1) {
    to[0] = '\\';
    to[1] = escape;
    at_ = to + 2;
    return at + 1;
  }
  const CodePoint code = decode_utf8(at, end);
  if (!code.valid) {
    malformed = true;
    raw("\xEF\xBF\xBD");
  } else if (code.value >= 0x10000) {
    const uint32_t offset = code.value - 0x10000;
    to = put_unicode_escape(to, 0xd800 + (offset >> 10));
    at_ = put_unicode_escape(to, 0xdc00 + (offset & 0x3ff));
  } else {
    raw({at, code.bytes});
  }
  return at + code.bytes;
}

void JsonWriter::simple_string(std::string_view text) {
  raw('"');
  const char* end = text.data() + text.size();
  for (const char* at = text.data(); at != end;) {
    if (*at == '"' || *at == '\\') raw('\\');
    const CodePoint code = decode_utf8(at, end);
    malformed = malformed || !code.valid;
    raw(code.valid ? std::string_view(at, code.bytes) : "\xEF\xBF\xBD");
    at += code.bytes;
  }
  raw('"');
}

}  // namespace millrace
