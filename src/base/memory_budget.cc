#include "base/memory_budget.h"

namespace millrace {

std::unique_ptr<char[]> MemoryBudget::take_chunk() {
  charge(kChunkBytes);
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      std::unique_ptr<char[]> chunk = std::move(free_.back());
      free_.pop_back();
      return chunk;
    }
  }
  return std::make_unique_for_overwrite<char[]>(kChunkBytes);
}

void MemoryBudget::give_chunk(std::unique_ptr<char[]> chunk) {
  release(kChunkBytes);
  const std::lock_guard lock(mutex_);
  if (used() + (free_.size() + 1) * kChunkBytes <= max_) free_.push_back(std::move(chunk));
}

size_t MemoryBudget::kept() const {
  const std::lock_guard lock(mutex_);
  return free_.size() * kChunkBytes;
}

}  // namespace millrace
