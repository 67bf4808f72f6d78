// The compacted topic behind the Kafka offset store: a table from key to value. One thread at a
// time.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "event/position.h"
#include "store/kafka/kafka_offset_store.h"
#include "wire/kafka/producer.h"

namespace millrace {

class OffsetTopic final : private kafka::DeliveryListener {
 public:
  explicit OffsetTopic(KafkaOffsetConfig config) : config_(std::move(config)) {}

  const std::string& name() const { return config_.topic; }

  // Reads the topic to its end; transactions that others have open there are waited for. Creates it
  // when it does not exist.
  Result<void> read(SteadyTime deadline);

  // Known once it was read; 0: it does not exist.
  int32_t partitions() const { return partitions_; }

  // What value() says; empty: nothing was ever stored.
  Result<Progress> progress(const std::string& key) const;

  // The last value of the key that was read or written; nullopt: none, or reset.
  std::optional<std::string> value(const std::string& key) const;

  // All in-sync replicas have it when this returns.
  Result<void> write(const std::string& key, const std::string& value);

 private:
  Result<void> open(SteadyTime deadline);
  Result<void> create(SteadyTime deadline);
  void delivered(uint64_t number, const Error* error) override;

  const KafkaOffsetConfig config_;
  std::map<std::string, std::string, std::less<>> values_;
  int32_t partitions_ = 0;
  uint64_t number_ = 0;               // of the newest write
  std::optional<Result<void>> told_;  // what became of it
  std::unique_ptr<kafka::Producer> producer_;
};

}  // namespace millrace
