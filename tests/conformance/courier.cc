#include "tests/conformance/courier.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>

#include "event/progress.h"

namespace millrace::conformance {

namespace {

constexpr Millis kPause{50};

std::string text_of(const std::vector<int>& ids) {
  std::string out;
  for (const int id : ids)
    out += std::to_string(id) + " ";
  return out;
}

}  // namespace

bool KeptLetters::has(Position position) const {
  return std::any_of(letters_.begin(), letters_.begin() + static_cast<std::ptrdiff_t>(flushed_),
                     [&](const Letter& letter) { return letter.position == position; });
}

Courier::Courier(Store& store, std::string state_folder)
    : store_(store),
      traits_(store.traits()),
      state_folder_(std::move(state_folder)),
      items_(store.run(), traits_.keyless) {}

void Courier::start() {
  sink_ = nullptr;
  sink_ = store_.make_sink({.pipeline = "conformance",
                            .branch = "b",
                            .state_folder = state_folder_,
                            .budget = nullptr,
                            .dead_letters = &letters_});
  reported_ = 0;
  recover();
}

void Courier::die() {
  sink_ = nullptr;
}

bool Courier::open_once() {
  auto opened = sink_->open();
  if (!opened) {
    EXPECT_EQ(policy(opened.error().kind), ErrorPolicy::kRetry) << opened.error().text();
    return false;
  }
  opened_with_ = std::move(*opened);
  EXPECT_EQ(opened_with_.has_value(), traits_.keeps_progress);
  if (opened_with_) take_stored(*opened_with_);
  return true;
}

// What lies with the data is durable, though the sink may not have lived to say so.
void Courier::take_stored(const Progress& stored) {
  uint64_t covered = 0;
  for (const auto& [seq, given] : given_) {
    if (covers(stored, *given.view.batch)) covered = seq;
  }
  EXPECT_GE(covered, durable_) << "the stored progress is behind what was reported";
  expect_readable(durable_ + 1, covered);
  durable_ = std::max(durable_, covered);
}

void Courier::recover() {
  const SteadyTime end = steady_now() + traits_.patience;
  while (true) {
    if (steady_now() > end) {
      FAIL() << "the sink could not be opened again";
    }
    bool is_well = open_once();
    written_ = durable_;
    for (auto it = given_.upper_bound(durable_); is_well && it != given_.end(); ++it)
      is_well = write(it->second.view);
    if (is_well) return;
    store_.tend();
    std::this_thread::sleep_for(kPause);
  }
}

void Courier::give(const std::vector<Item>& items) {
  const uint64_t seq = next_seq_++;
  const auto [entry, is_new] = given_.emplace(seq, Given{items_.batch(seq, items), items});
  if (!write(entry->second.view)) recover();
}

bool Courier::write(const BatchView& view) {
  const SteadyTime end = steady_now() + traits_.patience;
  while (steady_now() < end) {
    const SteadyTime begun = steady_now();
    auto done = sink_->write(view);
    EXPECT_LT(steady_now() - begun, traits_.late) << "write() is to hand over only";
    if (done) {
      written_ = view.seq();
      return true;
    }
    if (done.error().kind != ErrorKind::kBusy) {
      EXPECT_EQ(policy(done.error().kind), ErrorPolicy::kRetry) << done.error().text();
      return false;
    }
    store_.tend();
    if (!poll(kPause)) return false;
  }
  ADD_FAILURE() << "the sink stays busy";
  return true;
}

bool Courier::poll(Millis wait) {
  const SteadyTime deadline = steady_now() + wait;
  return take(sink_->poll(deadline), deadline, "poll");
}

bool Courier::drain(Millis wait) {
  const SteadyTime deadline = steady_now() + wait;
  return take(sink_->drain(deadline), deadline, "drain");
}

bool Courier::take(const Result<SinkReport>& report, SteadyTime deadline, const char* what) {
  EXPECT_LT(steady_now(), deadline + traits_.late) << what << "() did not return at its deadline";
  if (!report) {
    EXPECT_EQ(policy(report.error().kind), ErrorPolicy::kRetry) << report.error().text();
    return false;
  }
  const uint64_t seq = report->durable_seq;
  EXPECT_GE(seq, reported_) << "durable_seq went back";
  EXPECT_LE(seq, std::max(written_, durable_)) << "durable_seq is ahead of what was written";
  reported_ = std::max(reported_, seq);
  if (seq <= durable_ || seq > written_) return true;
  expect_readable(durable_ + 1, seq);
  durable_ = seq;
  return true;
}

void Courier::expect_readable(uint64_t from, uint64_t through) {
  if (from > through) return;
  std::set<int> there;
  for (const StoredItem& item : store_.read())
    there.insert(item.id);
  for (uint64_t seq = from; seq <= through; ++seq) {
    const Given& given = given_.at(seq);
    for (size_t i = 0; i < given.items.size(); ++i) {
      const bool kept = given.items[i].refused ? letters_.has(position_of(seq, i))
                                               : there.contains(given.items[i].id);
      EXPECT_TRUE(kept) << "batch " << seq << " is reported durable, but item " << given.items[i].id
                        << " cannot be read";
    }
  }
}

void Courier::finish() {
  const SteadyTime end = steady_now() + traits_.patience;
  while (durable_ < given()) {
    if (steady_now() > end) {
      FAIL() << "not durable in time: " << durable_ << " of " << given();
    }
    store_.tend();
    if (!poll(kPause)) recover();
  }
}

std::vector<int> Courier::expected() const {
  std::vector<int> out;
  for (const auto& [seq, given] : given_) {
    for (const Item& item : given.items) {
      if (!item.refused) out.push_back(item.id);
    }
  }
  return out;
}

void Courier::expect_whole(int doubles) {
  std::vector<int> order;
  std::map<int, std::string> first;
  int repeats = 0;
  for (const StoredItem& item : store_.read()) {
    const auto [known, is_new] = first.emplace(item.id, item.bytes);
    if (is_new) {
      order.push_back(item.id);
    } else {
      ++repeats;
      EXPECT_EQ(item.bytes, known->second) << "a repeat of item " << item.id << " differs";
    }
  }
  EXPECT_EQ(text_of(order), text_of(expected()));
  if (doubles >= 0) {
    EXPECT_LE(repeats, doubles);
  }
}

}  // namespace millrace::conformance
