#include "sink/kafka/batch_size.h"

#include <algorithm>

namespace millrace {

namespace {

constexpr size_t kSmallest = 16384;
constexpr int64_t kLargest = 1000000;

}  // namespace

BatchSize::BatchSize(const kafka::Properties& properties)
    : configured_(static_cast<size_t>(
          std::min(kafka::number_of(properties, "batch.size", kLargest),
                   kafka::number_of(properties, "message.max.bytes", kLargest)))) {}

void BatchSize::make_smaller() {
  bytes_ = std::min(bytes_, std::max(bytes_ / 4, kSmallest));
}

}  // namespace millrace
