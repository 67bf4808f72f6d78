// Where changes go. Driven by one thread (the branch's writer); no method blocks past its deadline.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/memory_budget.h"
#include "base/result.h"
#include "event/batch.h"

namespace millrace {

// Takes what a sink refuses. Durable when flush() returns. One a branch; any thread.
class DeadLetters {
 public:
  virtual ~DeadLetters() = default;
  virtual Result<void> add(const Change& change, const Error& why) = 0;
  virtual Result<void> flush() = 0;
};

// What pipeline/ gives a sink when it makes it. All of it outlives the sink.
struct SinkContext {
  std::string pipeline;      // name of the pipeline
  std::string branch;        // name of the branch
  std::string state_folder;  // exists, writable; where a ledger or a state file may lie
  MemoryBudget* budget = nullptr;
  // Of the budget: the source waits while the batches that are not durable hold so much. A sink
  // that gathers batches has to stop well below it.
  size_t memory_share = std::numeric_limits<size_t>::max();
  DeadLetters* dead_letters = nullptr;
};

struct SinkReport {
  // Every batch up to and including this one is durable, or its refused changes are in the dead
  // letters.
  uint64_t durable_seq = 0;
  // What a sink that repeats by itself has been waiting for, when it is for longer than a few
  // seconds: told in the log and in /status. Empty: nothing, or seconds.
  std::string waits_for = {};
  // Every repeatable batch up to and including this one is let go, in a transaction that is not
  // durable. After an error the source has to give it again.
  uint64_t released_seq = 0;
};

class Sink {
 public:
  virtual ~Sink() = default;

  // Connects or opens. The progress that is stored together with the data, when this sink can do
  // that; nullopt: keep the progress elsewhere (pipeline/ does). An empty Progress: stored here,
  // nothing yet. Called again after an error that policy() retries; then batches after the durable
  // one come again.
  virtual Result<std::optional<Progress>> open() = 0;

  // Hands a batch over, in order of seq (gaps are allowed). kBusy: full, nothing was taken, poll
  // and try again.
  virtual Result<void> write(BatchView view) = 0;

  // Works until something became durable or the deadline; returns the newest report.
  virtual Result<SinkReport> poll(SteadyTime deadline) = 0;

  // Makes all that was written durable, or stops at the deadline.
  virtual Result<SinkReport> drain(SteadyTime deadline) = 0;

  // It holds the rows as they are, and a snapshot of a table replaces them (a log has all changes).
  // Any thread.
  virtual bool holds_rows() const { return false; }

  // Bytes that the sink holds beyond the batches themselves (a client library's queue).
  virtual size_t bytes_held() const { return 0; }
};

}  // namespace millrace
