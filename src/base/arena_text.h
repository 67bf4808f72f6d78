// A text that grows at the end of an arena: written in place, into what is free there. Nobody else
// may allocate from the arena before finish(); without that nothing is taken.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "base/arena.h"

namespace millrace {

class ArenaText {
 public:
  explicit ArenaText(Arena& arena) : arena_(arena) { use(arena.room(0)); }

  // Where to write up to n more bytes; then ended() says up to where it was.
  char* room(size_t n) {
    if (n > static_cast<size_t>(limit_ - end_)) grow(n);
    return end_;
  }

  void ended(char* end) { end_ = end; }

  void put(char c) {
    *room(1) = c;
    ++end_;
  }

  void put(std::string_view text) {
    char* to = room(text.size());
    if (!text.empty()) std::memcpy(to, text.data(), text.size());
    end_ = to + text.size();
  }

  size_t size() const { return static_cast<size_t>(end_ - start_); }

  // What was written, to be changed; valid until more is.
  char* data() { return start_; }

  std::string_view finish() {
    if (start_ == nullptr) return "";
    arena_.take_until(end_);
    return {start_, size()};
  }

 private:
  void use(std::span<char> free) {
    start_ = end_ = free.data();
    limit_ = start_ + free.size();
  }

  void grow(size_t n) {
    const std::string_view had(start_, size());
    use(arena_.room(std::max(had.size() + n, 2 * had.size())));
    put(had);
  }

  Arena& arena_;
  char* start_ = nullptr;
  char* end_ = nullptr;
  char* limit_ = nullptr;
};

}  // namespace millrace
