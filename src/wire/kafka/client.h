// One librdkafka handle with its callbacks. One thread uses it; librdkafka's own threads only log.
// Errors that librdkafka reports in the background are kept and told by the next call that fails.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "wire/kafka/client_properties.h"

struct rd_kafka_s;
struct rd_kafka_topic_s;

namespace millrace::kafka {

// Hears what became of each record: on the thread that polls, from within poll or flush.
class DeliveryListener {
 public:
  virtual ~DeliveryListener() = default;
  // null: all in-sync replicas have it.
  virtual void delivered(uint64_t number, const Error* error) = 0;
};

class Client {
 public:
  // Reads certificate files; does not wait for a broker. The listener outlives the client.
  static Result<std::unique_ptr<Client>> open(ClientRole role, const Properties& properties,
                                              DeliveryListener* listener);
  // Waits until librdkafka's threads have ended. Records that were not delivered are forgotten.
  ~Client();

  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Until a broker has answered. kUnreachable names the brokers and what stands in the way;
  // kUnauthorized.
  Result<void> connect(SteadyTime deadline);

  // nullopt: there is none, or not yet. Asking creates it where allow.auto.create.topics is on at
  // both ends.
  Result<std::optional<int32_t>> partitions(const std::string& topic, SteadyTime deadline);

  // One question about all topics that the producer has a handle of; `tell` hears each: 0 = there
  // is none, or not yet.
  using TellPartitions = std::function<void(std::string_view topic, Result<int32_t> count)>;
  Result<void> partitions_of_all(SteadyTime deadline, const TellPartitions& tell);

  // All topics of the cluster that this login may see. Creates none.
  Result<std::vector<std::string>> topics(SteadyTime deadline);

  // Serves callbacks until the deadline or until there was one.
  void poll(SteadyTime deadline);

  // Set once the idempotent producer cannot go on: only a new client can. kRefused: it is fenced.
  const std::optional<Error>& fatal() const;

  rd_kafka_s* handle() const;

 private:
  struct State;

  explicit Client(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

// Milliseconds that are left, at least `least`.
int left_ms(SteadyTime deadline, int least = 0);

}  // namespace millrace::kafka
