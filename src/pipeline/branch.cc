#include "pipeline/branch.h"

#include <algorithm>

#include "base/log.h"
#include "event/progress.h"

namespace millrace {

namespace {

constexpr Millis kIdleWait{100};    // how long a thread sleeps when nothing happens
constexpr Millis kInFlightPoll{2};  // while the sink has something that is not durable yet

}  // namespace

std::string_view name(BranchState state) {
  switch (state) {
    case BranchState::kOpening:
      return "opening";
    case BranchState::kRunning:
      return "running";
    case BranchState::kWaiting:
      return "waiting";
    case BranchState::kFailed:
      return "failed";
    case BranchState::kDone:
      return "done";
  }
  return "done";
}

Branch::Branch(BranchOptions options, BranchParts parts)
    : options_(std::move(options)),
      parts_(std::move(parts)),
      wait_(options_.retry_min, options_.retry_max) {
  if (parts_.dead_letters == nullptr) return;
  parts_.dead_letters->set_in_flight([this](const FileDeadLetters::VisitView& visit) {
    for (const Held& held : held_)
      visit(held.view);
  });
}

Branch::~Branch() {
  stop();
}

void Branch::start() {
  writer_ = std::jthread([this](std::stop_token stop) { write_loop(stop); });
  transformer_ = std::jthread([this](std::stop_token stop) { transform_loop(stop); });
}

void Branch::stop() {
  transformer_.request_stop();
  writer_.request_stop();
  incoming_.wake();
  ready_.wake();
  durable_changed_.notify_all();
  if (transformer_.joinable()) transformer_.join();
  if (writer_.joinable()) writer_.join();
  set_state(BranchState::kDone, "");
}

// --- the reader's side
// ----------------------------------------------------------------------------

bool Branch::opened() const {
  const std::lock_guard lock(mutex_);
  return opened_;
}

std::optional<Progress> Branch::sink_progress() const {
  const std::lock_guard lock(mutex_);
  return sink_progress_;
}

void Branch::begin_after(const Progress& progress) {
  const std::lock_guard lock(mutex_);
  offered_ = progress;
  offered_.erase(std::string(kReplayStream));
  durable_ = offered_;
}

Progress Branch::offered() const {
  const std::lock_guard lock(mutex_);
  return offered_;
}

void Branch::offer(const BatchPtr& batch, bool can_repeat) {
  BatchView view{batch, batch->changes, {}, {}};
  if (batch->stream != kReplayStream) {
    const std::lock_guard lock(mutex_);
    if (gone_back_ || !joins(offered_, *batch)) return;
    drop_delivered(view, offered_);
    const bool repeats = batch->stream == kSlotStream && covers(offered_, *batch) &&
                         !batch->offset.tables.is_known();
    if (repeats && view.changes.empty()) return;
    view.repeatable =
        can_repeat && !is_awaited_ && batch->stream == kSlotStream && !has_unfinished(offered_);
    advance(offered_, *batch);
    offered_seq_ = batch->seq;
  }
  bytes_held_ += batch->bytes();
  ++given_;
  incoming_.push(std::move(view));
}

bool Branch::take_gone_back() {
  return gone_back_ && gone_back_.exchange(false);
}

BranchStatus Branch::status() const {
  const std::lock_guard lock(mutex_);
  return BranchStatus{.name = options_.name,
                      .state = state_.load(),
                      .error = error_,
                      .events = events_,
                      .batches_held = given_.load() - finished_.load(),
                      .bytes_held = bytes_held_.load(),
                      .durable = durable_,
                      .commit_us = commit_us_,
                      .dead_letters = dead_letters() == nullptr ? 0 : dead_letters()->open()};
}

std::optional<Error> Branch::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

Lsn Branch::confirmable() const {
  const std::lock_guard lock(mutex_);
  return millrace::confirmable(durable_);
}

bool Branch::wait_durable(const Batch& batch, std::stop_token stop) const {
  const bool is_ours = batch.stream == kSlotStream ||
                       std::ranges::any_of(batch.schemas, [&](const SchemaPtr& table) {
                         return takes(table->full_name());
                       });
  if (!is_ours) return true;
  std::unique_lock lock(mutex_);
  while (!covers(durable_, batch)) {
    if (stop.stop_requested() || state_ == BranchState::kFailed) return false;
    durable_changed_.wait_for(lock, kIdleWait);
  }
  return true;
}

void Branch::begin_drain() {
  draining_ = true;
  ready_.wake();
}

bool Branch::drain(SteadyTime deadline) {
  begin_drain();
  std::unique_lock lock(mutex_);
  const bool has_ended = durable_changed_.wait_until(
      lock, deadline, [&] { return finished_ == given_ || state_ == BranchState::kFailed; });
  return has_ended && state_ != BranchState::kFailed && !lacks(durable_, lost_);
}

// --- transform and convert
// ------------------------------------------------------------------------

void Branch::transform_loop(std::stop_token stop) {
  const bool makes_something = parts_.converter != nullptr || !parts_.transforms.empty();
  while (!stop.stop_requested()) {
    auto view = incoming_.pop(steady_now() + kIdleWait);
    if (!view) continue;
    if (is_lost(*view)) {
      leave_out(*view);
      continue;
    }
    const bool waits = after_ != nullptr && view->batch->stream != kReplayStream;
    if (waits && !after_->wait_durable(*view->batch, stop)) {
      if (!stop.stop_requested()) {
        fail_with(Error(ErrorKind::kInternal, "the branch that this one runs after has failed"));
      }
      return;
    }
    // What is made of a batch comes on top of it: don't run ahead of the writer when memory is
    // short.
    while (makes_something && bytes_held_ >= options_.memory_share && !stop.stop_requested()) {
      if (ready_.wait_empty(steady_now() + kIdleWait)) break;
    }
    if (const auto done = prepare(*view); !done) return fail_with(done.error());
    bytes_held_ += view->made_bytes;
    ready_.push(std::move(*view));
  }
}

Result<void> Branch::prepare(BatchView& view) {
  if (!view.batch->shaped) {
    parts_.tables.apply(view);
    for (const auto& transform : parts_.transforms) {
      if (auto done = transform->apply(view); !done) return done;
    }
  }
  if (parts_.converter == nullptr) return {};
  return parts_.converter->convert(view);
}

// --- write
// ----------------------------------------------------------------------------------------

// NOLINTNEXTLINE(readability-function-cognitive-complexity): the loop of a thread
void Branch::write_loop(std::stop_token stop) {
  if (!open_sink(stop)) return;
  while (!stop.stop_requested()) {
    auto view = ready_.pop(held_.empty() ? steady_now() + kIdleWait : steady_now());
    if (view && is_lost(*view)) {
      leave_out(*view);
      continue;
    }
    if (view) {
      if (const auto done = write_one(std::move(*view), stop); !done) {
        if (!recover(done.error(), stop)) return;
        continue;
      }
    }
    if (held_.empty()) continue;
    const auto deadline = steady_now() + (view ? Millis(0) : kInFlightPoll);
    const auto report =
        draining_ && !view ? parts_.sink->drain(deadline) : parts_.sink->poll(deadline);
    if (!report) {
      if (!recover(report.error(), stop)) return;
      continue;
    }
    if (const auto taken = take_report(*report); !taken) return fail_with(taken.error());
  }
}

// The sink, and what its progress says about replays.
Result<void> Branch::open_once() {
  auto progress = parts_.sink->open();
  if (!progress) return std::unexpected(progress.error());
  if (dead_letters() != nullptr) {
    if (auto done = dead_letters()->sink_opened(*progress); !done) return done;
  }
  {
    const std::lock_guard lock(mutex_);
    sink_progress_ = std::move(*progress);
    opened_ = true;
  }
  set_state(BranchState::kRunning, "");
  return {};
}

bool Branch::open_sink(std::stop_token stop) {
  while (!stop.stop_requested()) {
    const auto opened = open_once();
    if (opened) return true;
    if (policy(opened.error().kind) != ErrorPolicy::kRetry) {
      fail_with(opened.error());
      return false;
    }
    set_state(BranchState::kWaiting, opened.error().text());
    log::warn("sink not reachable, trying again",
              {{"branch", options_.name}, {"error", opened.error().text()}});
    ready_.sleep_until(steady_now() + wait_.next());
  }
  return false;
}

Result<void> Branch::write_one(BatchView view, std::stop_token stop) {
  const auto& changes = view.batch->changes;
  const int64_t commit_us = changes.empty() ? 0 : changes.back().commit_us;
  held_.push_back({view, view.bytes(), view.changes.size(), commit_us});
  if (dead_letters() != nullptr) {
    if (auto noted = dead_letters()->passing(view); !noted) return noted;
    held_.back().view = view;
  }
  while (!stop.stop_requested()) {
    auto done = parts_.sink->write(view);
    if (done || done.error().kind != ErrorKind::kBusy) return done;
    auto report = parts_.sink->poll(steady_now() + kInFlightPoll);
    if (!report) return std::unexpected(report.error());
    if (auto taken = take_report(*report); !taken) return taken;
  }
  return {};
}

// Its errors are the dead letters'.
Result<void> Branch::take_report(const SinkReport& report) {
  tell_waiting(report.waits_for);
  bool moved = false;
  Result<void> result;
  while (!held_.empty() && held_.front().view.seq() <= report.durable_seq) {
    const Held done = std::move(held_.front());
    held_.pop_front();
    const Batch& batch = *done.view.batch;
    if (dead_letters() != nullptr) {
      if (auto settled = dead_letters()->durable(done.view, done.events); !settled)
        result = settled;
    }
    const std::lock_guard lock(mutex_);
    if (batch.stream != kReplayStream) {
      advance(durable_, batch);
      if (done.commit_us != 0) commit_us_ = done.commit_us;
    }
    events_ += done.events;
    bytes_held_ -= done.bytes;
    ++finished_;
    moved = true;
  }
  let_go(report.released_seq);
  if (!moved) return result;
  wait_.reset();
  durable_changed_.notify_all();
  return result;
}

// What a transaction of the sink's has: it may grow larger than memory then.
void Branch::let_go(uint64_t released_seq) {
  for (auto held = held_.rbegin(); held != held_.rend() && !held->is_gone; ++held) {
    if (held->view.seq() > released_seq) continue;
    bytes_held_ -= held->bytes;
    held->view.let_go();
    held->is_gone = true;
    held->bytes = held->view.bytes();
    bytes_held_ += held->bytes;
  }
}

bool Branch::is_lost(const BatchView& view) const {
  return view.seq() <= lost_until_ && view.batch->stream != kReplayStream;
}

void Branch::leave_out(const BatchView& view) {
  if (dead_letters() != nullptr) dead_letters()->left_out(view);
  bytes_held_ -= view.bytes();
  {
    const std::lock_guard lock(mutex_);
    ++finished_;
  }
  durable_changed_.notify_all();
}

void Branch::tell_waiting(const std::string& waits_for) {
  if (waits_for == told_waiting_) return;
  told_waiting_ = waits_for;
  if (waits_for.empty()) {
    log::info("sink is back", {{"branch", options_.name}});
    set_state(BranchState::kRunning, "");
  } else {
    log::warn("sink waits", {{"branch", options_.name}, {"for", waits_for}});
    set_state(BranchState::kWaiting, waits_for);
  }
}

void Branch::fail_with(const Error& error) {
  {
    const std::lock_guard lock(mutex_);
    failure_ = error;
    state_ = BranchState::kFailed;
    error_ = error.text();
  }
  log::error("branch failed",
             {{"branch", options_.name}, {"kind", name(error.kind)}, {"error", error.text()}});
  durable_changed_.notify_all();
}

// A failure for good stays, whichever of the two threads had it.
void Branch::set_state(BranchState state, std::string error) {
  const std::lock_guard lock(mutex_);
  if (failure_) return;
  state_ = state;
  error_ = std::move(error);
}

}  // namespace millrace
