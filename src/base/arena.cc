#include "base/arena.h"

#include <algorithm>
#include <cstring>

namespace millrace {

namespace {

constexpr size_t round_up(size_t n) {
  return (n + 7) & ~size_t{7};
}

}  // namespace

char* Arena::allocate(size_t n) {
  n = round_up(n);
  if (n > static_cast<size_t>(end_ - at_)) add_chunk(n);
  char* out = at_;
  at_ += n;
  return out;
}

void Arena::shrink_last(char* start, size_t had, size_t keep) {
  if (start + round_up(had) == at_) at_ = start + round_up(keep);
}

std::string_view Arena::copy(std::string_view bytes) {
  char* out = allocate(bytes.size());
  if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
  return {out, bytes.size()};
}

void Arena::add_chunk(size_t at_least) {
  const size_t size = std::max(at_least, kChunkBytes);
  chunks_.push_back(std::make_unique_for_overwrite<char[]>(size));
  at_ = chunks_.back().get();
  end_ = at_ + size;
  bytes_ += size;
  if (budget_ != nullptr) budget_->charge(size);
}

void Arena::clear() {
  if (budget_ != nullptr) budget_->release(bytes_);
  bytes_ = 0;
  chunks_.clear();
  at_ = end_ = nullptr;
}

}  // namespace millrace
