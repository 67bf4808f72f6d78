#include "sink/kafka/in_flight.h"

#include <algorithm>
#include <iterator>

#include "event/progress.h"

namespace millrace {

void InFlight::push(BatchView view) {
  Entry entry;
  entry.first = next_first_;
  entry.count = view.records.size();
  next_first_ += entry.count;
  entry.is_settled.resize(entry.count);
  entry.partitions.resize(entry.count);
  entry.view = std::move(view);
  entries_.push_back(std::move(entry));
}

InFlight::Place InFlight::next() {
  while (cursor_ < entries_.size()) {
    Entry& entry = entries_[cursor_];
    while (entry.handed < entry.count && entry.is_settled[entry.handed])
      ++entry.handed;
    if (entry.handed < entry.count) return {&entry.view, &entry.view.records[entry.handed]};
    handed_bytes_ += entry.view.bytes();
    ++cursor_;
  }
  return {};
}

bool InFlight::at_boundary() {
  return next().record == nullptr || entries_[cursor_].handed == 0;
}

void InFlight::advance_over_handed(Progress& progress) const {
  for (size_t i = 0; i < cursor_; ++i)
    millrace::advance(progress, *entries_[i].view.batch);
}

uint64_t InFlight::next_number() const {
  return entries_[cursor_].first + entries_[cursor_].handed;
}

void InFlight::hand_over_next(size_t bytes, uint32_t partition) {
  Entry& entry = entries_[cursor_];
  entry.partitions[entry.handed++] = partition;
  ++outstanding_;
  ++handed_records_;
  bytes_ += bytes;
}

void InFlight::settle_next() {
  Entry& entry = entries_[cursor_];
  entry.is_settled[entry.handed++] = true;
  ++entry.settled;
}

// The last entry that begins at or before it: empty batches share their first number with the next
// one.
std::optional<size_t> InFlight::find(uint64_t number) const {
  const auto after = std::ranges::upper_bound(entries_, number, {}, &Entry::first);
  if (after == entries_.begin()) return std::nullopt;
  const auto entry = std::prev(after);
  if (number - entry->first >= entry->count) return std::nullopt;
  return static_cast<size_t>(entry - entries_.begin());
}

void InFlight::settle(uint64_t number, size_t bytes) {
  const auto found = find(number);
  if (!found) return;
  Entry& entry = entries_[*found];
  entry.is_settled[number - entry.first] = true;
  ++entry.settled;
  --outstanding_;
  bytes_ -= bytes;
}

InFlight::Place InFlight::at(uint64_t number) const {
  const auto found = find(number);
  if (!found) return {};
  const Entry& entry = entries_[*found];
  const size_t index = number - entry.first;
  return {&entry.view, &entry.view.records[index], entry.partitions[index]};
}

bool InFlight::refuse(uint64_t number) {
  const auto found = find(number);
  if (!found) return false;
  Entry& entry = entries_[*found];
  const size_t index = number - entry.first;
  entry.refused.insert(index);
  return entry.refused_changes.insert(entry.view.records[index].change).second;
}

bool InFlight::is_refused(uint64_t number) const {
  const auto found = find(number);
  return found && entries_[*found].refused.contains(number - entries_[*found].first);
}

void InFlight::rewind(bool keeps_settled) {
  for (Entry& entry : entries_) {
    entry.first = next_first_;
    next_first_ += entry.count;
    entry.handed = 0;
    if (keeps_settled) continue;
    entry.settled = 0;
    entry.is_settled.assign(entry.count, false);
  }
  cursor_ = 0;
  outstanding_ = 0;
  bytes_ = 0;
  handed_bytes_ = 0;
}

void InFlight::clear() {
  entries_.clear();
  cursor_ = released_ = 0;
  outstanding_ = 0;
  bytes_ = 0;
  handed_bytes_ = 0;
}

bool InFlight::front_settled() const {
  return !entries_.empty() && entries_.front().is_settled_whole();
}

uint64_t InFlight::release() {
  for (; released_ < cursor_; ++released_) {
    Entry& entry = entries_[released_];
    if (!entry.is_settled_whole() || !entry.refused.empty() || !entry.view.repeatable) break;
    handed_bytes_ -= entry.view.bytes();
    entry.view.let_go();
    handed_bytes_ += entry.view.bytes();
    entry.is_settled.clear();
    entry.partitions = {};
    released_seq_ = entry.view.seq();
  }
  return released_seq_;
}

uint64_t InFlight::advance() {
  while (front_settled()) {
    durable_seq_ = entries_.front().view.seq();
    if (cursor_ > 0) {
      --cursor_;
      handed_bytes_ -= entries_.front().view.bytes();
    }
    if (released_ > 0) --released_;
    entries_.pop_front();
  }
  return durable_seq_;
}

}  // namespace millrace
