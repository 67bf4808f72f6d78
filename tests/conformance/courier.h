// Drives one sink as a branch does, and watches it while it does so: reports only grow, nothing is
// reported before a reader of the store finds it, no call outlasts its deadline, errors are of the
// kinds that a branch gets over.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/conformance/items.h"
#include "tests/conformance/store.h"

namespace millrace::conformance {

class KeptLetters final : public DeadLetters {
 public:
  struct Letter {
    Position position;
    Error why;
  };

  Result<void> add(const Change& change, const Error& why) override {
    letters_.push_back({change.position, why});
    return {};
  }

  Result<void> flush() override {
    flushed_ = letters_.size();
    return {};
  }

  const std::vector<Letter>& letters() const { return letters_; }

  bool has(Position position) const;

 private:
  std::vector<Letter> letters_;
  size_t flushed_ = 0;
};

class Courier {
 public:
  Courier(Store& store, std::string state_folder);

  // A process begins: a new sink, opened as often as a branch would. All that is not durable is
  // handed to it once more.
  void start();
  // The process dies: the sink goes without a word.
  void die();

  // Makes a batch of these items and hands it over. Waits while the sink is busy.
  void give(const std::vector<Item>& items);

  // One poll of at most this long. False: the sink failed (it is to be opened again).
  bool poll(Millis wait);
  bool drain(Millis wait);
  // After a failure: opens it and hands over again what is not durable.
  void recover();
  // Polls until all that was given is durable, recovering as often as needed.
  void finish();

  uint64_t durable() const { return durable_; }

  uint64_t given() const { return next_seq_ - 1; }

  const std::optional<Progress>& opened_with() const { return opened_with_; }

  const KeptLetters& letters() const { return letters_; }

  // All items that were ever given but the refused ones, in order.
  std::vector<int> expected() const;
  // What a reader finds is exactly that, but for as many doubles as the store's kind may have.
  void expect_whole(int doubles);

 private:
  struct Given {
    BatchView view;
    std::vector<Item> items;
  };

  bool open_once();
  bool write(const BatchView& view);
  bool take(const Result<SinkReport>& report, SteadyTime deadline, const char* what);
  void expect_readable(uint64_t from, uint64_t through);
  void take_stored(const Progress& stored);

  Store& store_;
  const Traits traits_;
  const std::string state_folder_;
  const Items items_;
  KeptLetters letters_;
  std::unique_ptr<Sink> sink_;
  std::map<uint64_t, Given> given_;
  uint64_t next_seq_ = 1;
  uint64_t written_ = 0;  // newest that the sink took since it was opened
  uint64_t durable_ = 0;
  uint64_t reported_ = 0;  // by this sink
  std::optional<Progress> opened_with_;
};

}  // namespace millrace::conformance
