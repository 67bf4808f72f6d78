// How much of each partition librdkafka has that is not delivered: no more than what it sends next
// stands behind what it is sending.
//
// An idempotent producer (librdkafka 2.0.2; 2.15 too: rd_kafka_toppar_producer_serve) has one
// request of a partition under way, and while a whole batch waits behind it, its thread spins: half
// of the processor time of a backlog, taken from PostgreSQL and the broker. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace {

class PartitionLoad {
 public:
  // `batch_bytes`: of keys and values, that librdkafka sends without waiting for more.
  explicit PartitionLoad(size_t batch_bytes = 0) : batch_bytes_(batch_bytes) {}

  // More would make a second batch behind the one that is under way. A request is less than a
  // batch, for headers and framing are counted there.
  bool is_full(uint32_t index) const {
    return index < bytes_.size() && bytes_[index] >= batch_bytes_ + batch_bytes_ / 2;
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
