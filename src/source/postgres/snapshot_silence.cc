#include "source/postgres/snapshot_silence.h"

#include <algorithm>
#include <string>
#include <utility>

namespace millrace {

namespace {

// What the server has just sent is under way: looked for before it is held to be lost.
constexpr Millis kUnderWay{1000};

}  // namespace

Result<void> SnapshotSilence::look(int backend_pid, SteadyTime heard) {
  if (limit_ == Millis(0)) return {};
  Asked& asked = asked_[backend_pid];
  if (heard > asked.at) asked.doubts = false;
  const SteadyTime now = steady_now();
  if (now < std::max(heard, asked.at) + (asked.doubts ? kUnderWay : limit_)) return {};
  const auto reads = lookup_.reads_for_us(backend_pid);
  asked.at = steady_now();
  if (!reads) {
    // Busy: it is there, and takes no more connections.
    return reads.error().kind == ErrorKind::kUnreachable ? Result<void>(Failure(reads.error()))
                                                         : Result<void>();
  }
  if (!std::exchange(asked.doubts, !*reads) || *reads) return {};
  return fail(ErrorKind::kUnreachable, "the server sends rows and nothing has come for " +
                                           std::to_string(limit_.count()) +
                                           " ms: the connection is half-open");
}

}  // namespace millrace
