// How much of each partition librdkafka has that is not delivered: a batch that is under way, one
// that goes as soon as it is answered, and half of the next.
//
// An idempotent producer (librdkafka 2.0.2; 2.15 too: rd_kafka_toppar_producer_serve) has one
// request of a partition under way. With a whole batch behind it its thread sends that at once,
// without a word to ours: a fifth more records a second than with half a batch. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace {

class PartitionLoad {
 public:
  // `batch_bytes`: of keys and values, that librdkafka sends without waiting for more.
  explicit PartitionLoad(size_t batch_bytes = 0) : batch_bytes_(batch_bytes) {}

  // More would only wait.
  bool is_full(uint32_t index) const {
    return index < bytes_.size() && bytes_[index] >= 2 * batch_bytes_ + batch_bytes_ / 2;
  }

  void add(uint32_t index, size_t bytes);
  void remove(uint32_t index, size_t bytes);

  // Some partition has as much as is sent at once: it is under way.
  bool has_batch() const { return batches_ > 0; }

 private:
  size_t batch_bytes_;
  std::vector<size_t> bytes_;  // by Topics::Target::index
  size_t batches_ = 0;         // partitions that have one
};

}  // namespace millrace
