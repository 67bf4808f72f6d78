// An idempotent producer that refers to the caller's bytes instead of copying them. One thread.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "wire/kafka/client.h"

namespace millrace::kafka {

struct RecordHeader {
  std::string_view name;
  std::string_view value;
};

// data() == nullptr of key or value: null. Key and headers are copied by librdkafka; the value is
// not: it must live until the delivery of `number` was told or the producer is gone.
struct OutgoingRecord {
  rd_kafka_topic_s* topic = nullptr;  // Producer::topic()
  int32_t partition = 0;
  std::string_view key;
  std::string_view value;
  std::span<const RecordHeader> headers;
  uint64_t number = 0;
};

class Producer {
 public:
  // acks=all, idempotent, without a limit on the time of delivery, where `properties` do not say
  // otherwise.
  static Result<std::unique_ptr<Producer>> open(Properties properties, DeliveryListener& listener);
  ~Producer();

  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  Client& client() { return *client_; }

  // Lives as long as the producer.
  Result<rd_kafka_topic_s*> topic(const std::string& name);

  // kBusy: librdkafka's queue is full, poll and try again. kData: larger than
  // max.request.size or buffer.memory.
  Result<void> produce(const OutgoingRecord& record);

  // Sends what lingers and waits for deliveries until the deadline. True: nothing is left.
  bool flush(SteadyTime deadline);

 private:
  Producer(std::unique_ptr<Client> client, size_t queue_bytes)
      : client_(std::move(client)), queue_bytes_(queue_bytes) {}

  std::unique_ptr<Client> client_;
  const size_t queue_bytes_;  // of values, that librdkafka takes
  std::map<std::string, rd_kafka_topic_s*, std::less<>> topics_;
};

}  // namespace millrace::kafka
