// When librdkafka is told to send what is less than a batch.
//
// In librdkafka nothing lingers: its thread polls without a pause while linger.ms is over and the
// answer to what was sent is not there, and while it flushes (docs/decisions/0003). What waits for
// linger.ms, or for nothing, is flushed when nothing else is to be written and what was flushed is
// delivered: what comes until then is sent together. Else now and then, for what is less than a
// batch, and because a flush may end before librdkafka's thread has seen it (one in 3,000 on a busy
// machine). One thread.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "sink/kafka/in_flight.h"

namespace millrace {

class Flushes {
 public:
  explicit Flushes(Millis linger) : linger_(linger) {}

  // Before in_flight counts it.
  void record_handed_over(const InFlight& in_flight);

  void delivered() { again_ = kAgain; }

  // `is_busy`: more is to be written than there is room for.
  bool is_due(const InFlight& in_flight, bool is_busy, SteadyTime now) const;

  // It is flushed now; returns until when at most.
  SteadyTime begin_flush(const InFlight& in_flight, SteadyTime now);

 private:
  static constexpr Millis kAgain{4};  // twice as long each time that nothing came back

  Millis linger_;
  uint64_t flushed_ = 0;  // hand-overs until the last flush
  SteadyTime flushed_at_{};
  SteadyTime unflushed_since_{};
  Millis again_ = kAgain;
};

}  // namespace millrace
