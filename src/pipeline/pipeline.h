// One source, one or more branches: reads, hands over, confirms. Bounded in bytes; what happens to
// a branch that is behind: pipeline/parking.h.
//
// run() is the reader's thread; status(), replay() and drop() may be called from any other.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/lane.h"
#include "pipeline/offset_keeper.h"
#include "pipeline/parking.h"
#include "pipeline/replay.h"
#include "source/source.h"

namespace millrace {

struct PipelineRunOptions {
  std::string name;
  Millis shutdown_timeout{10000};
  Millis offset_flush_interval{1000};
  Millis retry_min{200};
  Millis retry_max{10000};
  Lsn branch_lag_max = 0;  // branch.lag.max.bytes; 0: none
};

struct PipelineBranch {
  BranchOptions options;
  BranchParts parts;
  std::unique_ptr<OffsetStore> store;  // null when the sink keeps the progress itself
  std::string after;                   // name of the branch that it runs after; empty = none
};

struct PipelineStatus {
  std::string name;
  SourceStatus source;
  std::string source_error;  // what the source waits for; empty when well
  uint64_t events = 0;       // changes read since the start
  uint64_t reconnects = 0;
  size_t memory_used = 0;
  size_t memory_max = 0;
  std::vector<BranchStatus> branches;

  // Streaming or snapshotting, and every branch is running.
  bool healthy() const;
};

class Pipeline {
 public:
  // `budget` outlives the pipeline. Errors: an unknown `after`.
  static Result<std::unique_ptr<Pipeline>> make(PipelineRunOptions options, MemoryBudget& budget,
                                                std::unique_ptr<Source> source,
                                                std::vector<PipelineBranch> branches);

  // Until stop is requested (then drains: kStopped names the branches that could not be), the
  // source is finished, or nothing can go on.
  Result<void> run(std::stop_token stop);

  PipelineStatus status() const;

  // Dead letters of a branch, while it runs; replay_letters() and FileDeadLetters::drop() say what
  // comes back. kNotFound: no such branch.
  Result<std::vector<LetterOutcome>> replay(const std::string& branch, const ReplayRequest& request,
                                            SteadyTime deadline);
  Result<std::vector<LetterOutcome>> drop_letters(const std::string& branch, const LetterIds& ids);

 private:
  Pipeline(PipelineRunOptions options, MemoryBudget& budget, std::unique_ptr<Source> source);

  struct WaitingReplay {
    size_t lane;
    std::shared_ptr<Batch> batch;
  };

  Result<void> link_after();
  Result<void> begin(std::stop_token stop);
  Result<bool> begin_lane(Lane& lane, bool wait_for_sink);
  Result<void> connect(std::stop_token stop);
  Result<void> read(std::stop_token stop);
  Result<void> poll_once();
  void hand_over(std::shared_ptr<Batch> batch);
  void hand_over_replays();
  Result<size_t> lane_named(const std::string& branch) const;
  void confirm();
  Lsn lowest_durable() const;
  Result<void> find_dead_end() const;
  Result<void> finish();
  void set_source_error(std::string error);

  const PipelineRunOptions options_;
  MemoryBudget& budget_;
  std::unique_ptr<Source> source_;
  Lanes lanes_;
  Parking parking_;
  OffsetKeeper keeper_;
  uint64_t next_seq_ = 1;
  bool connected_ = false;

  std::atomic<uint64_t> events_{0};
  std::atomic<uint64_t> reconnects_{0};
  mutable std::mutex mutex_;  // guards what follows
  std::string source_error_;
  std::deque<WaitingReplay> replays_;  // for the reader to hand over
};

}  // namespace millrace
