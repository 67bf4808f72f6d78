#include "pipeline/pipeline.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/memory_source.h"
#include "tests/support/scripted_sink.h"

namespace millrace {
namespace {

std::vector<Lsn> commits(int count) {
  std::vector<Lsn> out;
  for (int i = 1; i <= count; ++i)
    out.push_back(static_cast<Lsn>(i) * 10);
  return out;
}

// Stores nothing while `error` is set.
struct StoreScript {
  std::mutex mutex;
  std::optional<Error> error;

  void fail_with(std::optional<Error> with) {
    const std::lock_guard lock(mutex);
    error = std::move(with);
  }
};

class ScriptedStore : public OffsetStore {
 public:
  explicit ScriptedStore(StoreScript& script) : script_(script) {}

  Result<Progress> load() override { return Progress{}; }

  Result<void> save(const Progress&) override {
    const std::lock_guard lock(script_.mutex);
    if (script_.error) return std::unexpected(*script_.error);
    return {};
  }

 private:
  StoreScript& script_;
};

// Makes as much of each batch as it is told.
class LargeConverter : public Converter {
 public:
  LargeConverter(MemoryBudget& budget, size_t bytes) : budget_(budget), bytes_(bytes) {}

  Result<void> convert(BatchView& view) override {
    auto arena = std::make_shared<Arena>(&budget_);
    arena->allocate(bytes_);
    view.made_bytes += arena->bytes();
    view.keep.push_back(std::move(arena));
    return {};
  }

 private:
  MemoryBudget& budget_;
  const size_t bytes_;
};

// Cannot make anything of the second batch.
class FailingConverter : public Converter {
 public:
  Result<void> convert(BatchView&) override {
    if (++batches_ == 2) return fail(ErrorKind::kInternal, "no such type");
    return {};
  }

 private:
  int batches_ = 0;
};

// A pipeline over a MemorySource whose branches end in ScriptedSinks.
struct Fixture {
  explicit Fixture(int transactions, size_t bytes_each = 100, size_t budget_bytes = 32 << 20)
      : budget(budget_bytes),
        owned(std::make_unique<MemorySource>(&budget, transactions, bytes_each)),
        source(owned.get()) {}

  SinkScript& add(const std::string& name, const std::string& after = "") {
    scripts.push_back(std::make_unique<SinkScript>());
    PipelineBranch branch;
    branch.options = {.name = name, .retry_min = Millis(1), .retry_max = Millis(5)};
    branch.parts.sink = std::make_unique<ScriptedSink>(*scripts.back());
    branch.after = after;
    branches.push_back(std::move(branch));
    return *scripts.back();
  }

  StoreScript& add_store() {
    branches.back().store = std::make_unique<ScriptedStore>(store);
    return store;
  }

  void start() {
    PipelineRunOptions options{.name = "test",
                               .shutdown_timeout = Millis(300),
                               .offset_flush_interval = Millis(5),
                               .retry_min = Millis(1),
                               .retry_max = Millis(5)};
    auto made = Pipeline::make(options, budget, std::move(owned), std::move(branches));
    ASSERT_TRUE(made) << made.error().text();
    pipeline = std::move(*made);
    thread = std::jthread([this](std::stop_token stop) { result = pipeline->run(stop); });
  }

  void join() { thread.join(); }

  void stop() {
    thread.request_stop();
    thread.join();
  }

  template <class Condition>
  static bool eventually(Condition condition) {
    const auto deadline = steady_now() + Millis(10000);
    while (!condition()) {
      if (steady_now() > deadline) return false;
      std::this_thread::sleep_for(Millis(2));
    }
    return true;
  }

  MemoryBudget budget;
  std::unique_ptr<MemorySource> owned;
  MemorySource* source;
  std::vector<std::unique_ptr<SinkScript>> scripts;
  StoreScript store;
  std::vector<PipelineBranch> branches;
  std::unique_ptr<Pipeline> pipeline;
  Result<void> result;
  std::jthread thread;
};

TEST(Pipeline, EveryChangeReachesEveryBranchInOrder) {
  Fixture f(200);
  SinkScript& one = f.add("one");
  SinkScript& two = f.add("two");
  f.start();
  f.join();
  EXPECT_TRUE(f.result) << f.result.error().text();
  EXPECT_EQ(one.seen(), commits(200));
  EXPECT_EQ(two.seen(), commits(200));
}

TEST(Pipeline, ATransactionOfASinkMayBeLargerThanMemory) {
  Fixture f(100, 100'000, 2'000'000);
  SinkScript& script = f.add("sink");
  script.hold = script.lets_go = true;
  f.start();
  ASSERT_TRUE(f.eventually([&] {
    return f.pipeline->status().branches[0].batches_held == 100 && f.budget.used() < 200'000;
  }));
  EXPECT_TRUE(script.seen().empty());
  EXPECT_EQ(f.source->confirmed, 0U);
  script.hold = false;
  f.join();
  EXPECT_TRUE(f.result) << f.result.error().text();
  EXPECT_EQ(script.seen(), commits(100));
  EXPECT_EQ(f.source->opens, 1);
}

TEST(Pipeline, WhatALostTransactionHadIsReadAgainAndTheOtherBranchesGetItOnce) {
  Fixture f(500, 10'000, 1'000'000);
  SinkScript& script = f.add("sink");
  SinkScript& other = f.add("other");
  script.hold = script.lets_go = true;
  f.start();
  ASSERT_TRUE(f.eventually([&] { return f.pipeline->status().branches[0].batches_held > 100; }));
  script.fail_polls = 1;
  ASSERT_TRUE(f.eventually([&] { return f.source->opens > 1; }));
  script.hold = false;
  f.join();
  EXPECT_TRUE(f.result) << f.result.error().text();
  EXPECT_EQ(script.seen(), commits(500));
  EXPECT_EQ(other.seen(), commits(500));
}

TEST(Pipeline, WhatAnotherBranchWaitsForIsNotLetGo) {
  Fixture f(100, 10'000, 32 << 20);
  SinkScript& first = f.add("first");
  SinkScript& second = f.add("second", "first");
  first.hold = first.lets_go = true;
  f.start();
  ASSERT_TRUE(f.eventually([&] { return f.pipeline->status().branches[0].batches_held == 100; }));
  first.fail_polls = 1;
  first.hold = false;
  f.join();
  EXPECT_TRUE(f.result) << f.result.error().text();
  EXPECT_EQ(first.seen(), commits(100));
  EXPECT_EQ(second.seen(), commits(100));
  EXPECT_EQ(f.source->opens, 1);
}

TEST(Pipeline, ATransactionThatIsLostAtTheEndIsToldOf) {
  Fixture f(20);
  SinkScript& script = f.add("sink");
  script.hold = script.lets_go = true;
  f.start();
  ASSERT_TRUE(f.eventually([&] { return f.pipeline->status().branches[0].batches_held == 20; }));
  script.fail_polls = 1;
  script.open_error = Error(ErrorKind::kUnreachable, "away");
  f.stop();
  ASSERT_FALSE(f.result);
  EXPECT_EQ(f.result.error().kind, ErrorKind::kStopped);
}

TEST(Pipeline, ABranchThatHasGoneBackIsNotDrainedBeforeAllIsThereAgain) {
  MemoryBudget budget(32 << 20);
  SinkScript script;
  script.hold = script.lets_go = true;
  BranchParts parts;
  parts.sink = std::make_unique<ScriptedSink>(script);
  Branch branch({.name = "sink", .retry_min = Millis(1), .retry_max = Millis(5)}, std::move(parts));
  branch.start();
  uint64_t seq = 0;
  const auto offer_all = [&] {
    MemorySource source(&budget, 20, 10'000);
    for (int i = 0; i < 20; ++i) {
      auto batch = source.poll(steady_now(), 0);
      (*batch)->seq = ++seq;
      branch.offer(*batch, true);
    }
  };
  offer_all();
  ASSERT_TRUE(Fixture::eventually([&] { return branch.bytes_held() < 100'000; })) << "not let go";
  script.fail_polls = 1;
  ASSERT_TRUE(Fixture::eventually([&] { return branch.take_gone_back(); }));
  script.hold = false;
  EXPECT_FALSE(branch.drain(steady_now() + Millis(2000)));
  EXPECT_TRUE(script.seen().empty());
  offer_all();
  EXPECT_TRUE(branch.drain(steady_now() + Millis(10000)));
  EXPECT_EQ(script.seen(), commits(20));
}

TEST(Pipeline, NothingIsConfirmedBeforeItIsDurableInAllBranches) {
  Fixture f(5);
  f.add("quick");
  SinkScript& held = f.add("held");
  held.hold = true;
  f.start();
  ASSERT_TRUE(f.eventually([&] { return f.pipeline->status().events == 5; }));
  std::this_thread::sleep_for(Millis(50));
  EXPECT_EQ(f.source->confirmed, 0U);
  held.hold = false;
  f.join();
  EXPECT_EQ(f.source->confirmed, 50U);
}

TEST(Pipeline, SinkFailureThatMayPassLosesNothing) {
  Fixture f(50);
  SinkScript& sink = f.add("sink");
  sink.fail_polls = 3;
  f.start();
  f.join();
  EXPECT_TRUE(f.result);
  EXPECT_EQ(sink.seen(), commits(50));
}

TEST(Pipeline, WhatWasWrittenBeforeTheFailureComesAgain) {
  Fixture f(3);
  SinkScript& sink = f.add("sink");
  sink.fail_after_write = true;
  sink.fail_polls = 1;
  f.start();
  f.join();
  std::vector<Lsn> seen = sink.seen();
  EXPECT_GT(seen.size(), 3U);  // at least once
  std::sort(seen.begin(), seen.end());
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  EXPECT_EQ(seen, commits(3));
}

TEST(Pipeline, ReconnectNeitherLosesNorRepeats) {
  Fixture f(100);
  SinkScript& sink = f.add("sink");
  sink.hold = true;  // nothing is confirmed: the source would repeat all
  f.source->lose_at = 60;
  f.start();
  ASSERT_TRUE(f.eventually([&] { return f.source->opens == 2; }));
  sink.hold = false;
  f.join();
  EXPECT_EQ(sink.seen(), commits(100));
}

TEST(Pipeline, BranchThatIsBehindIsParkedAndCatchesUp) {
  constexpr size_t kBytes = 64 * 1024;
  Fixture f(200, kBytes, 40 * kBytes);
  SinkScript& quick = f.add("quick");
  SinkScript& slow = f.add("slow");
  slow.hold = true;
  f.start();
  ASSERT_TRUE(f.eventually([&] { return quick.seen().size() == 200; }))
      << "the dead branch holds the other up";
  EXPECT_TRUE(f.pipeline->status().branches[1].parked);
  EXPECT_LE(f.budget.used(), f.budget.max() + 2 * kBytes);
  EXPECT_LT(f.source->confirmed, 2000U);
  slow.hold = false;
  f.join();
  EXPECT_EQ(slow.seen(), commits(200));
  EXPECT_EQ(quick.seen(), commits(200));
  EXPECT_FALSE(f.pipeline->status().branches[1].parked);
}

TEST(Pipeline, WhatIsMadeOfABatchCountsToTheBranchThatMadeIt) {
  constexpr size_t kBytes = 64 * 1024;
  Fixture f(200, kBytes, 40 * kBytes);
  SinkScript& quick = f.add("quick");
  SinkScript& dead = f.add("dead");
  f.branches.back().parts.converter = std::make_unique<LargeConverter>(f.budget, 10 * kBytes);
  dead.hold = true;
  f.start();
  ASSERT_TRUE(f.eventually([&] { return quick.seen().size() == 200; }))
      << "memory is full, and nobody is parked";
  f.stop();
}

TEST(Pipeline, SnapshotGoesAtThePaceOfTheSlowestBranch) {
  constexpr size_t kBytes = 1024 * 1024;
  Fixture f(1, kBytes, 8 * kBytes);
  f.add("quick");
  SinkScript& slow = f.add("slow");
  slow.takes_ms = 1100;  // a branch that holds the stream up for so long is parked
  f.source->snapshot_left = 8;
  f.start();
  ASSERT_TRUE(f.eventually([&] { return slow.seen().size() == 3; }));
  EXPECT_FALSE(f.pipeline->status().branches[1].parked);
  slow.takes_ms = 0;
  f.join();
  EXPECT_EQ(slow.seen().size(), 9U);
  EXPECT_EQ(f.source->opens, 1);
}

TEST(Pipeline, SnapshotGoesOnWithoutABranchThatTakesNothing) {
  constexpr size_t kBytes = 64 * 1024;
  Fixture f(10, kBytes, 40 * kBytes);
  SinkScript& quick = f.add("quick");
  SinkScript& away = f.add("away");
  away.fail_polls = 1'000'000;
  f.source->snapshot_left = 200;
  f.start();
  ASSERT_TRUE(f.eventually([&] { return quick.seen().size() == 210; }))
      << "the dead branch holds the snapshot up";
  EXPECT_TRUE(f.pipeline->status().branches[1].parked);
  EXPECT_EQ(f.source->opens, 1);
  away.fail_polls = 0;
  ASSERT_TRUE(f.eventually([&] { return f.source->opens == 2; }));
  f.stop();
}

TEST(Pipeline, BranchAfterAnotherWaitsForIt) {
  Fixture f(3);
  SinkScript& first = f.add("first");
  SinkScript& second = f.add("second", "first");
  first.hold = true;
  f.start();
  ASSERT_TRUE(f.eventually([&] { return f.pipeline->status().events == 3; }));
  std::this_thread::sleep_for(Millis(50));
  EXPECT_TRUE(second.seen().empty());
  first.hold = false;
  f.join();
  EXPECT_EQ(second.seen(), commits(3));
}

TEST(Pipeline, BranchThatFailsForGoodLeavesTheOthersRunningAndTheSlotWhereItIs) {
  Fixture f(20);
  SinkScript& bad = f.add("bad");
  SinkScript& good = f.add("good");
  bad.error = Error(ErrorKind::kIo, "disk failing");
  bad.fail_polls = 1;
  f.start();
  ASSERT_TRUE(f.eventually([&] { return good.seen().size() == 20; }));
  ASSERT_TRUE(
      f.eventually([&] { return f.pipeline->status().branches[0].state == BranchState::kFailed; }));
  EXPECT_FALSE(f.pipeline->status().healthy());
  EXPECT_EQ(f.source->confirmed, 0U);
  f.stop();
}

TEST(Pipeline, BranchThatHasFailedForGoodStaysSoWhenItsSinkIsBack) {
  Fixture f(3);
  SinkScript& bad = f.add("bad");
  f.branches.back().parts.converter = std::make_unique<FailingConverter>();
  f.add("good");
  bad.hold = true;
  f.start();
  ASSERT_TRUE(f.eventually([&] {
    return bad.written == 1 && f.pipeline->status().branches[0].state == BranchState::kFailed;
  }));
  bad.fail_polls = 1;
  ASSERT_TRUE(f.eventually([&] { return bad.written == 2; }));
  bad.hold = false;
  ASSERT_TRUE(f.eventually([&] { return !bad.seen().empty(); }));
  EXPECT_EQ(f.pipeline->status().branches[0].state, BranchState::kFailed);
  EXPECT_EQ(f.pipeline->status().branches[0].error, "no such type");
  EXPECT_FALSE(f.pipeline->status().healthy());
  f.stop();
}

TEST(Pipeline, SinkThatCannotBeOpenedEndsItWithItsOwnKind) {
  Fixture f(3);
  f.add("one").open_error = Error(ErrorKind::kVersion, "of another version", "use that one");
  f.add("two");
  f.start();
  f.join();
  ASSERT_FALSE(f.result);
  EXPECT_EQ(f.result.error().kind, ErrorKind::kVersion);
  EXPECT_EQ(f.result.error().text(), "branch one: of another version (use that one)");
}

TEST(Pipeline, WhenNoBranchCanGoOnItEndsWithTheKindOfTheFirst) {
  Fixture f(3);
  SinkScript& bad = f.add("bad");
  bad.error = Error(ErrorKind::kIo, "broken");
  bad.fail_polls = 1;
  f.start();
  f.join();
  ASSERT_FALSE(f.result);
  EXPECT_EQ(f.result.error().kind, ErrorKind::kIo);
  EXPECT_EQ(f.result.error().message, "branch bad: broken");
}

TEST(Pipeline, OffsetsThatCannotBeStoredForNowMakeItUnhealthyUntilTheyCan) {
  Fixture f(3);
  f.add("sink");
  StoreScript& store = f.add_store();
  store.fail_with(Error(ErrorKind::kBusy, "the disk is full"));
  f.start();
  ASSERT_TRUE(f.eventually(
      [&] { return f.pipeline->status().branches[0].error.contains("the disk is full"); }));
  EXPECT_FALSE(f.pipeline->status().healthy());
  EXPECT_EQ(f.source->confirmed, 0U);
  store.fail_with(std::nullopt);
  f.join();
  EXPECT_TRUE(f.result) << f.result.error().text();
  EXPECT_EQ(f.source->confirmed, 30U);
}

TEST(Pipeline, OffsetsThatCanNeverBeStoredEndIt) {
  Fixture f(3);
  f.add("sink");
  f.add_store().fail_with(Error(ErrorKind::kIo, "read-only"));
  f.start();
  f.join();
  ASSERT_FALSE(f.result);
  EXPECT_EQ(f.result.error().kind, ErrorKind::kIo);
  EXPECT_EQ(f.result.error().message, "branch sink: offsets not stored: read-only");
  EXPECT_EQ(f.source->confirmed, 0U);
}

TEST(Pipeline, StopWhileOffsetsCannotBeStoredSaysThatTheyAreNot) {
  Fixture f(3);
  SinkScript& sink = f.add("sink");
  f.add_store().fail_with(Error(ErrorKind::kBusy, "the disk is full"));
  f.start();
  ASSERT_TRUE(f.eventually([&] { return sink.seen().size() == 3; }));
  f.stop();
  ASSERT_FALSE(f.result);
  EXPECT_EQ(f.result.error().kind, ErrorKind::kStopped);
  EXPECT_TRUE(f.result.error().message.contains("the disk is full")) << f.result.error().text();
}

TEST(Pipeline, SinkThatHasLessThanBeforeWhenItIsBackEndsTheBranch) {
  Fixture f(1000);
  SinkScript& sink = f.add("sink");
  sink.progress.emplace();
  sink.takes_ms = 1;
  f.start();
  ASSERT_TRUE(f.eventually([&] { return sink.seen().size() > 20; }));
  sink.is_emptied = true;
  sink.fail_polls = 1;
  f.join();
  ASSERT_FALSE(f.result);
  EXPECT_EQ(f.result.error().kind, ErrorKind::kGap);
  EXPECT_TRUE(f.result.error().message.contains("removed or restored")) << f.result.error().text();
}

TEST(Pipeline, SinkThatKeepsProgressGoesOnWhereItWas) {
  Fixture f(100);
  SinkScript& sink = f.add("sink");
  sink.progress.emplace();
  sink.fail_after_write = true;
  sink.fail_polls = 3;
  f.start();
  f.join();
  EXPECT_TRUE(f.result) << f.result.error().text();
  EXPECT_EQ(sink.seen(), commits(100));  // exactly once
}

TEST(Pipeline, StopWhileABranchIsParkedNamesIt) {
  constexpr size_t kBytes = 64 * 1024;
  Fixture f(200, kBytes, 40 * kBytes);
  f.source->finish_at_end = false;
  SinkScript& quick = f.add("quick");
  SinkScript& slow = f.add("slow");
  slow.hold = slow.until_drained = true;  // it delivers what it was given; that is not all
  f.start();
  ASSERT_TRUE(f.eventually([&] { return quick.seen().size() == 200; }));
  ASSERT_TRUE(f.pipeline->status().branches[1].parked);
  f.stop();
  EXPECT_LT(slow.seen().size(), 200U);
  ASSERT_FALSE(f.result);
  EXPECT_EQ(f.result.error().kind, ErrorKind::kStopped);
  EXPECT_TRUE(f.result.error().message.contains("slow"));
}

TEST(Pipeline, StopThatCannotDrainNamesTheBranch) {
  Fixture f(3);
  SinkScript& sink = f.add("stuck");
  sink.hold = true;
  f.start();
  ASSERT_TRUE(f.eventually([&] { return f.pipeline->status().events == 3; }));
  f.stop();
  ASSERT_FALSE(f.result);
  EXPECT_EQ(f.result.error().kind, ErrorKind::kStopped);
  EXPECT_NE(f.result.error().message.find("stuck"), std::string::npos);
}

TEST(Pipeline, StopDrainsABranchThatAnotherOneIsAfterInWhateverOrderTheyStand) {
  Fixture f(3);
  f.source->finish_at_end = false;
  SinkScript& second = f.add("second", "first");
  SinkScript& first = f.add("first");
  first.hold = first.until_drained = true;
  f.start();
  ASSERT_TRUE(f.eventually([&] { return f.pipeline->status().events == 3; }));
  f.stop();
  EXPECT_TRUE(f.result) << f.result.error().text();
  EXPECT_EQ(second.seen(), commits(3));
}

TEST(Pipeline, ABranchThatCannotDrainDeniesItToNoOther) {
  Fixture f(3);
  f.add("stuck").hold = true;
  SinkScript& other = f.add("other");
  other.hold = other.until_drained = true;
  f.start();
  ASSERT_TRUE(f.eventually([&] { return f.pipeline->status().events == 3; }));
  f.stop();
  ASSERT_FALSE(f.result);
  EXPECT_TRUE(f.result.error().message.ends_with(": stuck")) << f.result.error().text();
  EXPECT_EQ(other.seen(), commits(3));
}

TEST(Pipeline, UnknownAfterIsAnError) {
  Fixture f(1);
  f.add("mail", "nobody");
  EXPECT_FALSE(
      Pipeline::make({.name = "test"}, f.budget, std::move(f.owned), std::move(f.branches)));
}

}  // namespace
}  // namespace millrace
