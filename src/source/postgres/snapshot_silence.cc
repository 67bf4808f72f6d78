#include "source/postgres/snapshot_silence.h"

#include <algorithm>
#include <string>
#include <utility>

namespace millrace {

namespace {

// What the server has just sent is under way: looked for before it is held to be lost.
constexpr Millis kUnderWay{1000};

}  // namespace

Result<void> SnapshotSilence::look(SteadyTime heard) {
  if (limit_ == Millis(0)) return {};
  if (heard > asked_) doubts_ = false;
  const SteadyTime now = steady_now();
  if (now < std::max(heard, asked_) + (doubts_ ? kUnderWay : limit_)) return {};
  const auto reads = lookup_.reads_for_us(backend_pid_);
  asked_ = steady_now();
  if (!reads) {
    // Busy: it is there, and takes no more connections.
    return reads.error().kind == ErrorKind::kUnreachable ? Result<void>(Failure(reads.error()))
                                                         : Result<void>();
  }
  if (!std::exchange(doubts_, !*reads) || *reads) return {};
  return fail(ErrorKind::kUnreachable, "the server sends rows and nothing has come for " +
                                           std::to_string(limit_.count()) +
                                           " ms: the connection is half-open");
}

}  // namespace millrace
