#include "pipeline/parking.h"

#include <algorithm>

#include "base/log.h"

namespace millrace {

namespace {

constexpr Millis kParkAfter{1000};  // a branch that holds the others up for so long is parked
// One that says that it is well and still makes nothing durable.
constexpr Millis kHangsAfter{30'000};

bool is_well(const Lane& lane) {
  return lane.branch->state() == BranchState::kRunning;
}

}  // namespace

size_t Parking::share() const {
  return budget_.max() / std::max<size_t>(1, lanes_.size());
}

// The other half of its share is for the stream.
bool Parking::is_full(const Lane& lane) const {
  return lane.branch->bytes_held() >= share() / 2;
}

bool Parking::has_room() {
  const bool has = !budget_.over() && std::ranges::all_of(lanes_, [&](const auto& lane) {
    return lane->parked() || lane->branch->bytes_held() < share();
  });
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
    if (!lane->parked() && lane->branch->bytes_held() >= share()) laggards.push_back(lane.get());
  }
  const auto parked = std::ranges::count_if(lanes_, [](const auto& lane) { return lane->parked(); });
  if (laggards.size() + static_cast<size_t>(parked) >= lanes_.size()) return;
  for (Lane* lane : laggards) {
    lane->feed = Feed::kSnapshot;
    log::warn("branch is behind: parked, the others go on",
              {{"branch", lane->name}, {"bytes_held", lane->branch->bytes_held()}});
  }
}

uint64_t Parking::full() const {
  uint64_t out = 0;
  for (size_t i = 0; i < lanes_.size(); ++i) {
    const bool counts = lanes_[i]->feed != Feed::kNothing && is_full(*lanes_[i]);
    if (counts) out |= uint64_t{1} << i;
  }
  return out;
}

uint64_t Parking::taking_part() const {
  uint64_t out = 0;
  for (size_t i = 0; i < lanes_.size(); ++i) {
    if (lanes_[i]->feed != Feed::kNothing) out |= uint64_t{1} << i;
  }
  return out & source_.snapshot_audience();
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
        std::ranges::any_of(lanes_, [&](const auto& other) {
          return other->feed == Feed::kNothing && is_well(*other);
        }) ||
        (taking_part() & ~(uint64_t{1} << i)) != 0;
    if (!has_failed && !others_wait) continue;
    lane.feed = Feed::kNothing;
    log::warn("branch takes nothing: the snapshot goes on without it",
              {{"branch", lane.name}, {"bytes_held", lane.branch->bytes_held()}});
  }
}

bool Parking::wants_open() {
  const bool was_snapshot = source_.snapshot_audience() != 0;
  if (was_snapshot) {
    leave_behind();
    return taking_part() == 0;
  }
  bool any = false;
  for (const auto& lane : lanes_) {
    const bool is_back = lane->parked() && is_well(*lane) && lane->branch->bytes_held() == 0;
    if (!is_back) continue;
    lane->feed = Feed::kAll;
    any = true;
    log::info("parked branch is well: reading again from where it stands",
              {{"branch", lane->name}});
  }
  return any;
}

void Parking::prepare_open() {
  for (const auto& lane : lanes_) {
    if (!lane->parked()) continue;
    lane->feed = is_well(*lane) && !is_full(*lane) ? Feed::kAll : Feed::kNothing;
  }
}

}  // namespace millrace
