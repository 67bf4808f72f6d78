// The bytes that batches may hold together (memory.max), and the chunks that they are made of. Any
// thread.
// A charge is never refused: one message can be larger than what is left. That the sum stays within
// the bound is the work of those who hold the bytes (pipeline/parking.h).
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace millrace {

class MemoryBudget {
 public:
  static constexpr size_t kChunkBytes = 64 * 1024;

  explicit MemoryBudget(size_t max_bytes) : max_(max_bytes) {}

  void charge(size_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }

  void release(size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }

  size_t used() const { return used_.load(std::memory_order_relaxed); }

  size_t max() const { return max_; }

  // What each of `branches` may hold of it.
  size_t share(size_t branches) const { return max_ / branches; }

  // kChunkBytes uninitialised bytes, charged; and back. A chunk that comes back is kept for the
  // next one who takes, as far as the bound allows: the kernel hands out fresh pages at 0.25 µs
  // each, which would more than double what an event costs.
  std::unique_ptr<char[]> take_chunk();
  void give_chunk(std::unique_ptr<char[]> chunk);

  // Bytes of the chunks that wait for their next use.
  size_t kept() const;

 private:
  const size_t max_;
  std::atomic<size_t> used_{0};
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<char[]>> free_;  // the newest at the end: it is still in the cache
};

}  // namespace millrace
