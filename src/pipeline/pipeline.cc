#include "pipeline/pipeline.h"

#include <algorithm>

#include "base/log.h"
#include "event/progress.h"

namespace millrace {

namespace {

constexpr Millis kPollWait{50};    // also how often confirm() is called when nothing comes
constexpr Millis kFullWait{1};     // between looks when memory is full
constexpr Millis kOpenWait{5000};  // a sink that is away for so long at the start is begun parked

}  // namespace

bool PipelineStatus::healthy() const {
  return source_error.empty() &&
         std::all_of(branches.begin(), branches.end(),
                     [](const auto& branch) { return branch.state == BranchState::kRunning; });
}

Pipeline::Pipeline(PipelineRunOptions options, MemoryBudget& budget, std::unique_ptr<Source> source)
    : options_(std::move(options)),
      budget_(budget),
      source_(std::move(source)),
      parking_(lanes_, *source_, options_.branch_lag_max),
      keeper_(options_.offset_flush_interval) {}

Result<std::unique_ptr<Pipeline>> Pipeline::make(PipelineRunOptions options, MemoryBudget& budget,
                                                 std::unique_ptr<Source> source,
                                                 std::vector<PipelineBranch> branches) {
  std::unique_ptr<Pipeline> pipeline(new Pipeline(std::move(options), budget, std::move(source)));
  for (PipelineBranch& branch : branches) {
    auto lane = std::make_unique<Lane>();
    lane->name = branch.options.name;
    branch.options.memory_share = budget.share(branches.size());
    lane->branch = std::make_unique<Branch>(std::move(branch.options), std::move(branch.parts));
    lane->store = std::move(branch.store);
    lane->after = std::move(branch.after);
    pipeline->lanes_.push_back(std::move(lane));
  }
  if (auto linked = pipeline->link_after(); !linked) return std::unexpected(linked.error());
  return pipeline;
}

Result<void> Pipeline::link_after() {
  for (const auto& lane : lanes_) {
    if (lane->after.empty()) continue;
    const auto other = std::find_if(lanes_.begin(), lanes_.end(), [&](const auto& candidate) {
      return candidate->name == lane->after && candidate->after.empty();
    });
    if (other == lanes_.end()) {
      return fail(ErrorKind::kConfig, "branch " + lane->name + ": after = \"" + lane->after +
                                          "\" names no branch, or one that waits itself");
    }
    lane->branch->run_after(*(*other)->branch);
  }
  return {};
}

Result<void> Pipeline::run(std::stop_token stop) {
  for (const auto& lane : lanes_)
    lane->branch->start();
  auto result = begin(stop);
  if (result) {
    keeper_.start();
    result = read(stop);
  }
  auto finished = finish();
  return result ? finished : result;
}

// --- start
// ----------------------------------------------------------------------------------------

// Finds out where each branch stands. A sink that does not answer holds the start up only when
// nothing else knows where its branch stands.
Result<void> Pipeline::begin(std::stop_token stop) {
  const auto patience = steady_now() + kOpenWait;
  std::vector<Lane*> todo;
  todo.reserve(lanes_.size());
  for (const auto& lane : lanes_)
    todo.push_back(lane.get());
  while (!todo.empty()) {
    if (stop.stop_requested()) return {};
    Result<void> failed;
    std::erase_if(todo, [&](Lane* lane) {
      auto begun = begin_lane(*lane, steady_now() < patience);
      if (!begun) failed = std::unexpected(begun.error());
      return begun && *begun;
    });
    if (!failed) return failed;
    if (!todo.empty()) std::this_thread::sleep_for(kFullWait);
  }
  return {};
}

// False: not known yet.
Result<bool> Pipeline::begin_lane(Lane& lane, bool wait_for_sink) {
  if (const auto failed = lane.branch->failure()) {
    return std::unexpected(failed->in("branch " + lane.name));
  }
  const bool opened = lane.branch->opened();
  if (!opened && wait_for_sink) return false;
  if (opened) {
    if (const auto own = lane.branch->sink_progress()) {
      lane.branch->begin_after(*own);
      return true;
    }
  }
  Progress stored;
  if (lane.store != nullptr) {
    auto loaded = lane.store->load();
    if (!loaded) {
      if (policy(loaded.error().kind) == ErrorPolicy::kRetry) return false;
      return std::unexpected(loaded.error().in("branch " + lane.name));
    }
    stored = std::move(*loaded);
  }
  if (!opened && stored.empty()) return false;
  if (lane.store != nullptr) keeper_.add(*lane.branch, *lane.store, stored);
  if (!opened) lane.feed = Feed::kNothing;
  lane.branch->begin_after(stored);
  return true;
}

Result<void> Pipeline::connect(std::stop_token stop) {
  BackOff wait(options_.retry_min, options_.retry_max);
  while (!stop.stop_requested()) {
    parking_.prepare_open();
    std::vector<BranchProgress> progress;
    for (const auto& lane : lanes_) {
      Progress offered = lane->branch->offered();
      const bool fresh = offered.empty();
      const Branch* branch = lane->branch.get();
      const bool is_away = lane->feed == Feed::kNothing || lane->feed == Feed::kGivenUp;
      progress.push_back({lane->name, fresh ? std::nullopt : std::optional(std::move(offered)),
                          [branch](std::string_view table) { return branch->takes(table); },
                          branch->holds_rows(), is_away, options_.branch_lag_max != 0});
    }
    const auto opened = source_->open(progress);
    if (opened) {
      set_source_error("");
      connected_ = true;
      return {};
    }
    if (policy(opened.error().kind) != ErrorPolicy::kRetry) return opened;
    set_source_error(opened.error().text());
    const Millis pause = wait.next();
    log::warn("source not ready, trying again", {{"pipeline", options_.name},
                                                 {"wait_ms", pause.count()},
                                                 {"error", opened.error().text()}});
    const auto until = steady_now() + pause;
    while (steady_now() < until && !stop.stop_requested()) {
      hand_over_replays();
      std::this_thread::sleep_for(kPollWait);
    }
  }
  return {};
}

// --- read
// -----------------------------------------------------------------------------------------

Result<void> Pipeline::read(std::stop_token stop) {
  while (!stop.stop_requested()) {
    if (!connected_) {
      if (auto done = connect(stop); !done) return done;
      continue;
    }
    hand_over_replays();
    if (auto going = find_dead_end(); !going) return going;
    if (parking_.wants_open() || source_->wants_open()) {
      connected_ = false;
      continue;
    }
    if (source_->finished()) return {};
    confirm();
    if (!parking_.has_room()) {
      std::this_thread::sleep_for(kFullWait);
      continue;
    }
    if (auto done = poll_once(); !done) {
      if (policy(done.error().kind) != ErrorPolicy::kRetry) return done;
      set_source_error(done.error().text());
      log::warn("source lost, connecting again",
                {{"pipeline", options_.name}, {"error", done.error().text()}});
      ++reconnects_;
      connected_ = false;
    }
  }
  return {};
}

Result<void> Pipeline::poll_once() {
  auto batch = source_->poll(steady_now() + kPollWait, parking_.full());
  if (!batch) return std::unexpected(batch.error());
  if (*batch != nullptr) hand_over(std::move(*batch));
  return {};
}

void Pipeline::hand_over(std::shared_ptr<Batch> batch) {
  batch->seq = next_seq_++;
  batch->account();
  if (batch->stream != kReplayStream) events_ += batch->changes.size();
  const BatchPtr shared = std::move(batch);
  parking_.passed(*shared);
  // While a table is read beside the stream, a branch that went back would wait for its end.
  const bool can_repeat = source_->snapshot_audience() == 0;
  for (size_t i = 0; i < lanes_.size(); ++i) {
    const bool addressed = (shared->audience >> i & 1) != 0;
    if (addressed && lanes_[i]->takes(*shared)) lanes_[i]->branch->offer(shared, can_repeat);
  }
}

// A lane that has been parked meanwhile is not given anything.
void Pipeline::hand_over_replays() {
  std::deque<WaitingReplay> waiting;
  {
    const std::lock_guard lock(mutex_);
    waiting.swap(replays_);
  }
  for (WaitingReplay& replay : waiting) {
    const Lane& lane = *lanes_[replay.lane];
    if (lane.parked()) {
      const Lsn position = replay.batch->offset.position.commit_lsn;
      lane.branch->dead_letters()->cancel_replay(position - kReplayBase);
      continue;
    }
    replay.batch->audience = uint64_t{1} << replay.lane;
    hand_over(std::move(replay.batch));
  }
}

// An error when no branch can go on, or when what one has delivered cannot be stored: then the slot
// could never move again.
Result<void> Pipeline::find_dead_end() const {
  Result<void> dead;
  bool any_alive = false;
  for (const auto& lane : lanes_) {
    auto failed = lane->branch->failure();
    const auto unstored = keeper_.failure(*lane->branch);
    const bool is_final = unstored && policy(unstored->kind) != ErrorPolicy::kRetry;
    if (is_final) return std::unexpected(unstored->in("branch " + lane->name));
    any_alive = any_alive || !failed;
    if (failed && dead) dead = std::unexpected(failed->in("branch " + lane->name));
  }
  return any_alive ? Result<void>() : dead;
}

// --- progress
// -------------------------------------------------------------------------------------

Lsn Pipeline::lowest_durable() const {
  Lsn lowest = ~Lsn{0};
  for (const auto& lane : lanes_) {
    if (lane->feed == Feed::kGivenUp) continue;
    const auto stored = keeper_.confirmable(*lane->branch);
    lowest = std::min(lowest, stored ? *stored : lane->branch->confirmable());
  }
  return lowest == ~Lsn{0} ? parking_.passed_lsn() : lowest;
}

void Pipeline::confirm() {
  if (const auto done = source_->confirm(lowest_durable()); !done) {
    log::debug("confirm failed",
               {{"error", done.error().text()}});  // poll() says the same and reconnects
  }
}

Result<void> Pipeline::finish() {
  const auto deadline = steady_now() + options_.shutdown_timeout;
  std::string behind;
  // All at once: one may wait for another, and one that is stuck uses up the time.
  for (const auto& lane : lanes_)
    lane->branch->begin_drain();
  for (const auto& lane : lanes_) {
    // Of what the others were given, one that is parked lacks some.
    if (lane->branch->drain(deadline) && !lane->parked()) continue;
    behind += (behind.empty() ? "" : ", ") + lane->name;
  }
  keeper_.stop();
  const auto stored = keeper_.flush();
  if (connected_) {
    confirm();
    if (auto closed = source_->close(); !closed) {
      log::warn("source not closed in order", {{"error", closed.error().text()}});
    }
  }
  for (const auto& lane : lanes_)
    lane->branch->stop();
  if (!behind.empty()) {
    return fail(ErrorKind::kStopped, "stopped before these branches had delivered all: " + behind,
                "nothing is lost: they go on from where they stand at the next start");
  }
  if (!stored && policy(stored.error().kind) == ErrorPolicy::kRetry) {
    return fail(ErrorKind::kStopped,
                "stopped before the offsets could be stored: " + stored.error().message,
                "nothing is lost: what was delivered since comes again at the next start");
  }
  return stored;
}

void Pipeline::set_source_error(std::string error) {
  const std::lock_guard lock(mutex_);
  source_error_ = std::move(error);
}

Result<size_t> Pipeline::lane_named(const std::string& branch) const {
  for (size_t i = 0; i < lanes_.size(); ++i) {
    if (lanes_[i]->name == branch && lanes_[i]->branch->dead_letters() != nullptr) return i;
  }
  return fail(ErrorKind::kNotFound, "there is no branch " + branch);
}

Result<std::vector<LetterOutcome>> Pipeline::replay(const std::string& branch,
                                                    const ReplayRequest& request,
                                                    SteadyTime deadline) {
  const auto lane = lane_named(branch);
  if (!lane) return Failure(lane.error());
  if (lanes_[*lane]->parked()) {
    return fail(ErrorKind::kUnreachable, "branch " + branch + " is parked: it is far behind",
                "try again once it has caught up");
  }
  return replay_letters(
      *lanes_[*lane]->branch, request,
      [&](std::shared_ptr<Batch> batch) {
        const std::lock_guard lock(mutex_);
        replays_.push_back({*lane, std::move(batch)});
      },
      &budget_, deadline);
}

Result<std::vector<LetterOutcome>> Pipeline::drop_letters(const std::string& branch,
                                                          const LetterIds& ids) {
  const auto lane = lane_named(branch);
  if (!lane) return Failure(lane.error());
  return lanes_[*lane]->branch->dead_letters()->drop(ids);
}

PipelineStatus Pipeline::status() const {
  PipelineStatus out;
  out.name = options_.name;
  out.source = source_->status();
  {
    const std::lock_guard lock(mutex_);
    out.source_error = source_error_;
  }
  out.events = events_;
  out.reconnects = reconnects_;
  out.memory_used = budget_.used();
  out.memory_max = budget_.max();
  for (const auto& lane : lanes_) {
    out.branches.push_back(lane->branch->status());
    BranchStatus& branch = out.branches.back();
    branch.parked = lane->parked();
    branch.catching_up = lane->feed == Feed::kCatchUp;
    branch.given_up = lane->feed == Feed::kGivenUp;
    if (branch.given_up) {
      branch.state = BranchState::kFailed;
      branch.error =
          "given up: more than branch.lag.max.bytes behind; it comes back with a "
          "snapshot once it is well" +
          (branch.error.empty() ? "" : ": " + branch.error);
      continue;
    }
    const auto unstored = keeper_.failure(*lane->branch);
    if (!unstored || branch.state != BranchState::kRunning) continue;
    branch.state = BranchState::kWaiting;
    branch.error = unstored->text();
  }
  return out;
}

}  // namespace millrace
