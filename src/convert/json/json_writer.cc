#include "convert/json/json_writer.h"

#include <algorithm>
#include <array>

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

constexpr uint64_t repeat(uint8_t byte) {
  return 0x0101010101010101ULL * byte;
}

// True when one of the eight bytes needs a look: a control character, a quote, a backslash, not
// ASCII.
bool needs_look(uint64_t bytes) {
  const auto has_zero = [](uint64_t v) { return (v - repeat(1)) & ~v & repeat(0x80); };
  const uint64_t control = (bytes - repeat(0x20)) & ~bytes;
  return ((bytes | control | has_zero(bytes ^ repeat('"')) | has_zero(bytes ^ repeat('\\'))) &
          repeat(0x80)) != 0;
}

const char* plain_run_end(const char* at, const char* end) {
  while (at != end && kEscapes[static_cast<uint8_t>(*at)] == 0)
    ++at;
  return at;
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
  const size_t size = std::max(bytes_hint, kSmallestPiece);
  begin_ = at_ = arena_->allocate(size);
  end_ = begin_ + size;
  malformed = false;
}

std::string_view JsonWriter::end() {
  const std::string_view piece(begin_, mark());
  arena_->shrink_last(begin_, static_cast<size_t>(end_ - begin_), piece.size());
  begin_ = at_ = end_ = nullptr;
  return piece;
}

void JsonWriter::grow(size_t bytes) {
  const size_t used = mark();
  const size_t size = 2 * (used + bytes);
  arena_->shrink_last(begin_, static_cast<size_t>(end_ - begin_), 0);
  char* larger = arena_->allocate(size);  // may be the same place
  if (used != 0 && larger != begin_) std::memmove(larger, begin_, used);
  begin_ = larger;
  at_ = begin_ + used;
  end_ = begin_ + size;
}

void JsonWriter::escaped(std::string_view text) {
  const char* at = text.data();
  const char* end = at + text.size();
  while (at != end) {
    at = copy_plain(at, end);
    const char* run_end = plain_run_end(at, end);
    raw({at, static_cast<size_t>(run_end - at)});
    at = run_end;
    if (at != end) at = escape_one(at, end);
  }
}

// Copies eight bytes at a time as long as none of them needs a look; up to where they end. The last
// eight may overlap those before.
const char* JsonWriter::copy_plain(const char* at, const char* end) {
  constexpr ptrdiff_t kStep = 8;
  const char* const begin = at;
  char* to = room(static_cast<size_t>(end - at));
  uint64_t bytes = 0;
  for (; end - at >= kStep; at += kStep, to += kStep) {
    std::memcpy(&bytes, at, sizeof bytes);
    if (needs_look(bytes)) break;
    std::memcpy(to, &bytes, sizeof bytes);
  }
  const ptrdiff_t rest = end - at;
  if (rest < kStep && at != begin) {
    std::memcpy(&bytes, end - kStep, sizeof bytes);
    if (!needs_look(bytes)) {
      to += rest - kStep;
      std::memcpy(to, &bytes, sizeof bytes);
      to += kStep;
      at = end;
    }
  }
  at_ = to;
  return at;
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
