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
  std::atomic<int> takes_ms{0};               // for each batch
  std::atomic<int> fail_polls{0};             // so many polls fail with `error`
  std::atomic<bool> fail_after_write{false};  // the failed poll had made durable what was written
  Error error{ErrorKind::kUnreachable, "scripted"};
  std::optional<Error> open_error;  // open() fails with this
  // The sink keeps progress with its data; the test may take it away.
  std::optional<Progress> progress;  // guarded by mutex
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
    if (script_.open_error) return std::unexpected(*script_.open_error);
    const std::lock_guard lock(script_.mutex);
    return script_.progress;
  }

  Result<void> write(BatchView view) override {
    std::this_thread::sleep_for(Millis(script_.takes_ms));
    written_.push_back(std::move(view));
    return {};
  }

  Result<SinkReport> poll(SteadyTime) override {
    if (script_.fail_polls > 0) {
      --script_.fail_polls;
      if (script_.fail_after_write) store();
      return std::unexpected(script_.error);
    }
    if (!script_.hold) store();
    return SinkReport{durable_seq_};
  }

  Result<SinkReport> drain(SteadyTime deadline) override {
    if (script_.until_drained) script_.hold = false;
    return poll(deadline);
  }

 private:
  void store() {
    const std::lock_guard lock(script_.mutex);
    for (const BatchView& view : written_) {
      for (const Change& change : view.changes)
        script_.durable.push_back(change.position.commit_lsn);
      durable_seq_ = view.seq();
      if (script_.progress) advance(*script_.progress, *view.batch);
    }
    written_.clear();
  }

  SinkScript& script_;
  std::vector<BatchView> written_;
  uint64_t durable_seq_ = 0;
};

}  // namespace millrace
