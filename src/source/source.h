// Where changes come from. Driven by one thread (the pipeline's reader); no method blocks past its
// deadline.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "event/batch.h"

namespace millrace {

// What a branch has made durable, as its sink or the offset store tells.
struct BranchProgress {
  std::string branch;
  std::optional<Progress> progress;  // nullopt: never had anything
  // Whether it has this table ("schema.table"); empty: it has all.
  std::function<bool(std::string_view)> takes;
  // It holds the rows as they are: what was changed before the snapshot of a table must not come
  // after it. Others want every change, so one that lies between two attempts at it too.
  bool holds_rows = false;
  // It takes nothing for now: its progress holds the slot, and no snapshot is read for it.
  bool away = false;
  // The slot may have moved on without it (branch.lag.max.bytes): then it gets a snapshot.
  bool may_be_passed = false;
};

// How far the snapshot of a table is.
struct TableSnapshotStatus {
  std::string table;  // "schema.table"
  uint64_t rows = 0;
  int64_t rows_expected = -1;  // as the server guesses; -1: it does not know
  uint64_t bytes = 0;          // as they were sent
  Millis elapsed{0};
};

// Lag and state, for /status and /metrics.
struct SourceStatus {
  std::string phase;      // connecting, snapshot, streaming, waiting
  std::string detail;     // what it waits for, or the table that it reads
  Lsn server_lsn = 0;     // end of WAL as last heard
  Lsn confirmed_lsn = 0;  // last confirmed to the slot
  uint64_t snapshot_rows = 0;
  std::vector<TableSnapshotStatus> snapshot_tables;  // that are being read
};

class Source {
 public:
  virtual ~Source() = default;

  // Connects and finds out from where to go on. Called again after any error that policy() retries,
  // and when wants_open(). Decides per branch and table whether it needs a snapshot
  // (Batch::audience). Errors: kGap when the slot
  // and the progress do not fit (I10).
  virtual Result<void> open(std::span<const BranchProgress> branches) = 0;

  // The next batch, or null when none came before the deadline. An idle source whose position moved
  // gives a batch without changes (at most one in idle_interval). Batch::seq is left 0. Nothing of
  // a snapshot, and of a stream of its own, is read for a branch of `full` (bit i: branch i).
  virtual Result<std::shared_ptr<Batch>> poll(SteadyTime deadline, uint64_t full) = 0;

  // The branches that a snapshot is being read for; 0: none is.
  virtual uint64_t snapshot_audience() const { return 0; }

  // Reads for `branch` alone, from where its progress stands, in a stream of its own beside the
  // others': batches with Batch::catch_up. It is among catching_up() until end_catch_up(), open(),
  // or until that stream is lost. Errors: any; open() is the other way.
  virtual Result<void> catch_up(size_t, const Progress&) {
    return fail(ErrorKind::kBusy, "this source has one stream");
  }

  virtual void end_catch_up(size_t) {}

  virtual uint64_t catching_up() const { return 0; }

  // Where the source's log ends now, as well as it can be told; asks for it, also while nothing is
  // polled.
  virtual Lsn end_of_log() { return status().server_lsn; }

  // All changes that commit before `lsn` are durable in all branches: the slot may move there.
  // Sends standby status when it moved and the interval is over, or when wal_sender_timeout/3 is
  // over. Call it often, also while nothing is polled because queues are full. lsn 0: only keep the
  // connection alive.
  virtual Result<void> confirm(Lsn lsn) = 0;

  // Says the last confirmed position once more, closes. The slot stays (but for slot.drop.on.stop).
  virtual Result<void> close() = 0;

  // True when it asks to be opened again: captured tables came or went, or a snapshot that was read
  // beside the stream is complete, and its tables have to catch up.
  virtual bool wants_open() const { return false; }

  // True once a source that ends (snapshot.mode=initial_only) has given all.
  virtual bool finished() const = 0;

  // Any thread.
  virtual SourceStatus status() const = 0;
};

}  // namespace millrace
