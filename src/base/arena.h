// Bump allocator: many small byte strings that live and die together. Addresses are stable until
// clear() or destruction. One owner; not thread safe. What it holds is charged to a MemoryBudget.
#pragma once

#include <cstddef>
#include <memory>
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

  // Gives back the tail of the newest allocation: it was `had` bytes long and keeps `keep`.
  void shrink_last(char* start, size_t had, size_t keep);

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

  void add_chunk(size_t at_least);

  MemoryBudget* budget_;
  std::vector<Chunk> chunks_;
  char* at_ = nullptr;
  char* end_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace millrace
