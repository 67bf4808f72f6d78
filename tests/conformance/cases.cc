#include "tests/conformance/cases.h"

#include <gtest/gtest.h>

#include <thread>

#include "event/progress.h"
#include "tests/conformance/courier.h"

namespace millrace::conformance {

namespace {

constexpr Millis kShortWait{50};
constexpr Millis kHold{1500};
// Larger than what fits between a sink and its store: a page, a pipe.
constexpr size_t kLargePadding = 20'000;

std::vector<Item> items(int from, int count, size_t padding = 10) {
  std::vector<Item> out;
  for (int i = 0; i < count; ++i)
    out.push_back({.id = from + i, .padding = padding});
  return out;
}

bool always(const Traits&) {
  return true;
}

bool refuses(const Traits& traits) {
  return traits.refuses;
}

bool can_hold(const Traits& traits) {
  return traits.can_hold;
}

bool can_go_away(const Traits& traits) {
  return traits.can_go_away;
}

bool answers(const Traits& traits) {
  return traits.can_hold && traits.can_go_away && !traits.needs_answers;
}

bool keeps_progress(const Traits& traits) {
  return traits.keeps_progress;
}

// How many more items may be there twice when `deaths` processes died or answers were lost.
int doubles_after(const Store& store, int deaths) {
  return store.traits().doubles < 0 ? -1 : store.traits().doubles * deaths;
}

void delivers_in_order(Store& store, const std::string& folder) {
  Courier courier(store, folder);
  courier.start();
  int id = 1;
  for (int batch = 0; batch < 12; ++batch) {
    const int count = batch == 5 ? 0 : 1 + batch % 4;  // a batch may be empty
    courier.give(items(id, count));
    id += count;
    if (batch % 3 == 0) courier.poll(kShortWait);
  }
  courier.finish();
  courier.expect_whole(0);
}

void a_refused_item_is_told_and_its_neighbours_are_durable(Store& store,
                                                           const std::string& folder) {
  Courier courier(store, folder);
  courier.start();
  courier.give(items(1, 3));
  auto mixed = items(4, 5);
  mixed[2].refused = true;
  courier.give(mixed);
  courier.give(items(9, 2));
  courier.give({{.id = 11, .refused = true}});
  courier.give(items(12, 1));
  courier.finish();
  courier.expect_whole(0);
  ASSERT_EQ(courier.letters().letters().size(), 2u);
  EXPECT_EQ(courier.letters().letters()[0].position, position_of(2, 2));
  EXPECT_EQ(courier.letters().letters()[1].position, position_of(4, 0));
  for (const auto& letter : courier.letters().letters()) {
    EXPECT_EQ(letter.why.kind, ErrorKind::kData);
    EXPECT_FALSE(letter.why.message.empty());
    EXPECT_EQ(letter.why.text().find(kRefusedAddress), std::string::npos) << "a row's value";
    EXPECT_EQ(letter.why.text().find("294276"), std::string::npos) << "a row's value";
  }
}

void a_store_that_goes_away_before_all_is_durable(Store& store, const std::string& folder) {
  Courier courier(store, folder);
  courier.start();
  courier.give(items(1, 2));
  courier.finish();
  for (int round = 0; round < 2; ++round) {
    const int id = 3 + round * 8;
    courier.give(items(id, 2, kLargePadding));
    store.go_away();
    bool is_well = courier.poll(kShortWait);
    // More is taken, or refused; what is not durable may not be called so.
    for (int i = 0; i < 20 && is_well; ++i)
      is_well = courier.poll(kShortWait);
    store.come_back();
    courier.recover();
    courier.give(items(id + 2, 6));
    courier.finish();
  }
  // Nobody answered and was not heard: nothing may be there twice but where that is the rule.
  courier.expect_whole(doubles_after(store, 2));
}

// Given while the store is away, not before: the errors come from write().
void what_is_given_while_the_store_is_away_comes_later(Store& store, const std::string& folder) {
  Courier courier(store, folder);
  courier.start();
  courier.give(items(1, 2));
  courier.finish();
  store.go_away();
  std::thread later([&store] {
    std::this_thread::sleep_for(kHold);
    store.come_back();
  });
  courier.give(items(3, 3, kLargePadding));
  courier.give(items(6, 3));
  if (!courier.poll(kShortWait)) courier.recover();
  later.join();
  courier.finish();
  courier.expect_whole(doubles_after(store, 1));
}

void an_answer_that_is_lost(Store& store, const std::string& folder) {
  Courier courier(store, folder);
  courier.start();
  courier.give(items(1, 2));
  courier.finish();
  const size_t before = store.read().size();
  store.lose_answers();
  courier.give(items(3, 3));
  const SteadyTime end = steady_now() + store.traits().patience;
  while (store.read().size() == before && steady_now() < end) {
    store.tend();
    courier.poll(kShortWait);
  }
  ASSERT_GT(store.read().size(), before) << "the store never had it";
  store.go_away();
  store.come_back();
  courier.recover();
  courier.finish();
  courier.expect_whole(doubles_after(store, 1));
}

void a_store_that_holds_blocks_nobody(Store& store, const std::string& folder) {
  Courier courier(store, folder);
  courier.start();
  courier.give(items(1, 1));
  courier.finish();
  store.hold();
  courier.give(items(2, 10, kLargePadding));
  for (int i = 0; i < 5; ++i)
    EXPECT_TRUE(courier.poll(kShortWait));
  courier.drain(kShortWait);
  EXPECT_EQ(courier.durable(), 1u);
  store.come_back();
  courier.finish();
  courier.expect_whole(0);
}

void an_answer_that_comes_late(Store& store, const std::string& folder) {
  Courier courier(store, folder);
  courier.start();
  courier.give(items(1, 1));
  courier.finish();
  store.hold();
  courier.give(items(2, 10, kLargePadding));
  const SteadyTime end = steady_now() + kHold;
  while (steady_now() < end)
    EXPECT_TRUE(courier.poll(kShortWait)) << "late is not never";
  EXPECT_EQ(courier.durable(), 1u);
  store.come_back();
  courier.finish();
  courier.expect_whole(0);
}

// Cut while nothing is under way; both sides are back before the next item comes.
void a_connection_that_was_cut(Store& store, const std::string& folder) {
  Courier courier(store, folder);
  courier.start();
  for (int id = 1; id <= 3; ++id) {
    courier.give(items(id, 1));
    courier.finish();
    store.go_away();
    store.come_back();
  }
  courier.give(items(4, 2));
  courier.finish();
  courier.expect_whole(0);
}

void the_same_batches_after_a_reopening(Store& store, const std::string& folder) {
  Courier courier(store, folder);
  courier.start();
  courier.give(items(1, 3));
  courier.give(items(4, 2));
  courier.finish();
  courier.give(items(6, 2));
  courier.give(items(8, 2));
  courier.poll(Millis(1));
  courier.recover();
  courier.finish();
  courier.recover();
  courier.give(items(10, 1));
  courier.finish();
  // What was under way may be told as never heard of.
  courier.expect_whole(store.traits().doubles < 0 ? -1 : store.traits().doubles);
}

void a_process_that_dies_at_any_moment(Store& store, const std::string& folder) {
  Courier courier(store, folder);
  constexpr int kDeaths = 6;
  int id = 1;
  for (int death = 0; death < kDeaths; ++death) {
    courier.start();
    for (int batch = 0; batch < 3; ++batch, id += 2)
      courier.give(items(id, 2));
    for (int polls = 0; polls < death; ++polls)
      courier.poll(Millis(4 * death));
    courier.die();
  }
  courier.start();
  courier.finish();
  courier.expect_whole(doubles_after(store, kDeaths));
}

void drain_makes_all_durable(Store& store, const std::string& folder) {
  Courier courier(store, folder);
  courier.start();
  for (int batch = 0; batch < 4; ++batch)
    courier.give(items(1 + batch * 3, 3));
  const SteadyTime end = steady_now() + store.traits().patience;
  while (courier.durable() < courier.given() && steady_now() < end) {
    store.tend();
    courier.drain(Millis(5000));
  }
  EXPECT_EQ(courier.durable(), courier.given());
  courier.expect_whole(0);
}

void open_gives_the_progress_that_lies_with_the_data(Store& store, const std::string& folder) {
  Courier courier(store, folder);
  courier.start();
  EXPECT_TRUE(courier.opened_with()->empty()) << "of a new store";
  for (int batch = 1; batch <= 3; ++batch) {
    courier.give(items(batch * 2, 2));
    courier.finish();
    courier.start();
    const auto& progress = courier.opened_with();
    const auto slot = progress->find(kSlotStream);
    ASSERT_NE(slot, progress->end());
    const auto seq = static_cast<uint64_t>(batch);
    EXPECT_EQ(slot->second.position, (Position{seq * 100, UINT64_MAX}));
    EXPECT_EQ(slot->second.lsn_commit, seq * 100 + 50);
    EXPECT_EQ(slot->second.message_type, "COMMIT");
  }
}

constexpr Case kCases[] = {
    {"DeliversInOrder", always, delivers_in_order},
    {"Refuses", refuses, a_refused_item_is_told_and_its_neighbours_are_durable},
    {"GoesAway", can_go_away, a_store_that_goes_away_before_all_is_durable},
    {"IsAway", can_go_away, what_is_given_while_the_store_is_away_comes_later},
    {"LosesAnAnswer", answers, an_answer_that_is_lost},
    {"Holds", can_hold, a_store_that_holds_blocks_nobody},
    {"AnswersLate", can_hold, an_answer_that_comes_late},
    {"IsReconnected", can_go_away, a_connection_that_was_cut},
    {"TakesTheSameAgain", always, the_same_batches_after_a_reopening},
    {"Dies", always, a_process_that_dies_at_any_moment},
    {"Drains", always, drain_makes_all_durable},
    {"KeepsItsProgress", keeps_progress, open_gives_the_progress_that_lies_with_the_data},
};

}  // namespace

std::span<const Case> cases() {
  return kCases;
}

}  // namespace millrace::conformance
