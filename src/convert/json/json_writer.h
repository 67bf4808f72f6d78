// Writes JSON bytes into an arena: each record's bytes once, in one piece. A piece that outgrows
// its room moves to a larger one. Nobody else may allocate from the arena between begin() and
// end().
//
// Strings are escaped exactly as Jackson's UTF-8 generator does: \" \\ \b \t \n \f \r, \u00XX for
// other control characters, surrogate pairs as \uD83D\uDE00, other characters as they are.
#pragma once

#include <charconv>
#include <concepts>
#include <cstring>
#include <span>
#include <string_view>

#include "base/arena.h"

namespace millrace {

class JsonWriter {
 public:
  explicit JsonWriter(Arena& arena) : arena_(&arena) {}

  ~JsonWriter() = default;
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;

  // Starts a piece; about `bytes_hint` bytes are expected.
  void begin(size_t bytes_hint);
  // The piece; it lives as long as the arena.
  std::string_view end();

  // Room for `bytes` more; the pointer is valid until the next call.
  char* room(size_t bytes) {
    if (static_cast<size_t>(end_ - at_) < bytes) grow(bytes);
    return at_;
  }

  void advance_to(char* at) { at_ = at; }

  void raw(std::string_view bytes) {
    char* to = room(bytes.size());
    if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
    at_ = to + bytes.size();
  }

  void raw(char c) {
    *room(1) = c;
    ++at_;
  }

  template <std::integral T>
  void number(T value) {
    constexpr size_t kDigitsMax = 21;
    char* to = room(kDigitsMax);
    at_ = std::to_chars(to, to + kDigitsMax, value).ptr;
  }

  // "text" with its quotes. Bytes that are not UTF-8 become U+FFFD, as Java decodes them.
  void string(std::string_view text) {
    raw('"');
    escaped(text);
    raw('"');
  }

  void escaped(std::string_view text);

  // For Connect's SimpleHeaderConverter: only " and \ are escaped.
  void simple_string(std::string_view text);

  // True once a string of this piece was not valid UTF-8; the caller may reset it.
  bool malformed = false;

  // Position in the piece, and back to it: what was written since is dropped.
  size_t mark() const { return static_cast<size_t>(at_ - begin_); }

  void rewind(size_t mark) { at_ = begin_ + mark; }

 private:
  void use(std::span<char> free) {
    begin_ = at_ = free.data();
    end_ = begin_ + free.size();
  }

  void grow(size_t bytes);
  const char* escape_one(const char* at, const char* end);

  Arena* arena_;
  char* begin_ = nullptr;
  char* at_ = nullptr;
  char* end_ = nullptr;
};

}  // namespace millrace
