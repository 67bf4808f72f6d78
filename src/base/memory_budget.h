// The bytes that batches may hold together (memory.max). Any thread.
// A charge is never refused: one message can be larger than what is left. That the sum stays within
// the bound is the work of those who hold the bytes (pipeline/parking.h).
#pragma once

#include <atomic>
#include <cstddef>

namespace millrace {

class MemoryBudget {
 public:
  explicit MemoryBudget(size_t max_bytes) : max_(max_bytes) {}

  void charge(size_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }

  void release(size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }

  size_t used() const { return used_.load(std::memory_order_relaxed); }

  size_t max() const { return max_; }

 private:
  const size_t max_;
  std::atomic<size_t> used_{0};
};

}  // namespace millrace
