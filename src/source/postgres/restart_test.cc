// A recorded stream (tests/streams/mixed.stream: TOAST, truncate, key changes, DDL, a large
// transaction, messages), broken off after every single message and taken up again as the server
// would: what came before and what comes after are the whole, nothing twice.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "event/progress.h"
#include "source/postgres/change_decoder.h"
#include "source/postgres/message_bytes_for_test.h"
#include "tests/support/recorded_stream.h"

namespace millrace {
namespace {

class Lookup final : public StreamAlone {
 public:
  bool captures_table(std::string_view, std::string_view table) const override {
    return table != "hidden";
  }
};

struct Message {
  Lsn lsn = 0;
  std::string payload;
  pgoutput::Message read;  // points into payload
};

std::vector<std::unique_ptr<Message>> recorded() {
  std::vector<std::unique_ptr<Message>> out;
  for (RecordedMessage& from : recorded_stream(MILLRACE_STREAMS "/mixed.stream")) {
    auto message = std::make_unique<Message>();
    message->lsn = from.lsn;
    message->payload = std::move(from.payload);
    auto read = pgoutput::read_message(message->payload, message->lsn);
    EXPECT_TRUE(read) << read.error().text();
    if (!read) break;
    message->read = std::move(*read);
    out.push_back(std::move(message));
  }
  return out;
}

std::string text_of(const Tuple& row) {
  std::string out = fmt::format("{}(", static_cast<int>(row.kind));
  for (const Datum& datum : row.span())
    out += fmt::format("{}'{}',", static_cast<int>(datum.kind), datum.view());
  return out + ")";
}

std::string text_of(const Change& change) {
  return fmt::format(
      "{} {} {}.{} lsn {} xid {} last {} at {} {} {} {}|{}", static_cast<char>(change.op),
      change.table == nullptr ? "" : change.table->full_name(), change.position.commit_lsn,
      change.position.ordinal, change.lsn, change.xid, change.last_commit_lsn, change.commit_us,
      text_of(change.before), text_of(change.after), change.prefix, change.content);
}

// One connection: what the server sends from `start` on, decoded by a reader that stands at `from`.
class Session {
 public:
  Session(const Offset& from, Lsn start)
      : decoder(lookup_, {.transaction_markers = false, .captures_message = {}}, from),
        start_(start) {
    decoder.start_batch();
  }

  // The next message of the log. False: the server does not send it to this reader.
  bool take(const Message& message) {
    if (const auto* relation = std::get_if<pgoutput::Relation>(&message.read)) {
      latest_[relation->oid] = &message;
      sent_.erase(relation->oid);
      return false;  // sent with the next row of its table
    }
    if (const auto* begin = std::get_if<pgoutput::Begin>(&message.read))
      sends_ = begin->commit_lsn >= start_;
    bool sends = sends_;
    if (const auto* outside = std::get_if<pgoutput::LogicalMessage>(&message.read)) {
      if (!outside->transactional) sends = message.lsn > start_;
    }
    if (!sends) return false;
    if (const auto* row = std::get_if<pgoutput::Row>(&message.read)) announce(row->relation);
    if (const auto* truncate = std::get_if<pgoutput::Truncate>(&message.read)) {
      for (const uint32_t oid : truncate->relations)
        announce(oid);
    }
    decode(message);
    return true;
  }

  // Without what `delivered` covers.
  std::vector<std::string> fresh(const Progress& delivered) {
    auto shared = std::make_shared<Batch>(nullptr);
    shared->changes = batch.changes;
    shared->offset = decoder.offset();
    BatchView view;
    view.batch = shared;
    view.changes = shared->changes;
    drop_delivered(view, delivered);
    std::vector<std::string> out;
    for (const Change& change : view.changes)
      out.push_back(text_of(change));
    return out;
  }

 private:
  void announce(uint32_t oid) {
    if (sent_.insert(oid).second) decode(*latest_.at(oid));
  }

  void decode(const Message& message) {
    StreamMessage at;
    at.lsn = message.lsn;
    at.payload = message.payload;
    const auto decoded = decoder.decode(at, batch);
    EXPECT_TRUE(decoded) << decoded.error().text();
  }

  Lookup lookup_;

 public:
  ChangeDecoder decoder;
  Batch batch{nullptr};

 private:
  const Lsn start_;
  bool sends_ = true;
  std::map<uint32_t, const Message*> latest_;
  std::set<uint32_t> sent_;
};

Offset beginning(Lsn lsn) {
  Offset out;
  out.position = {lsn - 1, UINT64_MAX};
  out.lsn = out.lsn_proc = out.lsn_commit = lsn;
  return out;
}

class RestartTest : public testing::Test {
 protected:
  // What stood where after each message of the undisturbed run.
  struct Stop {
    size_t message;
    size_t delivered;
    Offset offset;
  };

  void SetUp() override {
    messages = recorded();
    ASSERT_GT(messages.size(), 400u);
    const auto* first = std::get_if<pgoutput::Begin>(&messages[0]->read);
    ASSERT_NE(first, nullptr);
    from = beginning(messages[0]->lsn);
    Session session(from, from.lsn_commit);
    for (size_t i = 0; i < messages.size(); ++i) {
      session.take(*messages[i]);
      stops.push_back({i, session.batch.changes.size(), session.decoder.offset()});
      // The server may also have said how far it is, up to where the next transaction commits.
      const auto* next =
          i + 1 == messages.size() ? nullptr : std::get_if<pgoutput::Begin>(&messages[i + 1]->read);
      if (next != nullptr && session.decoder.advance(next->commit_lsn)) {
        stops.push_back({i, session.batch.changes.size(), session.decoder.offset()});
      }
    }
    whole = session.fresh({});
    end = session.decoder.offset();
  }

  std::vector<std::unique_ptr<Message>> messages;
  Offset from;
  Offset end;
  std::vector<Stop> stops;
  std::vector<std::string> whole;
};

TEST_F(RestartTest, TheRecordingHasWhatItIsFor) {
  const auto count = [&](std::string_view part) {
    return std::count_if(whole.begin(), whole.end(), [&](const std::string& change) {
      return change.find(part) != std::string::npos;
    });
  };
  EXPECT_GT(whole.size(), 400u);
  EXPECT_GE(count("t public."), 2);
  EXPECT_GE(count(fmt::format("{}'',", static_cast<int>(DatumKind::kUnchanged))), 1) << "TOAST";
  EXPECT_EQ(count("outside|"), 2);
  EXPECT_EQ(count("inside|"), 2);
  EXPECT_GE(count("u public.article"), 2);
  EXPECT_EQ(count("hidden"), 0);
}

TEST_F(RestartTest, AfterEveryMessageTheRestIsTheRest) {
  for (const Stop& stop : stops) {
    const auto stored = offset_from_json(to_json(stop.offset));
    ASSERT_TRUE(stored);
    const Progress progress{{std::string(kSlotStream), *stored}};
    Session session(*stored, confirmable(progress));
    for (const auto& message : messages)
      session.take(*message);
    const auto rest = session.fresh(progress);
    const std::vector<std::string> due(whole.begin() + static_cast<std::ptrdiff_t>(stop.delivered),
                                       whole.end());
    ASSERT_EQ(rest, due) << "stopped after message " << stop.message;
    // Where a second restart would begin.
    if (stop.delivered < whole.size()) {
      ASSERT_EQ(session.decoder.offset(), end) << "stopped after message " << stop.message;
    }
  }
}

// The slot stays at the branch that is behind: for the others the server repeats more.
TEST_F(RestartTest, ABranchThatIsAheadOfTheSlotGetsTheRestAsWell) {
  for (const Stop& slow : {stops[0], stops[stops.size() / 3]}) {
    for (const Stop& stop : stops) {
      if (stop.message < slow.message) continue;
      const Progress progress{{std::string(kSlotStream), stop.offset}};
      Session session(slow.offset, slow.offset.lsn_commit);
      for (const auto& message : messages)
        session.take(*message);
      const auto rest = session.fresh(progress);
      const std::vector<std::string> due(
          whole.begin() + static_cast<std::ptrdiff_t>(stop.delivered), whole.end());
      ASSERT_EQ(rest, due) << "stopped after message " << stop.message << ", the slot after "
                           << slow.message;
    }
  }
}

// Debezium's offsets have no position. Nothing is lost; only events that share the LSN of the
// stored one may come again.
TEST_F(RestartTest, WhereDebeziumStoppedNothingIsLost) {
  for (const Stop& stop : stops) {
    Offset stored = stop.offset;
    stored.position = {};
    Session session(stored, stored.lsn_commit);
    for (const auto& message : messages)
      session.take(*message);
    const auto rest = session.fresh({});
    ASSERT_GE(rest.size(), whole.size() - stop.delivered) << "after message " << stop.message;
    ASSERT_LE(rest.size(), whole.size());
    const auto first = whole.end() - static_cast<std::ptrdiff_t>(rest.size());
    ASSERT_TRUE(std::equal(rest.begin(), rest.end(), first)) << "after message " << stop.message;
    const std::string shared = fmt::format(" lsn {} ", stored.lsn);
    for (auto again = first; again < whole.begin() + static_cast<std::ptrdiff_t>(stop.delivered);
         ++again) {
      ASSERT_NE(again->find(shared), std::string::npos)
          << "after message " << stop.message << ": " << *again;
    }
  }
}

}  // namespace
}  // namespace millrace
