#include "sink/kafka/flushes.h"

#include <algorithm>

namespace millrace {

namespace {

constexpr Millis kAgainMost{320};
constexpr Millis kBusy{20};
constexpr Millis kShort{1};

}  // namespace

void Flushes::record_handed_over(const InFlight& in_flight) {
  if (in_flight.handed_records() == flushed_ || !in_flight.outstanding())
    unflushed_since_ = steady_now();
}

bool Flushes::is_due(const InFlight& in_flight, bool is_busy, SteadyTime now) const {
  if (!in_flight.outstanding() || now < unflushed_since_ + linger_) return false;
  if (is_busy) return now >= flushed_at_ + std::max(kBusy, again_);
  return in_flight.returned_records() >= flushed_ || now >= flushed_at_ + again_;
}

SteadyTime Flushes::begin_flush(const InFlight& in_flight, SteadyTime now) {
  flushed_ = in_flight.handed_records();
  flushed_at_ = now;
  again_ = std::min(2 * again_, kAgainMost);
  return now + kShort;
}

}  // namespace millrace
