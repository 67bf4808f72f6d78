// One branch of a pipeline: tables → transforms → (converter) → sink, in two threads joined by a
// queue (transform + convert | write), with its own progress and its own retries.
//
// The reader's thread calls start, offer, stop and the const methods; the branch's two threads do
// the rest.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/back_off.h"
#include "base/hand_over_queue.h"
#include "convert/converter.h"
#include "event/batch.h"
#include "pipeline/dead_letter.h"
#include "pipeline/table_selector.h"
#include "sink/sink.h"
#include "transform/transform.h"

namespace millrace {

enum class BranchState : uint8_t {
  kOpening,  // the sink has not answered yet
  kRunning,
  kWaiting,  // the sink failed in a way that may pass: trying again, or the sink itself does
  kFailed,   // for good, until the next start
  kDone,     // stopped
};

std::string_view name(BranchState state);

struct BranchOptions {
  std::string name;
  Millis retry_min{200};
  Millis retry_max{10000};
  // Of memory.max: when it holds so much, no more is prepared ahead.
  size_t memory_share = std::numeric_limits<size_t>::max();
};

struct BranchParts {
  TableSelector tables;
  std::vector<std::unique_ptr<Transform>> transforms;
  std::unique_ptr<Converter> converter;           // null: the sink takes changes
  std::unique_ptr<FileDeadLetters> dead_letters;  // null only in tests
  std::unique_ptr<Sink> sink;
};

struct BranchStatus {
  std::string name;
  BranchState state = BranchState::kOpening;
  bool parked = false;
  bool catching_up = false;  // parked, on a stream of its own
  bool given_up = false;     // parked, and the slot moves on without it
  std::string error;         // what it waits for or failed with; empty when well
  uint64_t events = 0;       // changes made durable since the start
  uint64_t batches_held = 0;
  uint64_t bytes_held = 0;
  Progress durable;           // what is durable
  int64_t commit_us = 0;      // commit time of the newest durable change; 0 = none yet
  uint64_t dead_letters = 0;  // changes that wait there
};

class Branch {
 public:
  Branch(BranchOptions options, BranchParts parts);
  ~Branch();

  // Starts the threads; the sink is opened by the writer. sink_progress(): known then.
  void start();

  // What the sink holds together with its data: {} until opened() (or for a sink that keeps none).
  bool opened() const;
  std::optional<Progress> sink_progress() const;

  // This branch handles a batch only when `other` has made it durable. Before start().
  void run_after(Branch& other) {
    after_ = &other;
    other.is_awaited_ = true;
  }

  // Hands a batch over; changes that stand at or below what it was given before are left out. A
  // replay (kReplayStream) is no part of the progress. can_repeat: the source could give it again
  // at once.
  void offer(const BatchPtr& batch, bool can_repeat);
  // Where what it was given ends, per stream: from where the source must go on for it.
  Progress offered() const;
  // Sets where to begin: everything at or below is left out of what comes. Before the first
  // offer().
  void begin_after(const Progress& progress);

  BranchStatus status() const;
  // What it failed with for good; nullopt while it may go on.
  std::optional<Error> failure() const;

  // Null only in tests.
  FileDeadLetters* dead_letters() const { return parts_.dead_letters.get(); }

  // True once after an error by which the sink has lost what it had let go: offered() is what is
  // durable, and from there the source has to give again. Until then offer() takes replays alone.
  bool take_gone_back();

  // Up to where the slot may move for what is durable.
  Lsn confirmable() const;

  // Whether changes of this table ("schema.table") are for this branch.
  bool takes(std::string_view table) const { return parts_.tables.matches(table); }

  bool holds_rows() const { return parts_.sink->holds_rows(); }

  // Of the batches that it was given, and of what was made of them.
  size_t bytes_held() const { return bytes_held_.load(); }

  size_t memory_share() const { return options_.memory_share; }

  // Batches that have become durable.
  uint64_t finished() const { return finished_.load(); }

  BranchState state() const { return state_.load(); }

  // Waits until everything up to this point of this stream is durable, or the branch ends.
  bool wait_durable(const Batch& batch, std::stop_token stop) const;

  // No more batches come: from now on it makes durable what it has.
  void begin_drain();
  // True when it did so before the deadline.
  bool drain(SteadyTime deadline);
  void stop();

 private:
  struct Held {  // handed to the sink or about to be, not yet durable
    BatchView view;
    size_t bytes;
    size_t events;
    int64_t commit_us;     // of its newest change; 0 = it has none
    bool is_gone = false;  // the sink has let it go
  };

  void transform_loop(std::stop_token stop);
  void write_loop(std::stop_token stop);
  Result<void> prepare(BatchView& view);
  bool open_sink(std::stop_token stop);
  Result<void> write_one(BatchView view, std::stop_token stop);
  Result<void> write_held(std::stop_token stop);
  Result<void> take_report(const SinkReport& report);
  void let_go(uint64_t released_seq);
  void go_back();
  bool is_lost(const BatchView& view) const;
  void leave_out(const BatchView& view);
  Result<void> check_stored(const Progress& stored) const;
  Result<void> forget_stored(const Progress& stored);
  Result<void> open_once();
  void tell_waiting(const std::string& waits_for);
  bool recover(Error error, std::stop_token stop);
  void fail_with(const Error& error);
  void set_state(BranchState state, std::string error);

  const BranchOptions options_;
  BranchParts parts_;
  const Branch* after_ = nullptr;
  bool is_awaited_ = false;  // another one runs after it, and holds what this one lets go

  HandOverQueue<BatchView> incoming_;
  HandOverQueue<BatchView> ready_;
  std::deque<Held> held_;     // writer only
  std::string told_waiting_;  // writer only; SinkReport::waits_for as last told
  BackOff wait_;              // writer only; starts over when something became durable
  std::atomic<size_t> bytes_held_{0};
  std::atomic<uint64_t> given_{0};     // batches offered
  std::atomic<uint64_t> finished_{0};  // batches durable
  std::atomic<BranchState> state_{BranchState::kOpening};
  std::atomic<bool> draining_{false};
  std::atomic<bool> gone_back_{false};
  std::atomic<uint64_t> lost_until_{0};  // seq of the last batch that is void since it went back

  mutable std::mutex mutex_;  // guards what follows
  mutable std::condition_variable durable_changed_;
  std::optional<Progress> sink_progress_;
  bool opened_ = false;
  Progress offered_;
  uint64_t offered_seq_ = 0;
  Progress lost_;  // what it had been offered when it went back
  Progress durable_;
  std::string error_;
  std::optional<Error> failure_;
  uint64_t events_ = 0;
  int64_t commit_us_ = 0;

  std::jthread transformer_;
  std::jthread writer_;
};

}  // namespace millrace
