#include "sink/kafka/partition_load.h"

namespace millrace {

void PartitionLoad::add(uint32_t index, size_t bytes) {
  if (index >= bytes_.size()) bytes_.resize(index + size_t{1});
  const bool had = bytes_[index] >= batch_bytes_;
  bytes_[index] += bytes;
  if (!had && bytes_[index] >= batch_bytes_) ++batches_;
}

void PartitionLoad::remove(uint32_t index, size_t bytes) {
  const bool had = bytes_[index] >= batch_bytes_;
  bytes_[index] -= bytes;
  if (had && bytes_[index] < batch_bytes_) --batches_;
}

}  // namespace millrace
