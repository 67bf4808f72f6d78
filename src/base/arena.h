// Bump allocator: many small byte strings that live and die together. Addresses are stable until
// clear() or destruction. One owner; not thread safe. What it holds is charged to a MemoryBudget.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/memory_budget.h"

namespace millrace {

class Arena {
 public:
  // budget may be null (tests, small fixed things); else it outlives the arena.
  explicit Arena(MemoryBudget* budget) : budget_(budget) {}

  ~Arena() { clear(); }

  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // n uninitialised bytes, aligned to 8.
  char* allocate(size_t n);

  // What is free in one piece, at least n bytes of it; take_until() makes the bytes before `end`
  // the caller's. Nobody may allocate in between.
  std::span<char> room(size_t n) {
    if (n > static_cast<size_t>(end_ - at_)) add_chunk(n);
    return {at_, end_};
  }

  void take_until(char* end) { at_ += round_up(static_cast<size_t>(end - at_)); }

  std::string_view copy(std::string_view bytes);

  template <class T>
  T* allocate_array(size_t n) {
    static_assert(alignof(T) <= 8 && std::is_trivially_destructible_v<T>);
    return reinterpret_cast<T*>(allocate(n * sizeof(T)));
  }

  // Bytes held, whether used or not.
  size_t bytes() const { return bytes_; }

  void clear();

 private:
  struct Chunk {
    std::unique_ptr<char[]> bytes;
    size_t size;
  };

  static constexpr size_t round_up(size_t n) { return (n + 7) & ~size_t{7}; }

  // Of a multiple of 8 bytes.
  void add_chunk(size_t at_least);

  MemoryBudget* budget_;
  std::vector<Chunk> chunks_;
  char* at_ = nullptr;
  char* end_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace millrace
