#include "sink/kafka/lanes.h"

namespace millrace {

void Lanes::add(uint32_t lane, size_t bytes) {
  if (lane >= bytes_.size()) bytes_.resize(lane + size_t{1});
  const bool had = bytes_[lane] >= batch_bytes_;
  bytes_[lane] += bytes;
  if (!had && bytes_[lane] >= batch_bytes_) ++batches_;
}

void Lanes::remove(uint32_t lane, size_t bytes) {
  const bool had = bytes_[lane] >= batch_bytes_;
  bytes_[lane] -= bytes;
  if (had && bytes_[lane] < batch_bytes_) --batches_;
}

}  // namespace millrace
