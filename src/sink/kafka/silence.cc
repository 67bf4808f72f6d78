#include "sink/kafka/silence.h"

namespace millrace {

namespace {

constexpr Millis kQuiet{5000};    // time to say so, and to look again
constexpr Millis kAskTime{1000};  // for finding out why

}  // namespace

std::string Silence::reason(kafka::Client& client) {
  const SteadyTime now = steady_now();
  if (now < heard_ + kQuiet) return {};
  if (asked_ > heard_ && now < asked_ + kQuiet) return waits_;
  const auto connected = client.connect(now + kAskTime);
  asked_ = steady_now();
  waits_ = connected ? "kafka takes records and does not acknowledge them (are enough replicas in "
                       "sync for the topic's min.insync.replicas? do the brokers have room?)"
                     : connected.error().text();
  return waits_;
}

}  // namespace millrace
