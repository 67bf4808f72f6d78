// Whether a snapshot without a row for so long still has a server that reads it, or a network
// between that is gone without a word. COPY has no keepalives: the server is asked beside it.
#pragma once

#include <map>

#include "base/clock.h"
#include "base/result.h"
#include "source/postgres/catalogue_lookup.h"

namespace millrace {

class SnapshotSilence {
 public:
  // limit: silence that says nothing yet; 0: all. The lookup outlives it.
  SnapshotSilence(CatalogueLookup& lookup, Millis limit) : lookup_(lookup), limit_(limit) {}

  // Of the connection whose server process this is. heard: when the last bytes came. Asks at most
  // once in `limit`. kUnreachable: the server does not answer, or has more to send, or nothing, and
  // we wait. A wait for a lock is none of these.
  Result<void> look(int backend_pid, SteadyTime heard);

 private:
  struct Asked {
    SteadyTime at{};
    bool doubts = false;  // the answer was that nothing is being read
  };

  CatalogueLookup& lookup_;
  const Millis limit_;
  std::map<int, Asked> asked_;  // by backend PID
};

}  // namespace millrace
