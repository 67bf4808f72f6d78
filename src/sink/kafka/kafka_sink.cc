#include "sink/kafka/kafka_sink.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "sink/kafka/batch_size.h"
#include "sink/kafka/flushes.h"
#include "sink/kafka/in_flight.h"
#include "sink/kafka/partition_load.h"
#include "sink/kafka/silence.h"
#include "sink/kafka/topics.h"
#include "sink/kafka/transaction.h"
#include "wire/kafka/producer.h"

namespace millrace {

namespace {

constexpr std::chrono::seconds kConnectTimeout{5};
constexpr Millis kFlushSlice{50};
constexpr Millis kLastWords{500};
constexpr Millis kLook{2};  // whether it is time to commit
constexpr Millis kLongestWait{20};
constexpr int64_t kLongestLinger = 900000;  // that librdkafka takes
// What librdkafka allocates for a record and for a header, beside their bytes (measured, rounded
// up).
constexpr size_t kRecordOverhead = 256;
constexpr size_t kHeaderOverhead = 96;
// Of batches that wait for topics, as they stand in memory: enough to make hundreds of topics at a
// time.
constexpr size_t kMostWaiting = 1 << 20;

size_t cost(const Record& record) {
  size_t bytes = kRecordOverhead + record.key.size() + record.value.size();
  for (const Header& header : record.headers)
    bytes += kHeaderOverhead + header.name.size() + header.value.size();
  return bytes;
}

// Everything is flushed before; it has to be less than message.timeout.ms.
int64_t longest_linger(const kafka::Properties& properties) {
  const int64_t timeout = kafka::number_of(properties, "message.timeout.ms", 0);
  return timeout <= 0 ? kLongestLinger : std::min(timeout - 1, kLongestLinger);
}

// What librdkafka counts when it looks whether there is a batch.
size_t payload(const Record& record) {
  return record.key.size() + record.value.size();
}

// A topic that was there and is gone: the next open() asks for it anew.
Error asked_for_anew(Error error) {
  if (error.kind == ErrorKind::kNotFound) error.kind = ErrorKind::kUnreachable;
  return error;
}

// A broker refuses a batch as a whole when one of its records is too large or invalid. Then all
// that was not acknowledged is sent again, each record alone, so that the broker tells which one it
// was. Without idempotence what was acknowledged may stand behind what was not: it is repeated too.
class KafkaSink final : public Sink, private kafka::DeliveryListener {
 public:
  KafkaSink(KafkaSinkConfig config, const SinkContext& context)
      : config_(std::move(config)),
        context_(context),
        max_bytes_(in_flight_bytes(config_, context)),
        batch_size_(config_.client),
        flushes_(Millis(kafka::number_of(config_.client, "linger.ms", 0))) {
    if (config_.exactly_once)
      transaction_.emplace(*config_.exactly_once, transaction_bytes(context));
  }

  Result<std::optional<Progress>> open() override {
    // First the producer, which points to the batches' bytes.
    topics_.reset();
    producer_.reset();
    in_flight_.clear();
    alone_until_ = 0;
    if (committed_records_ >= kept_until_) batch_size_.make_as_configured();
    if (auto made = start_producer(); !made) return std::unexpected(made.error());
    const SteadyTime deadline = steady_now() + kConnectTimeout;
    if (auto connected = producer_->client().connect(deadline); !connected) {
      return std::unexpected(connected.error());
    }
    if (!transaction_) return std::nullopt;
    const auto ready = transaction_->prepare(deadline);
    if (!ready) return std::unexpected(judge(ready.error()));
    if (!*ready) return fail(ErrorKind::kUnreachable, "kafka: no transaction coordinator answers");
    return transaction_->load();
  }

  Result<void> write(BatchView view) override {
    const bool waits = waits_for_topic();
    if (!waits) waiting_bytes_ = 0;
    const bool full = in_flight_.bytes() + waiting_bytes_ >= max_bytes_ ||
                      waiting_bytes_ >= kMostWaiting ||
                      (in_flight_.next().record != nullptr && !waits) ||
                      (transaction_ && transaction_->is_full(in_flight_));
    const bool leaves_alone_mode =
        alone_until_ != 0 && view.seq() > alone_until_ && !in_flight_.empty();
    is_busy_ = producer_ == nullptr || full || leaves_alone_mode;
    if (is_busy_) return fail(ErrorKind::kBusy, "kafka: enough is in flight");
    if (alone_until_ != 0 && in_flight_.empty()) {
      alone_until_ = 0;
      if (!is_refused_alone_) batch_size_.make_smaller();
      if (auto made = start_producer(); !made) return made;
    }
    if (in_flight_.empty()) silence_.is_over();
    const auto records = view.records;
    const size_t bytes = view.bytes();
    if (transaction_) transaction_->note(view);
    in_flight_.push(std::move(view));
    if (auto handed = hand_over(); !handed) return handed;
    if (!waits_for_topic()) return {};
    waiting_bytes_ += bytes;
    for (const Record& record : records)
      topics_->want(record.topic);
    return {};
  }

  Result<SinkReport> poll(SteadyTime deadline) override {
    drains_ = false;
    const uint64_t before = durable_;
    do {
      if (auto worked = work(deadline); !worked) return std::unexpected(worked.error());
    } while (durable_ == before && !in_flight_.empty() && steady_now() < deadline);
    const bool waits = producer_ != nullptr && !in_flight_.empty() &&
                       (!transaction_ || in_flight_.outstanding() ||
                        transaction_->is_committing() || in_flight_.next().record != nullptr);
    if (!waits) silence_.is_over();
    return SinkReport{durable_, waits ? silence_.reason(producer_->client()) : std::string(),
                      let_go()};
  }

  Result<SinkReport> drain(SteadyTime deadline) override {
    drains_ = true;
    while (!in_flight_.empty() && steady_now() < deadline) {
      if (producer_ != nullptr) producer_->flush(std::min(deadline, steady_now() + kFlushSlice));
      if (auto worked = work(deadline); !worked) return std::unexpected(worked.error());
    }
    return SinkReport{durable_};
  }

  // The values are the batches' own bytes.
  size_t bytes_held() const override { return in_flight_.bytes(); }

 private:
  bool is_idempotent() const;
  Result<void> start_producer();
  Result<void> hand_over();
  Result<void> hand_over_one(const InFlight::Place& place);
  Result<void> work(SteadyTime deadline);
  void wait(SteadyTime deadline);
  uint64_t let_go();
  Result<void> go_over_refusals();
  Error judge(const Error& told);
  void came_back(uint64_t number, const InFlight::Place& place);
  bool is_commit_due();
  Result<void> transaction_failed(const Error& told);
  bool waits_for_topic();
  void delivered(uint64_t number, const Error* error) override;
  Result<void> refuse(uint64_t number, const Error& error);
  Result<void> send_alone(const Error& why);
  Result<void> keep_next(const Error& why);
  Result<void> send_again();
  Result<void> settle(SteadyTime deadline);

  const KafkaSinkConfig config_;
  const SinkContext context_;
  const size_t max_bytes_;
  InFlight in_flight_;                      // outlives the producer, which points to its bytes
  std::optional<Transaction> transaction_;  // nullopt: at least once; outlives the producer too
  std::unique_ptr<kafka::Producer> producer_;
  std::optional<Topics> topics_;
  std::vector<kafka::RecordHeader> headers_;
  uint64_t durable_ = 0;
  size_t waiting_bytes_ = 0;  // of batches that were taken while a topic was not known
  uint64_t alone_until_ = 0;  // up to this batch every record is sent alone; 0 = not so
  // Counts of hand-overs: those before the last commit, and up to where nothing is let go.
  uint64_t committed_records_ = 0;
  uint64_t kept_until_ = 0;
  BatchSize batch_size_;
  bool is_refused_alone_ = false;  // a record, since they are sent alone
  bool is_busy_ = false;           // more is to be written than there is room for
  Flushes flushes_;
  PartitionLoad load_;
  bool letters_to_flush_ = false;
  bool drains_ = false;  // all is to be durable as soon as it can be
  Silence silence_;
  std::optional<Error> fault_;                       // told by a delivery
  std::vector<std::pair<uint64_t, Error>> refused_;  // told by deliveries
};

bool KafkaSink::is_idempotent() const {
  const auto told = config_.client.find("enable.idempotence");
  return told == config_.client.end() || told->second == "true";
}

Result<void> KafkaSink::start_producer() {
  topics_.reset();
  producer_.reset();
  fault_.reset();
  refused_.clear();
  kafka::Properties properties = config_.client;
  // Our own creation comes first: the brokers' would have other partitions.
  properties["allow.auto.create.topics"] = config_.topic_rules.enabled() ? "false" : "true";
  if (alone_until_ != 0) {
    properties["batch.num.messages"] = "1";
  } else if (is_idempotent() && !transaction_) {
    // After a refused batch nothing that follows it is sent: the order of a key holds.
    properties["enable.gapless.guarantee"] = "true";
  }
  properties.try_emplace("batch.num.messages", "1000000");
  properties["batch.size"] = std::to_string(batch_size_.bytes());
  load_ = PartitionLoad(batch_size_.bytes());
  if (transaction_) transaction_->adjust(properties);
  properties["linger.ms"] = std::to_string(longest_linger(properties));
  auto made = kafka::Producer::open(std::move(properties), *this);
  if (!made) return std::unexpected(made.error());
  producer_ = std::move(*made);
  if (transaction_) transaction_->use(*producer_);
  topics_.emplace(*producer_, config_.topic_rules, config_.keyless_partition);
  return {};
}

// As many records as there is room for. Stops at a topic that is not known yet: work() prepares it.
Result<void> KafkaSink::hand_over() {
  while (in_flight_.bytes() < max_bytes_) {
    if (transaction_ && transaction_->holds_back(in_flight_, alone_until_ != 0)) return {};
    const InFlight::Place place = in_flight_.next();
    if (place.record == nullptr) return {};
    if (in_flight_.is_refused(in_flight_.next_number())) {
      in_flight_.settle_next();
      continue;
    }
    const auto done = hand_over_one(place);
    if (done) continue;
    // Unreachable: librdkafka gave up for good; work() hears why.
    if (done.error().kind == ErrorKind::kBusy || done.error().kind == ErrorKind::kUnreachable) {
      return {};
    }
    return std::unexpected(asked_for_anew(done.error()));
  }
  return {};
}

// kBusy: not now.
Result<void> KafkaSink::hand_over_one(const InFlight::Place& place) {
  const Record& record = *place.record;
  const auto target = topics_->target(record);
  if (!target) return fail(ErrorKind::kBusy, "topic is not known yet");
  if (load_.is_full(target->index)) return fail(ErrorKind::kBusy, "a batch waits");
  headers_.clear();
  for (const Header& header : record.headers)
    headers_.push_back({header.name, header.value});
  if (transaction_) {
    if (auto begun = transaction_->begin(); !begun) return begun;
  }
  const uint64_t number = in_flight_.next_number();
  const auto taken = producer_->produce({.topic = target->topic,
                                         .partition = target->partition,
                                         .key = record.key,
                                         .value = record.value,
                                         .headers = headers_,
                                         .number = number});
  if (taken) {
    flushes_.record_handed_over(in_flight_);
    in_flight_.hand_over_next(cost(record), target->index);
    load_.add(target->index, payload(record));
    return {};
  }
  if (taken.error().kind != ErrorKind::kData) return taken;
  // Nothing of it was sent: this one alone is too large.
  auto refused = refuse(number, taken.error());
  in_flight_.settle_next();
  return refused;
}

Result<void> KafkaSink::work(SteadyTime deadline) {
  if (producer_ == nullptr) return fail(ErrorKind::kUnreachable, "kafka: no producer yet");
  if (transaction_) {
    const auto ready = transaction_->prepare(deadline);
    if (!ready) return std::unexpected(judge(ready.error()));
    if (!*ready) return {};
  }
  if (waits_for_topic()) {
    const Record& record = *in_flight_.next().record;
    if (auto known = topics_->prepare(record.topic, deadline); !known) return known;
  }
  topics_->refresh(deadline);
  if (auto handed = hand_over(); !handed) return handed;
  wait(deadline);
  if (auto gone = go_over_refusals(); !gone) return gone;
  if (fault_) return transaction_ ? transaction_failed(*fault_) : Failure(*fault_);
  if (producer_->client().fatal()) return std::unexpected(judge(*producer_->client().fatal()));
  if (auto settled = settle(deadline); !settled) return settled;
  return hand_over();
}

void KafkaSink::wait(SteadyTime deadline) {
  const SteadyTime now = steady_now();
  SteadyTime until = now;
  const bool is_done =
      transaction_ ? in_flight_.empty() || is_commit_due() : in_flight_.front_settled();
  const bool waits = !is_done && in_flight_.outstanding();
  if (waits) {
    until = std::min(deadline, now + kLongestWait);
  } else if (!is_done && transaction_) {
    until = std::min(deadline, now + kLook);
  }
  // Where there is no time to wait, more is to come at once; or it has gone into a topic that is
  // waited for.
  const bool may_flush = waits && (until > now || waits_for_topic());
  if (may_flush && flushes_.is_due(in_flight_, is_busy_, now)) {
    producer_->flush(flushes_.begin_flush(in_flight_, now));
  } else if (transaction_ || !is_done) {
    producer_->client().poll(until);
  }
  // The word on the record that was the cause comes after the word that all is over.
  if (producer_->client().fatal()) producer_->flush(steady_now() + kLastWords);
}

// Not while a batch is under way: a commit flushes, and librdkafka would spin meanwhile.
bool KafkaSink::is_commit_due() {
  return transaction_ && (!load_.has_batch() || transaction_->is_committing()) &&
         transaction_->is_due(in_flight_, drains_ || alone_until_ != 0);
}

// Batches are taken meanwhile, so that all their topics are asked for at once: 5,000 new ones one
// by one took 165 s.
bool KafkaSink::waits_for_topic() {
  if (!topics_) return false;
  const InFlight::Place place = in_flight_.next();
  return place.record != nullptr && !topics_->is_known(place.record->topic);
}

void KafkaSink::came_back(uint64_t number, const InFlight::Place& place) {
  in_flight_.settle(number, cost(*place.record));
  load_.remove(place.partition, payload(*place.record));
}

void KafkaSink::delivered(uint64_t number, const Error* error) {
  const InFlight::Place place = in_flight_.at(number);
  if (place.record == nullptr) return;
  silence_.is_over();
  flushes_.delivered();
  if (error == nullptr) {
    came_back(number, place);
    if (transaction_) transaction_->delivered();
  } else if (error->kind == ErrorKind::kData) {
    refused_.emplace_back(number, *error);
  } else if (!fault_ || fault_->kind == ErrorKind::kUnreachable) {
    fault_ = asked_for_anew(*error);
  }
}

// In a transaction a refused record undoes all that is not committed; it is left out the next time.
Result<void> KafkaSink::go_over_refusals() {
  if (refused_.empty()) return {};
  if (alone_until_ == 0) return send_alone(refused_.front().second);
  is_refused_alone_ = true;
  for (const auto& [number, error] : std::exchange(refused_, {})) {
    if (auto kept = refuse(number, error); !kept) return kept;
    if (!transaction_) came_back(number, in_flight_.at(number));
  }
  return transaction_ ? send_again() : Result<void>();
}

// Of a transaction, what is acknowledged: up to that batch.
uint64_t KafkaSink::let_go() {
  const bool may = transaction_ && alone_until_ == 0 && committed_records_ >= kept_until_;
  return may ? in_flight_.release() : 0;
}

Result<void> KafkaSink::settle(SteadyTime deadline) {
  let_go();
  const bool is_due = transaction_ ? is_commit_due() : in_flight_.front_settled();
  if (letters_to_flush_ && is_due) {
    if (auto flushed = context_.dead_letters->flush(); !flushed) return flushed;
    letters_to_flush_ = false;
  }
  if (transaction_) {
    const auto done = is_due ? transaction_->commit(in_flight_, deadline) : Result<bool>(false);
    if (!done) return transaction_failed(done.error());
    if (!*done) return {};
    committed_records_ = in_flight_.handed_records();
    silence_.is_over();
  }
  durable_ = std::max(durable_, in_flight_.advance());
  return {};
}

Result<void> KafkaSink::transaction_failed(const Error& told) {
  producer_->flush(steady_now() + kLastWords);  // what became of the records says more
  if (!refused_.empty()) return go_over_refusals();
  const Error error = judge(fault_.value_or(told));
  // The word on what was refused may be lost with the transaction.
  if (error.kind == ErrorKind::kData && alone_until_ == 0) return send_alone(error);
  return std::unexpected(error);
}

Error KafkaSink::judge(const Error& told) {
  return transaction_ ? transaction_->judge(told) : told;
}

Result<void> KafkaSink::refuse(uint64_t number, const Error& error) {
  const InFlight::Place place = in_flight_.at(number);
  if (!in_flight_.refuse(number)) return {};
  if (context_.dead_letters == nullptr) return std::unexpected(error);
  letters_to_flush_ = true;
  return context_.dead_letters->add(place.view->changes[place.record->change], error);
}

Result<void> KafkaSink::send_alone(const Error& why) {
  if (in_flight_.has_released()) return keep_next(why);
  is_refused_alone_ = false;
  alone_until_ = in_flight_.last_seq();
  log::warn(
      "kafka refused a batch, sending its records one by one",
      {{"branch", context_.branch}, {"error", why.message}, {"batch_size", batch_size_.bytes()}});
  return send_again();
}

// What is to be sent again has to be read again first. The next time it stays.
Result<void> KafkaSink::keep_next(const Error& why) {
  const uint64_t handed = in_flight_.handed_records();
  kept_until_ = handed + (handed - committed_records_) * 2;
  return fail(ErrorKind::kUnreachable,
              "kafka refused a batch, and its transaction with it: " + why.message);
}

Result<void> KafkaSink::send_again() {
  if (auto made = start_producer(); !made) return made;
  in_flight_.rewind(is_idempotent() && !transaction_);
  return {};
}

}  // namespace

std::unique_ptr<Sink> make_kafka_sink(const KafkaSinkConfig& config, const SinkContext& context) {
  return std::make_unique<KafkaSink>(config, context);
}

}  // namespace millrace
