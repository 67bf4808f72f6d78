// What a sink brings to join the conformance suite (sink_conformance_test.cc): one adapter between
// the suite and the real store that the sink writes to. A line in store.cc names it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sink/sink.h"

namespace millrace::conformance {

// One of the suite's items as the store's own client reads it back.
struct StoredItem {
  int id = 0;
  std::string bytes;  // all that the sink made of it: a repeat has the same
};

struct Traits {
  bool keeps_progress = false;  // open() gives the progress that lies with the data
  // Items that may be there twice after an answer was lost or a process died; -1: any number (at
  // least once).
  int doubles = 0;
  bool refuses = false;   // some item is refused for good (Item::refused)
  bool can_hold = false;  // the store can keep the sink waiting
  bool can_go_away = false;
  // Nothing counts before the store has answered what was sent earlier: a transaction's end.
  bool needs_answers = false;
  bool keyless = false;  // the table has no key, so that a second copy shows
  // How long the suite waits for what must come, and by how much a call may outlast its deadline on
  // a loaded machine (what truly waits does so for longer).
  Millis patience{60000};
  Millis late{2000};
};

class Store {
 public:
  Store();
  virtual ~Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Differs from test to test; in the items' addresses and the records' topic.
  const std::string& run() const { return run_; }

  virtual Traits traits() const = 0;

  // A sink as after a start of the process, on the same data. At most one lives at a time.
  virtual std::unique_ptr<Sink> make_sink(const SinkContext& context) = 0;

  // What a reader that is not the sink finds now, in the store's order. What is only on its way to
  // the store is not there.
  virtual std::vector<StoredItem> read() = 0;

  virtual void hold() {}  // takes nothing, answers nothing, refuses nothing

  virtual void lose_answers() {}  // takes what comes; its answers get lost

  virtual void go_away() {}  // cannot be reached, or has no room

  virtual void come_back() {}  // all is well again

  virtual void tend() {}  // called while the suite waits

 private:
  const std::string run_;
};

// The names of all stores; each is a parameter of the suite.
std::span<const std::string_view> store_names();
// nullptr: its server is not there (the environment does not name one).
std::unique_ptr<Store> make_store(std::string_view name);

// `folder` empty: on the small disk (real_disk.h), which alone can be filled.
std::unique_ptr<Store> make_file_store(const std::string& folder = "");
std::unique_ptr<Store> make_duckdb_store(bool mirror, const std::string& folder = "");
std::unique_ptr<Store> make_stdout_store();
std::unique_ptr<Store> make_kafka_store(bool exactly_once);
std::unique_ptr<Store> make_email_store();

}  // namespace millrace::conformance
