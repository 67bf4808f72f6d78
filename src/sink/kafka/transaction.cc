#include "sink/kafka/transaction.h"

#include <algorithm>

#include "store/kafka/offset_topic.h"
#include "store/offset_map.h"
#include "wire/kafka/murmur2.h"

namespace millrace {

namespace {

constexpr Millis kLongest{500};      // of a transaction under load
constexpr Millis kLongestIdle{500};  // for a position alone
// Changes that are older come too late already: a backlog is written with few commits, as long as
// no pause in it says that this was the end.
constexpr int64_t kBehindUs = 2'000'000;
constexpr Millis kPause{100};
// A second call for the same commit has to have librdkafka's main thread take note of it within
// this time: else that one, once the commit is done, takes it for an abort, which fails an
// assertion (2.0.2). It is waited for only where the brokers do not answer.
constexpr Millis kCommitSlice{500};
constexpr std::chrono::seconds kLoadTimeout{15};
// A commit waits until so many times the duration of the last one have passed: under small load
// records wait for few milliseconds, under larger load the commits cost little.
constexpr int kRest = 2;
constexpr Millis kLongestRest{100};
constexpr Millis kAskedAgain{15};  // librdkafka: 20
constexpr std::chrono::microseconds kGapGrows{1000};
constexpr std::chrono::microseconds kLeastGap{1000};
constexpr std::chrono::microseconds kMostGap{10000};
constexpr uint64_t kOffsetNumber = 0;  // of the offset's delivery; records have numbers from 1

}  // namespace

void Transaction::adjust(kafka::Properties& properties) {
  properties["transactional.id"] = config_.transactional_id;
  timeout_ = transaction_timeout(properties);
  const int64_t timeout = timeout_.count();
  // A record that outlives its transaction cannot be delivered.
  const int64_t delivery = kafka::number_of(properties, "message.timeout.ms", timeout);
  const int64_t bounded = delivery <= 0 ? timeout : std::min(delivery, timeout);
  properties["message.timeout.ms"] = std::to_string(bounded);
}

void Transaction::use(kafka::Producer& producer) {
  producer_ = &producer;
  transactions_.emplace(producer);
  is_ready_ = is_open_ = is_committing_ = false;
}

Result<bool> Transaction::prepare(SteadyTime deadline) {
  if (is_ready_) return true;
  auto done = transactions_->init(deadline);
  if (done) is_ready_ = *done;
  return done;
}

Result<Progress> Transaction::load() {
  OffsetTopic topic(config_.offsets);
  if (auto read = topic.read(steady_now() + kLoadTimeout); !read) {
    return std::unexpected(read.error().in("offset.storage.topic"));
  }
  partition_ = kafka::partition_of(config_.offset_key, topic.partitions());
  auto progress = topic.progress(config_.offset_key);
  if (!progress) return progress;
  stored_ = *progress;
  stored_map_ = topic.value(config_.offset_key).value_or("");
  return progress;
}

void Transaction::note(const BatchView& view) {
  if (view.changes.empty()) return;
  newest_commit_us_ = view.changes.back().commit_us;
  noted_ = steady_now();
}

Result<void> Transaction::begin() {
  if (is_open_) return {};
  if (!is_ready_ || steady_now() < ended_ + gap_) {
    return fail(ErrorKind::kBusy, "kafka: the next transaction cannot begin yet");
  }
  auto begun = transactions_->begin();
  if (!begun) return begun;
  is_open_ = true;
  is_heard_ = false;
  begun_ = steady_now();
  return {};
}

// The brokers refuse a transaction while they still write the end of the one before, and librdkafka
// asks again after 20 ms. The gap is what they need, as far as the first deliveries tell, beside
// the shortest: it grows fast, and shrinks slowly.
void Transaction::delivered() {
  if (is_heard_ || !is_open_) return;
  is_heard_ = true;
  const auto took = steady_now() - begun_;
  shortest_ = std::min<SteadyTime::duration>(took, shortest_ + shortest_ / 16);
  const bool was_refused = took >= shortest_ + kAskedAgain;
  gap_ = std::clamp(was_refused ? gap_ + kGapGrows : gap_ - kGapGrows / 20, kLeastGap, kMostGap);
}

bool Transaction::holds_back(InFlight& in_flight, bool batch_by_batch) const {
  if (is_committing_) return true;
  if (!in_flight.at_boundary() || !in_flight.has_handed()) return false;
  return batch_by_batch || is_full(in_flight);
}

bool Transaction::is_over() const {
  if (!is_open_) return false;
  const bool is_interval = config_.boundary == TransactionBoundary::kInterval;
  return steady_now() >= (is_interval ? rests_until_ : begun_ + kLongest);
}

bool Transaction::is_due(InFlight& in_flight, bool at_once) const {
  if (!in_flight.at_boundary() || !in_flight.has_handed()) return false;
  if (is_committing_) return true;
  const SteadyTime now = steady_now();
  if (!is_open_ && (!is_ready_ || now < ended_ + gap_)) return false;
  if (at_once || is_over()) return true;
  // What comes back is let go, and makes room.
  if (is_full(in_flight)) return !in_flight.outstanding();
  if (!is_open_) return now >= ended_ + kLongestIdle;  // no records: only the position has moved
  if (config_.boundary == TransactionBoundary::kInterval) return false;
  const bool is_backlog = newest_commit_us_ < unix_now_us() - kBehindUs;
  if (is_backlog && now < noted_ + kPause) return false;
  return !in_flight.outstanding() && now >= rests_until_;
}

Result<bool> Transaction::commit(const InFlight& in_flight, SteadyTime deadline) {
  if (!is_committing_) {
    commit_begun_ = steady_now();
    if (auto begun = begin(); !begun) return std::unexpected(begun.error());
    if (auto told = produce_progress(in_flight); !told) {
      if (told.error().kind == ErrorKind::kBusy) return false;
      return std::unexpected(told.error());
    }
    is_committing_ = true;
  }
  auto done = transactions_->commit(std::max(deadline, steady_now() + kCommitSlice));
  if (!done || !*done) return done;
  is_open_ = is_committing_ = false;
  stored_ = std::move(next_);
  stored_map_.swap(next_map_);
  ended_ = steady_now();
  const auto rest = std::min<SteadyTime::duration>((ended_ - commit_begun_) * kRest, kLongestRest);
  rests_until_ =
      ended_ + (config_.boundary == TransactionBoundary::kInterval ? config_.interval : rest);
  return true;
}

Result<void> Transaction::produce_progress(const InFlight& in_flight) {
  next_ = stored_;
  in_flight.advance_over_handed(next_);
  next_map_ = stored_map_;
  if (!next_.contains(kSlotStream) && !next_.contains(kSnapshotStream)) return {};
  next_map_ = to_offset_map(next_, stored_map_);
  return produce_offset(next_map_);
}

// `map` stays as it is until the transaction has ended.
Result<void> Transaction::produce_offset(const std::string& map) {
  const auto topic = producer_->topic(config_.offsets.topic);
  if (!topic) return std::unexpected(topic.error());
  return producer_->produce({.topic = *topic,
                             .partition = partition_,
                             .key = config_.offset_key,
                             .value = map,
                             .headers = {},
                             .number = kOffsetNumber});
}

// Why it cannot be committed; nullopt when that is not known.
std::optional<Error> Transaction::failure() {
  if (!is_open_) return std::nullopt;
  // One that has failed says why when the next one is to begin; nothing else comes of it.
  auto asked = transactions_->begin();
  if (asked || asked.error().kind == ErrorKind::kUnreachable) return std::nullopt;
  return asked.error();
}

Error Transaction::judge(const Error& told) {
  const auto& fatal = producer_->client().fatal();
  const Error& error = fatal ? *fatal : told;
  if (error.kind == ErrorKind::kUnreachable) return failure().value_or(error);
  const bool has_timed_out = is_open_ && steady_now() >= begun_ + timeout_;
  if (error.kind == ErrorKind::kRefused && has_timed_out) {
    return {ErrorKind::kUnreachable,
            "kafka: the brokers have ended a transaction that was open for "
            "longer than transaction.timeout.ms"};
  }
  return error;
}

}  // namespace millrace
