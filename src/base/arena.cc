#include "base/arena.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace millrace {

namespace {

// 5,000 tables of one row each are 10,000 arenas.
constexpr std::array<size_t, 2> kSmallChunks = {1024, 4096};

}  // namespace

char* Arena::allocate(size_t n) {
  n = round_up(n);
  if (n > static_cast<size_t>(end_ - at_)) add_chunk(n);
  char* out = at_;
  at_ += n;
  return out;
}

std::string_view Arena::copy(std::string_view bytes) {
  char* out = allocate(bytes.size());
  if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
  return {out, bytes.size()};
}

// Small ones first: a batch of one change needs no more. Then the budget's; what is larger stands
// alone.
void Arena::add_chunk(size_t at_least) {
  at_least = round_up(at_least);
  const auto* small = kSmallChunks.begin() + std::min(chunks_.size(), kSmallChunks.size());
  while (small != kSmallChunks.end() && *small < at_least)
    ++small;
  Chunk chunk{nullptr,
              small != kSmallChunks.end() ? *small : std::max(at_least, MemoryBudget::kChunkBytes)};
  if (budget_ != nullptr && chunk.size == MemoryBudget::kChunkBytes) {
    chunk.bytes = budget_->take_chunk();
  } else {
    chunk.bytes = std::make_unique_for_overwrite<char[]>(chunk.size);
    if (budget_ != nullptr) budget_->charge(chunk.size);
  }
  at_ = chunk.bytes.get();
  end_ = at_ + chunk.size;
  bytes_ += chunk.size;
  chunks_.push_back(std::move(chunk));
}

void Arena::clear() {
  for (Chunk& chunk : chunks_) {
    if (budget_ == nullptr) break;
    if (chunk.size == MemoryBudget::kChunkBytes)
      budget_->give_chunk(std::move(chunk.bytes));
    else
      budget_->release(chunk.size);
  }
  chunks_.clear();
  bytes_ = 0;
  at_ = end_ = nullptr;
}

}  // namespace millrace
