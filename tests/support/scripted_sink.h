// A sink that does as the test says: accepts, rejects, fails after having written, holds until
// released.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "event/progress.h"
#include "sink/sink.h"

namespace millrace {

// What outlives the sink: the test looks at it and turns its switches.
struct SinkScript {
  std::atomic<bool> hold{false};              // accept, but make nothing durable
  std::atomic<bool> until_drained{false};     // `hold` ends then
  std::atomic<bool> lets_go{false};           // of what it holds it keeps what a transaction would
  std::atomic<int> takes_ms{0};               // for each batch
  std::atomic<uint64_t> written{0};           // batches that it was handed, repeats too
  std::atomic<int> fail_polls{0};             // so many polls fail with `error`
  std::atomic<bool> fail_after_write{false};  // the failed poll had made durable what was written
  Error error{ErrorKind::kUnreachable, "scripted"};
  std::optional<Error> open_error;      // open() fails with this
  std::atomic<bool> is_emptied{false};  // its progress is gone with the next open()
  std::optional<Progress> progress;     // guarded by mutex; with a value: kept with the data
  std::mutex mutex;
  std::vector<Lsn> durable;  // commit LSN of every change made durable, in order

  std::vector<Lsn> seen() {
    const std::lock_guard lock(mutex);
    return durable;
  }
};

class ScriptedSink : public Sink {
 public:
  explicit ScriptedSink(SinkScript& script) : script_(script) {}

  Result<std::optional<Progress>> open() override {
    written_.clear();
    gone_ = 0;
    released_seq_ = 0;
    transaction_.clear();
    if (script_.open_error) return std::unexpected(*script_.open_error);
    const std::lock_guard lock(script_.mutex);
    if (script_.is_emptied) script_.progress.emplace();
    return script_.progress;
  }

  Result<void> write(BatchView view) override {
    std::this_thread::sleep_for(Millis(script_.takes_ms));
    written_.push_back(std::move(view));
    ++script_.written;
    return {};
  }

  Result<SinkReport> poll(SteadyTime) override {
    if (script_.fail_polls > 0) {
      --script_.fail_polls;
      if (script_.fail_after_write) store();
      return std::unexpected(script_.error);
    }
    if (!script_.hold) store();
    if (script_.lets_go) let_go();
    return SinkReport{durable_seq_, {}, released_seq_};
  }

  Result<SinkReport> drain(SteadyTime deadline) override {
    if (script_.until_drained) script_.hold = false;
    return poll(deadline);
  }

 private:
  void let_go() {
    for (; gone_ < written_.size() && written_[gone_].repeatable; ++gone_) {
      add_changes(written_[gone_], transaction_);
      written_[gone_].let_go();
      released_seq_ = written_[gone_].seq();
    }
  }

  static void add_changes(const BatchView& view, std::vector<Lsn>& to) {
    for (const Change& change : view.changes)
      to.push_back(change.position.commit_lsn);
  }

  void store() {
    const std::lock_guard lock(script_.mutex);
    script_.durable.insert(script_.durable.end(), transaction_.begin(), transaction_.end());
    transaction_.clear();
    gone_ = 0;
    for (const BatchView& view : written_) {
      add_changes(view, script_.durable);
      durable_seq_ = view.seq();
      if (script_.progress) advance(*script_.progress, *view.batch);
    }
    written_.clear();
  }

  SinkScript& script_;
  std::vector<BatchView> written_;
  size_t gone_ = 0;               // so many of them are let go
  std::vector<Lsn> transaction_;  // what they had
  uint64_t durable_seq_ = 0;
  uint64_t released_seq_ = 0;
};

}  // namespace millrace
