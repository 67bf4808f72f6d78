// How much librdkafka sends at once. A topic's max.message.bytes may be less than batch.size: then
// brokers refuse batches none of whose records they refuse alone, until they are small enough. One
// thread.
#pragma once

#include <cstddef>

#include "wire/kafka/client_properties.h"

namespace millrace {

class BatchSize {
 public:
  explicit BatchSize(const kafka::Properties& properties);

  // Of keys and values.
  size_t bytes() const { return bytes_; }

  void make_smaller();

  void make_as_configured() { bytes_ = configured_; }

 private:
  size_t configured_;
  size_t bytes_ = configured_;
};

}  // namespace millrace
