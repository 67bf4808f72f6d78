#include "pipeline/parking.h"

#include <algorithm>

#include "base/log.h"
#include "event/progress.h"

namespace millrace {

namespace {

constexpr Millis kParkAfter{1000};   // a branch that holds the others up for so long is parked
constexpr Millis kLagInterval{500};  // between looks at how much WAL is kept
// One that says that it is well and still makes nothing durable.
constexpr Millis kHangsAfter{30'000};
// One that is not well, holds less than its share, and makes nothing durable.
constexpr Millis kStuckAfter{10'000};

bool is_well(const Lane& lane) {
  return lane.branch->state() == BranchState::kRunning;
}

bool takes_something(const Lane& lane) {
  return lane.feed != Feed::kNothing && lane.feed != Feed::kGivenUp;
}

bool holds_its_share(const Lane& lane) {
  return lane.branch->bytes_held() >= lane.branch->memory_share();
}

// The other half of its share is for the stream.
bool is_full(const Lane& lane) {
  return lane.branch->bytes_held() >= lane.branch->memory_share() / 2;
}

}  // namespace

template <class Condition>
uint64_t Parking::bits_of(Condition condition) const {
  uint64_t out = 0;
  for (size_t i = 0; i < lanes_.size(); ++i) {
    if (condition(*lanes_[i])) out |= uint64_t{1} << i;
  }
  return out;
}

bool Parking::has_room() {
  const bool has = std::ranges::all_of(
      lanes_, [](const auto& lane) { return lane->parked() || !holds_its_share(*lane); });
  if (has) {
    no_room_since_ = {};
    return true;
  }
  const auto now = steady_now();
  if (no_room_since_ == SteadyTime{}) no_room_since_ = now;
  if (now - no_room_since_ < kParkAfter) return false;
  no_room_since_ = {};
  park_laggards();
  return false;
}

// Those who hold more than their share, as long as someone else can go on.
void Parking::park_laggards() {
  std::vector<Lane*> laggards;
  for (const auto& lane : lanes_) {
    if (!lane->parked() && holds_its_share(*lane)) laggards.push_back(lane.get());
  }
  const bool others_go_on = std::ranges::any_of(lanes_, [](const auto& lane) {
    const bool reads = !lane->parked() || lane->feed == Feed::kCatchUp;
    return reads && !holds_its_share(*lane);
  });
  if (!others_go_on) return;
  for (Lane* lane : laggards) {
    lane->feed = Feed::kSnapshot;
    log::warn("branch is behind: parked, the others go on",
              {{"branch", lane->name}, {"bytes_held", lane->branch->bytes_held()}});
  }
}

uint64_t Parking::full() const {
  return bits_of([](const Lane& lane) { return takes_something(lane) && is_full(lane); });
}

uint64_t Parking::taking_part() const {
  return bits_of(takes_something) & source_.snapshot_audience();
}

// Who holds a snapshot up that others wait for, and takes nothing.
void Parking::leave_behind() {
  const uint64_t held_up_by = full() & source_.snapshot_audience();
  const auto now = steady_now();
  paces_.resize(lanes_.size());
  for (size_t i = 0; i < lanes_.size(); ++i) {
    Lane& lane = *lanes_[i];
    Pace& pace = paces_[i];
    const bool holds_up = (held_up_by >> i & 1) != 0;
    if (!holds_up || pace.finished != lane.branch->finished()) {
      pace = {lane.branch->finished(), now};
      continue;
    }
    if (now - pace.since < (is_well(lane) ? kHangsAfter : kParkAfter)) continue;
    const bool has_failed = lane.branch->state() == BranchState::kFailed;
    const bool others_wait =
        std::ranges::any_of(
            lanes_,
            [&](const auto& other) { return other->feed == Feed::kNothing && is_well(*other); }) ||
        (taking_part() & ~(uint64_t{1} << i)) != 0;
    if (!has_failed && !others_wait) continue;
    lane.feed = Feed::kNothing;
    log::warn("branch takes nothing: the snapshot goes on without it",
              {{"branch", lane.name}, {"bytes_held", lane.branch->bytes_held()}});
  }
}

// A branch that has gone back is parked: it comes back as one that is behind does.
void Parking::send_back() {
  for (size_t i = 0; i < lanes_.size(); ++i) {
    Lane& lane = *lanes_[i];
    if (!lane.branch->take_gone_back() || lane.feed == Feed::kGivenUp) continue;
    if (lane.feed == Feed::kCatchUp) source_.end_catch_up(i);
    lane.feed = Feed::kNothing;
    lane.went_back = true;
  }
}

bool Parking::wants_open() {
  give_up_lagging();
  send_back();
  if (source_.snapshot_audience() != 0) {
    leave_behind();
    return taking_part() == 0;
  }
  bool any = false;
  for (size_t i = 0; i < lanes_.size(); ++i) {
    const Lane& lane = *lanes_[i];
    if (lane.feed == Feed::kCatchUp) {
      any = joins(i) || any;
    } else if (lane.parked() && is_well(lane) && lane.branch->bytes_held() == 0) {
      any = bring_back(i) || any;
    }
  }
  return any;
}

bool Parking::is_far_behind(const Lane& lane) const {
  const Lsn end = source_.status().server_lsn;
  const Lsn durable = lane.branch->confirmable();
  return durable != 0 && end > durable + lane.branch->memory_share();
}

// True when that takes opening the source again.
bool Parking::bring_back(size_t index) {
  Lane& lane = *lanes_[index];
  const bool others_go_on =
      std::ranges::any_of(lanes_, [](const auto& other) { return !other->parked(); });
  if (lane.feed == Feed::kGivenUp) {
    log::info("branch that was given up is well: it comes back", {{"branch", lane.name}});
  } else if (others_go_on && is_far_behind(lane)) {
    const auto begun = source_.catch_up(index, lane.branch->offered());
    if (begun) {
      if (lane.feed == Feed::kNothing) were_away_.insert(index);
      lane.feed = Feed::kCatchUp;
      log::info("parked branch is well: it catches up on a copy of the slot",
                {{"branch", lane.name}});
      return false;
    }
    log::info("no copy of the slot for a branch that is behind: all go back to where it stands",
              {{"branch", lane.name}, {"why", begun.error().text()}});
  } else {
    log::info("parked branch is well: reading again from where it stands", {{"branch", lane.name}});
  }
  lane.unpark();
  return true;
}

// Whether a branch that catches up has come to where the others are, and the source has to be
// opened again for it.
bool Parking::joins(size_t index) {
  Lane& lane = *lanes_[index];
  const bool is_lost = (source_.catching_up() >> index & 1) == 0;
  if (!is_lost) {
    if (passed_.position == Position{}) return false;  // the others may begin beyond it
    const auto at = needed_from(lane.branch->offered());
    if (!at || at->position < passed_.position) return false;
    source_.end_catch_up(index);
    log::info("branch has caught up", {{"branch", lane.name}});
  }
  lane.unpark();
  return were_away_.erase(index) != 0 || is_lost;
}

// It may hold little: what keeps the server's WAL can be changes of tables that nobody captures.
bool Parking::takes_nothing(size_t index) {
  const Lane& lane = *lanes_[index];
  Pace& pace = slot_paces_[index];
  const auto now = steady_now();
  const bool waits = !is_well(lane) && lane.branch->bytes_held() > 0;
  if (!waits || pace.finished != lane.branch->finished()) pace = {lane.branch->finished(), now};
  return waits && (holds_its_share(lane) || now - pace.since >= kStuckAfter);
}

void Parking::give_up_lagging() {
  const auto now = steady_now();
  if (lag_max_ == 0 || now < lag_due_) return;
  lag_due_ = now + kLagInterval;
  slot_paces_.resize(lanes_.size());
  std::vector<size_t> behind;  // one that works is not
  for (size_t i = 0; i < lanes_.size(); ++i) {
    const bool is_stuck = takes_nothing(i);
    const Lane& lane = *lanes_[i];
    const bool is_away = lane.parked() && !(lane.went_back && is_well(lane));
    if (lane.feed != Feed::kGivenUp && (is_away || is_stuck)) behind.push_back(i);
  }
  if (behind.empty()) return;
  const Lsn end = source_.end_of_log();
  for (const size_t i : behind) {
    Lane& lane = *lanes_[i];
    const Lsn durable = lane.branch->confirmable();
    const Lsn kept_from = durable != 0 ? durable : source_.status().confirmed_lsn;
    if (kept_from == 0 || end <= kept_from + lag_max_) continue;
    source_.end_catch_up(i);
    lane.feed = Feed::kGivenUp;
    log::error(
        "branch is given up: the slot moves on, and the branch comes back with a snapshot "
        "when its sink takes changes again (branch.lag.max.bytes)",
        {{"branch", lane.name},
         {"wal_bytes", end - kept_from},
         {"durable_lsn", format_lsn(durable)}});
  }
}

void Parking::passed(const Batch& batch) {
  if (batch.stream == kSlotStream && !batch.catch_up) passed_ = batch.offset;
}

// The others would read again all that it lacks.
bool Parking::is_far_behind_others(const Lane& lane) const {
  const Lsn durable = lane.branch->confirmable();
  return durable != 0 && std::ranges::any_of(lanes_, [&](const auto& other) {
           return is_well(*other) &&
                  other->branch->confirmable() > durable + lane.branch->memory_share();
         });
}

void Parking::prepare_open() {
  passed_ = {};
  were_away_.clear();
  for (const auto& lane : lanes_) {
    if (!lane->parked() || lane->feed == Feed::kGivenUp) continue;
    const bool takes_part = is_well(*lane) && !is_full(*lane) && !is_far_behind_others(*lane);
    if (takes_part) {
      lane->unpark();
    } else {
      lane->feed = Feed::kNothing;
    }
  }
}

}  // namespace millrace
