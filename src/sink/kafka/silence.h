// Brokers that say nothing: librdkafka repeats by itself, without a word, for as long as it takes.
// One thread.
#pragma once

#include <string>

#include "base/clock.h"
#include "wire/kafka/client.h"

namespace millrace {

class Silence {
 public:
  // Something was delivered, or nothing was to be delivered.
  void is_over() { heard_ = steady_now(); }

  // Once it has lasted for seconds: what stands in the way, looked up now and then (for up to a
  // second). Empty: it has not.
  std::string reason(kafka::Client& client);

 private:
  SteadyTime heard_ = steady_now();
  SteadyTime asked_{};  // when waits_ was found out
  std::string waits_;
};

}  // namespace millrace
