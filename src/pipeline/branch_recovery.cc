// What a branch does after an error of its sink. On the writer's thread.
#include <algorithm>

#include "base/log.h"
#include "event/progress.h"
#include "pipeline/branch.h"

namespace millrace {

namespace {

// Whether both may be the same progress. Replays are no part of it here.
bool stand_alike(const Progress& due, Progress stored) {
  stored.erase(std::string(kReplayStream));
  return std::ranges::equal(due, stored, [](const auto& one, const auto& other) {
    const TableSet& tables = one.second.tables;
    const TableSet& stored_tables = other.second.tables;
    const bool may_differ = tables.is_known() && stored_tables.is_known();
    return one.first == other.first && one.second.position == other.second.position &&
           !(may_differ && tables != stored_tables);
  });
}

}  // namespace

// After a failure that may pass: wait, open again, hand over again what is not durable.
bool Branch::recover(Error error, std::stop_token stop) {
  told_waiting_.clear();
  while (!stop.stop_requested()) {
    if (policy(error.kind) != ErrorPolicy::kRetry) {
      fail_with(error);
      return false;
    }
    set_state(BranchState::kWaiting, error.text());
    log::warn("sink failed, trying again", {{"branch", options_.name}, {"error", error.text()}});
    ready_.sleep_until(steady_now() + wait_.next());
    if (stop.stop_requested()) return false;
    auto progress = parts_.sink->open();
    if (progress) {
      auto written = *progress ? check_stored(**progress) : Result<void>();
      if (written && *progress) written = forget_stored(**progress);
      if (written && !held_.empty() && held_.front().is_gone) go_back();
      if (written) written = write_held(stop);
      if (written) {
        set_state(BranchState::kRunning, "");
        log::info("sink is back", {{"branch", options_.name}});
        return true;
      }
      error = written.error();
    } else {
      error = progress.error();
    }
  }
  return false;
}

// A sink that was removed, or restored from yesterday, while it was away: going on would leave a
// gap that nobody could see afterwards.
Result<void> Branch::check_stored(const Progress& stored) const {
  const std::lock_guard lock(mutex_);
  bool is_lost = lacks(stored, durable_);
  Progress due = durable_;
  for (const Held& held : held_) {  // a new snapshot makes void what was had
    if (!is_lost) break;
    if (held.view.batch->stream == kReplayStream) continue;
    advance(due, *held.view.batch);
    is_lost = lacks(stored, due);
  }
  if (!is_lost) return {};
  return fail(ErrorKind::kGap,
              "the sink has not what it had made durable (up to " +
                  format_lsn(millrace::confirmable(durable_)) +
                  "): it was removed or restored meanwhile, and changes may be missing",
              "put it back as it was, or start again: an empty sink gets a new snapshot, one that "
              "is behind with snapshot.mode=when_needed");
}

// A sink that keeps progress with its data may have made more durable than it could report: up to
// the first place that looks like the stored one. A batch further on is no evidence, though it is
// covered: heartbeats do not move the progress, and what comes again for a new table stands before
// what others had.
Result<void> Branch::forget_stored(const Progress& stored) {
  uint64_t last = 0;
  Progress due = durable_;
  bool is_reached = false;
  for (const Held& held : held_) {
    const Batch& batch = *held.view.batch;
    is_reached = is_reached || stand_alike(due, stored);
    const bool is_evidence =
        batch.stream == kReplayStream || (batch.stream == kSlotStream && !is_reached);
    if (is_evidence && covers(stored, batch)) last = held.view.seq();
    if (batch.stream != kReplayStream) advance(due, batch);
  }
  if (auto taken = take_report({last}); !taken) return taken;
  if (parts_.converter != nullptr) return {};  // records are stored by whole batches
  Progress had = stored;
  for (Held& held : held_) {
    drop_delivered(held.view, had);
    advance(had, *held.view.batch);
  }
  return {};
}

Result<void> Branch::write_held(std::stop_token stop) {
  std::deque<Held> again;
  again.swap(held_);
  while (!again.empty()) {
    Held next = std::move(again.front());
    again.pop_front();
    if (auto done = write_one(std::move(next.view), stop); !done) {
      held_.insert(held_.end(), std::make_move_iterator(again.begin()),
                   std::make_move_iterator(again.end()));
      return done;
    }
  }
  return {};
}

// The sink has lost what it had let go. All that was to follow is void, but for replays.
void Branch::go_back() {
  log::info("the transaction is lost: what was in it is read again",
            {{"branch", options_.name}, {"batches", held_.size()}});
  std::deque<Held> held;
  held.swap(held_);
  {
    const std::lock_guard lock(mutex_);
    if (lacks(lost_, offered_)) lost_ = offered_;
    offered_ = durable_;
    offered_.erase(std::string(kReplayStream));
    lost_until_ = offered_seq_;
    gone_back_ = true;
  }
  for (Held& one : held) {
    if (is_lost(one.view)) {
      leave_out(one.view);
    } else {
      held_.push_back(std::move(one));
    }
  }
}

}  // namespace millrace
