// Against librdkafka's own mock cluster: no server, no network beyond loopback.
#include "sink/kafka/kafka_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <ctime>
#include <deque>
#include <set>
#include <thread>

#include "wire/kafka/topic_reader.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int16_t kProduceRequest = 0;

class CollectedLetters final : public DeadLetters {
 public:
  Result<void> add(const Change& change, const Error& why) override {
    ordinals.push_back(change.position.ordinal);
    EXPECT_EQ(why.kind, ErrorKind::kData);
    last = why;
    return {};
  }

  Result<void> flush() override {
    flushed = ordinals.size();
    return {};
  }

  std::vector<uint64_t> ordinals;
  Error last;
  size_t flushed = 0;
};

class KafkaSinkTest : public ::testing::Test {
 protected:
  KafkaSinkTest() {
    char text[256];
    host_ = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof text);
    cluster_ = rd_kafka_mock_cluster_new(host_, 1);
    config_.client["bootstrap.servers"] = rd_kafka_mock_cluster_bootstraps(cluster_);
    context_.dead_letters = &letters_;
  }

  ~KafkaSinkTest() override {
    sink_.reset();
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(host_);
  }

  void open() {
    sink_ = make_kafka_sink(config_, context_);
    const auto opened = sink_->open();
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_FALSE(*opened);
  }

  // One record a change; ordinals count from 1 over the test.
  BatchView view(uint64_t seq, const std::vector<std::pair<std::string, std::string>>& records,
                 const std::string& topic = "t") {
    auto batch = std::make_shared<Batch>(nullptr);
    batch->seq = seq;

    struct Own {
      std::deque<std::string> bytes;
      std::vector<Record> records;
      std::vector<Change> changes;
    };

    auto own = std::make_shared<Own>();
    for (const auto& [key, value] : records) {
      Change change;
      change.position.ordinal = ++ordinal_;
      change.commit_us = commit_us_;
      Record record;
      record.change = static_cast<uint32_t>(own->changes.size());
      record.topic = *topics_.insert(topic).first;
      if (!key.empty()) record.key = own->bytes.emplace_back(key);
      if (!value.empty()) record.value = own->bytes.emplace_back(value);
      own->changes.push_back(change);
      own->records.push_back(record);
    }
    BatchView out;
    out.batch = batch;
    out.changes = own->changes;
    out.records = own->records;
    for (const std::string& bytes : own->bytes)
      out.made_bytes += bytes.size();
    out.keep.push_back(own);
    return out;
  }

  uint64_t drain() {
    const auto report = sink_->drain(steady_now() + std::chrono::seconds(20));
    EXPECT_TRUE(report) << report.error().text();
    return report ? report->durable_seq : 0;
  }

  void poll_until(uint64_t seq) {
    for (uint64_t durable = 0; durable < seq;) {
      const auto report = sink_->poll(steady_now() + Millis(2));
      ASSERT_TRUE(report) << report.error().text();
      durable = report->durable_seq;
    }
  }

  // What is told in that time to stand in the way, as soon as something is.
  std::string waits_within(Millis time) {
    const SteadyTime end = steady_now() + time;
    std::string told;
    while (told.empty() && steady_now() < end) {
      const auto report = sink_->poll(steady_now() + Millis(2));
      EXPECT_TRUE(report) << report.error().text();
      if (report) told = report->waits_for;
    }
    return told;
  }

  std::vector<std::string> values() {
    std::vector<std::string> out;
    const auto done = kafka::read_topic(
        {{"bootstrap.servers", config_.client["bootstrap.servers"]}}, "t",
        steady_now() + std::chrono::seconds(20), [&](std::string_view key, std::string_view value) {
          out.push_back(std::string(key) + "=" +
                        (value.data() == nullptr ? "null" : std::string(value)));
        });
    EXPECT_TRUE(done) << done.error().text();
    return out;
  }

  rd_kafka_t* host_;
  rd_kafka_mock_cluster_t* cluster_;
  KafkaSinkConfig config_;
  SinkContext context_;
  CollectedLetters letters_;
  std::set<std::string> topics_;
  std::unique_ptr<Sink> sink_;
  uint64_t ordinal_ = 0;
  int64_t commit_us_ = 0;
};

TEST_F(KafkaSinkTest, BatchesAreTakenWhileATopicIsNotKnownYetSoThatAllNewOnesComeTogether) {
  open();
  constexpr uint64_t kTopics = 50;
  for (uint64_t seq = 1; seq <= kTopics; ++seq) {
    const std::string topic = seq == kTopics ? "t" : "new" + std::to_string(seq);
    ASSERT_TRUE(sink_->write(view(seq, {{"k", std::to_string(seq)}}, topic))) << seq;
  }
  EXPECT_EQ(drain(), kTopics);
  EXPECT_THAT(values(), ElementsAre("k=50"));
  ASSERT_TRUE(sink_->write(view(kTopics + 1, {{"k", "last"}})));
  EXPECT_EQ(drain(), kTopics + 1);
  EXPECT_THAT(values(), ElementsAre("k=50", "k=last"));
}

TEST_F(KafkaSinkTest, DeliversRecordsAndTombstonesInOrder) {
  open();
  ASSERT_TRUE(sink_->write(view(1, {{"k", "1"}, {"k", ""}})));
  EXPECT_EQ(drain(), 1U);
  ASSERT_TRUE(sink_->write(view(3, {})));
  EXPECT_EQ(drain(), 3U);
  EXPECT_THAT(values(), ElementsAre("k=1", "k=null"));
  EXPECT_EQ(sink_->bytes_held(), 0U);
}

TEST_F(KafkaSinkTest, ATooLargeRecordIsALetterAndTheRestGoesOn) {
  config_.client["message.max.bytes"] = "2000";
  open();
  ASSERT_TRUE(sink_->write(view(1, {{"k", "1"}, {"k", std::string(3000, 'x')}, {"k", "3"}})));
  EXPECT_EQ(drain(), 1U);
  EXPECT_THAT(letters_.ordinals, ElementsAre(2));
  EXPECT_EQ(letters_.flushed, 1U);
  EXPECT_THAT(values(), ElementsAre("k=1", "k=3"));
}

TEST_F(KafkaSinkTest, ARecordLargerThanTheClientsBufferIsALetterAndTheRestGoesOn) {
  config_.client["queue.buffering.max.kbytes"] = "2";
  open();
  ASSERT_TRUE(sink_->write(view(1, {{"k", "1"}, {"k", std::string(3000, 'x')}, {"k", "3"}})));
  EXPECT_EQ(drain(), 1U);
  EXPECT_THAT(letters_.ordinals, ElementsAre(2));
  EXPECT_THAT(letters_.last.text(), HasSubstr("buffer.memory"));
  EXPECT_THAT(values(), ElementsAre("k=1", "k=3"));
}

TEST_F(KafkaSinkTest, ABatchThatTheBrokerRefusesIsSentRecordByRecord) {
  open();
  rd_kafka_mock_push_request_errors(cluster_, kProduceRequest, 2,
                                    RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
                                    RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
  ASSERT_TRUE(sink_->write(view(1, {{"k", "1"}, {"k", "2"}, {"k", "3"}})));
  EXPECT_EQ(drain(), 1U);
  // The second refusal met the first record alone.
  EXPECT_THAT(letters_.ordinals, ElementsAre(1));
  EXPECT_THAT(values(), ElementsAre("k=2", "k=3"));
}

TEST_F(KafkaSinkTest, WhatABrokerCannotTakeNowIsRetried) {
  open();
  rd_kafka_mock_push_request_errors(
      cluster_, kProduceRequest, 3, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
  ASSERT_TRUE(sink_->write(view(1, {{"k", "1"}})));
  EXPECT_EQ(drain(), 1U);
  EXPECT_THAT(letters_.ordinals, IsEmpty());
}

TEST_F(KafkaSinkTest, AMissingRightIsNoDeadLetter) {
  open();
  rd_kafka_mock_push_request_errors(cluster_, kProduceRequest, 1,
                                    RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
  ASSERT_TRUE(sink_->write(view(1, {{"k", "1"}})));
  const auto report = sink_->drain(steady_now() + std::chrono::seconds(20));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::kUnauthorized);
  EXPECT_THAT(letters_.ordinals, IsEmpty());
}

TEST_F(KafkaSinkTest, AReopenedSinkTakesTheSameBatchesAgain) {
  open();
  const BatchView first = view(1, {{"k", "1"}});
  rd_kafka_mock_push_request_errors(cluster_, kProduceRequest, 1,
                                    RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
  ASSERT_TRUE(sink_->write(first));
  EXPECT_FALSE(sink_->drain(steady_now() + std::chrono::seconds(20)));
  ASSERT_TRUE(sink_->open());
  ASSERT_TRUE(sink_->write(first));
  EXPECT_EQ(drain(), 1U);
  EXPECT_THAT(values(), ElementsAre("k=1"));
}

TEST_F(KafkaSinkTest, ATopicThatIsGoneForAWhileIsAskedForAnew) {
  config_.client["topic.metadata.refresh.interval.ms"] = "100";
  open();
  ASSERT_TRUE(sink_->write(view(1, {{"k", "1"}})));
  EXPECT_EQ(drain(), 1U);
  rd_kafka_mock_topic_set_error(cluster_, "t", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  std::this_thread::sleep_for(Millis(1000));
  rd_kafka_mock_topic_set_error(cluster_, "t", RD_KAFKA_RESP_ERR_NO_ERROR);
  const BatchView second = view(2, {{"k", "2"}});
  const auto written = sink_->write(second);
  ASSERT_FALSE(written) << "librdkafka has not seen that it is gone";
  EXPECT_EQ(policy(written.error().kind), ErrorPolicy::kRetry) << written.error().text();
  ASSERT_TRUE(sink_->open());
  ASSERT_TRUE(sink_->write(second));
  EXPECT_EQ(drain(), 2U);
  EXPECT_THAT(values(), ElementsAre("k=1", "k=2"));
}

TEST_F(KafkaSinkTest, TakesNoMoreThanItsBytes) {
  config_.in_flight_max_bytes = {1000};
  open();
  ASSERT_TRUE(sink_->write(
      view(1, {{"k", std::string(900, 'x')}, {"k", std::string(900, 'y')}, {"k", "z"}})));
  const auto refused = sink_->write(view(2, {{"k", "4"}}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kBusy);
  EXPECT_EQ(drain(), 1U);
  EXPECT_EQ(values().size(), 3U);
}

// Each 100 kB; batch.size is 1 MB.
std::vector<std::pair<std::string, std::string>> large_records(size_t count) {
  return {count, {"k", std::string(100'000, 'x')}};
}

TEST_F(KafkaSinkTest, AWholeBatchWaitsBehindTheOneThatIsUnderWayAndNotMuchMore) {
  open();
  ASSERT_TRUE(sink_->write(view(1, {{"k", "the topic is known then"}})));
  EXPECT_EQ(drain(), 1U);
  ASSERT_TRUE(sink_->write(view(2, large_records(40))));
  EXPECT_GT(sink_->bytes_held(), 2'500'000U);
  EXPECT_LT(sink_->bytes_held(), 2'700'000U);
  EXPECT_EQ(drain(), 2U);
  EXPECT_EQ(values().size(), 41U);
}

TEST_F(KafkaSinkTest, BatchesThatAreRefusedWithoutARecordOfTheirsAreSmallerUntilTheNextOpen) {
  open();
  uint64_t seq = 0;
  const auto drain_small = [&] {
    ASSERT_TRUE(sink_->write(view(++seq, {{"k", "1"}, {"k", "2"}})));
    EXPECT_EQ(drain(), seq);
  };
  const auto held_at_once = [&] {
    drain_small();  // the topic is known then
    EXPECT_TRUE(sink_->write(view(++seq, large_records(40))));
    const size_t held = sink_->bytes_held();
    EXPECT_EQ(drain(), seq);
    return held;
  };
  const auto refuse = [&](size_t count) {
    const std::vector<rd_kafka_resp_err_t> errors(count, RD_KAFKA_RESP_ERR_INVALID_RECORD);
    rd_kafka_mock_push_request_errors_array(cluster_, kProduceRequest, count, errors.data());
    drain_small();
  };
  refuse(2);  // the batch, and its first record alone
  EXPECT_THAT(letters_.ordinals, ElementsAre(1));
  EXPECT_GT(held_at_once(), 2'500'000U);
  refuse(1);
  EXPECT_THAT(letters_.ordinals, ElementsAre(1));
  EXPECT_LT(held_at_once(), 1'000'000U);
  ASSERT_TRUE(sink_->open());
  EXPECT_GT(held_at_once(), 2'500'000U);
}

TEST_F(KafkaSinkTest, ABrokerThatDoesNotAnswerCostsNoProcessorTime) {
  for (const size_t records : {14, 40}) {  // less than a batch waits behind the first, and more
    SCOPED_TRACE(records);
    open();
    ASSERT_TRUE(sink_->write(view(1, {{"k", "the topic is known then"}})));
    EXPECT_EQ(drain(), 1U);
    rd_kafka_mock_broker_set_rtt(cluster_, 1, 60'000);
    ASSERT_TRUE(sink_->write(view(2, large_records(records))));
    EXPECT_EQ(sink_->write(view(3, {{"k", "busy, where more waits"}})).has_value(), records == 14);
    const auto wait = [&](SteadyTime until) {
      while (steady_now() < until)
        ASSERT_TRUE(sink_->poll(steady_now() + Millis(2)));
    };
    wait(steady_now() + Millis(1500));
    const clock_t before = std::clock();
    wait(steady_now() + Millis(2000));
    EXPECT_LT(std::clock() - before, CLOCKS_PER_SEC / 2);
    rd_kafka_mock_broker_set_rtt(cluster_, 1, 0);
  }
}

TEST_F(KafkaSinkTest, ADeliveryTimeoutMayBeShort) {
  config_.client["message.timeout.ms"] = "500";
  open();
  ASSERT_TRUE(sink_->write(view(1, {{"k", "v"}})));
  EXPECT_EQ(drain(), 1U);
}

TEST_F(KafkaSinkTest, WhatIsHandedOverIsSentWhileATopicIsWaitedFor) {
  open();
  ASSERT_TRUE(sink_->write(view(1, {{"k", "the topic is known then"}})));
  EXPECT_EQ(drain(), 1U);
  rd_kafka_mock_topic_set_error(cluster_, "u", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  const SteadyTime start = steady_now();
  ASSERT_TRUE(sink_->write(view(2, {{"k", "v"}})));
  ASSERT_TRUE(sink_->write(view(3, {{"k", "v"}}, "u")));
  poll_until(2);
  EXPECT_LT(steady_now() - start, Millis(3000));
}

TEST_F(KafkaSinkTest, LessThanABatchDoesNotWaitForTheRestOfItWhileMoreIsRefused) {
  config_.in_flight_max_bytes = {400'000};
  open();
  ASSERT_TRUE(sink_->write(view(1, {{"k", "flushed"}})));
  EXPECT_EQ(drain(), 1U);
  const SteadyTime start = steady_now();
  ASSERT_TRUE(sink_->write(view(2, large_records(4))));
  EXPECT_FALSE(sink_->write(view(3, {{"k", "v"}})));
  poll_until(2);
  EXPECT_LT(steady_now() - start, Millis(700));  // librdkafka itself sends it after 1000
}

TEST_F(KafkaSinkTest, ARecordWithNothingBehindItDoesNotLinger) {
  open();
  auto fastest = std::chrono::steady_clock::duration::max();
  for (uint64_t seq = 1; seq <= 50; ++seq) {
    const SteadyTime start = steady_now();
    ASSERT_TRUE(sink_->write(view(seq, {{"k", "v"}})));
    poll_until(seq);
    fastest = std::min(fastest, steady_now() - start);
  }
  EXPECT_LT(fastest, Millis(8));  // librdkafka itself sends it after 1000
}

TEST_F(KafkaSinkTest, WhatIsLessThanABatchWaitsForLingerMsWhereItIsGiven) {
  config_.client["linger.ms"] = "300";
  open();
  ASSERT_TRUE(sink_->write(view(1, {{"k", "the topic is known then"}})));
  EXPECT_EQ(drain(), 1U);
  const SteadyTime start = steady_now();
  ASSERT_TRUE(sink_->write(view(2, {{"k", "v"}})));
  poll_until(2);
  EXPECT_GE(steady_now() - start, Millis(300));
  EXPECT_LT(steady_now() - start, Millis(900));
}

TEST_F(KafkaSinkTest, BrokersThatAreAwayAreUnreachable) {
  config_.client["bootstrap.servers"] = "127.0.0.1:1";
  sink_ = make_kafka_sink(config_, context_);
  const auto opened = sink_->open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::kUnreachable);
  EXPECT_NE(opened.error().message.find("127.0.0.1:1"), std::string::npos);
  EXPECT_FALSE(opened.error().cure.empty());
}

// The mock has no markers: what is aborted stays readable, so these tests look at what is told.
class ExactlyOnceTest : public KafkaSinkTest {
 protected:
  void SetUp() override {
    rd_kafka_mock_topic_create(cluster_, "offsets", 2, 1);
    config_.exactly_once.emplace();
    ExactlyOnce& once = *config_.exactly_once;
    once.group_id = "g";
    once.offsets.topic = "offsets";
    once.offsets.producer = once.offsets.consumer = config_.client;
    once.bind("c", "s");
    sink_ = make_kafka_sink(config_, context_);
  }

  BatchView view_at(uint64_t seq, const std::vector<std::pair<std::string, std::string>>& records) {
    BatchView out = view(seq, records);
    auto& offset = std::const_pointer_cast<Batch>(out.batch)->offset;
    offset.lsn = offset.lsn_proc = seq * 100;
    offset.position = {seq * 100, 1};
    return out;
  }

  Lsn reopened() {
    const auto opened = sink_->open();
    EXPECT_TRUE(opened) << opened.error().text();
    if (!opened || !*opened) return ~Lsn{0};
    const auto slot = (*opened)->find(kSlotStream);
    return slot == (*opened)->end() ? 0 : slot->second.lsn;
  }
};

TEST_F(ExactlyOnceTest, TheProgressComesBackWithTheData) {
  EXPECT_EQ(reopened(), 0U);
  ASSERT_TRUE(sink_->write(view_at(1, {{"k", "1"}, {"k", "2"}})));
  EXPECT_EQ(drain(), 1U);
  ASSERT_TRUE(sink_->write(view_at(2, {})));  // a position alone
  EXPECT_EQ(drain(), 2U);
  EXPECT_EQ(reopened(), 200U);
  EXPECT_THAT(values(), ElementsAre("k=1", "k=2"));
}

TEST_F(ExactlyOnceTest, ATooLargeRecordIsALetterAndTheTransactionGoesOn) {
  config_.client["message.max.bytes"] = "2000";
  sink_ = make_kafka_sink(config_, context_);
  reopened();
  ASSERT_TRUE(sink_->write(view_at(1, {{"k", "1"}, {"k", std::string(3000, 'x')}, {"k", "3"}})));
  EXPECT_EQ(drain(), 1U);
  EXPECT_THAT(letters_.ordinals, ElementsAre(2));
  EXPECT_EQ(letters_.flushed, 1U);
  EXPECT_THAT(values(), ElementsAre("k=1", "k=3"));
}

TEST_F(ExactlyOnceTest, WhatIsNewIsCommittedSoonAndABacklogAfterAPause) {
  reopened();
  uint64_t seq = 0;
  const auto time_of_one = [&] {
    const SteadyTime begun = steady_now();
    EXPECT_TRUE(sink_->write(view_at(++seq, {{"k", "v"}})));
    poll_until(seq);
    return steady_now() - begun;
  };
  EXPECT_GE(time_of_one(), Millis(95)) << "more may come";
  commit_us_ = unix_now_us();
  auto shortest = time_of_one();
  for (int i = 0; i < 5; ++i)
    shortest = std::min(shortest, time_of_one());
  EXPECT_LT(shortest, Millis(90));
}

TEST_F(ExactlyOnceTest, WhatATransactionHasIsLetGoButNotAgainAfterARefusal) {
  config_.exactly_once->boundary = TransactionBoundary::kInterval;
  config_.exactly_once->interval = std::chrono::seconds(1);
  sink_ = make_kafka_sink(config_, context_);
  reopened();
  const auto write = [&](uint64_t seq, const std::vector<std::pair<std::string, std::string>>& of) {
    BatchView out = view_at(seq, of);
    out.repeatable = true;
    ASSERT_TRUE(sink_->write(std::move(out)));
  };
  const auto poll_until_failed_or = [&](auto condition) {
    const auto deadline = steady_now() + std::chrono::seconds(20);
    Result<SinkReport> report;
    do {
      report = sink_->poll(steady_now() + Millis(2));
    } while (report && !condition(*report) && steady_now() < deadline);
    return report;
  };
  write(1, {{"k", "1"}});
  EXPECT_EQ(drain(), 1U);
  write(2, {{"k", "2"}});
  const auto has =
      poll_until_failed_or([](const SinkReport& told) { return told.released_seq == 2; });
  ASSERT_TRUE(has && has->released_seq == 2 && has->durable_seq == 1);
  rd_kafka_mock_push_request_errors(cluster_, kProduceRequest, 1,
                                    RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
  write(3, {{"k", "3"}});
  const auto lost = poll_until_failed_or([](const SinkReport&) { return false; });
  ASSERT_FALSE(lost);
  EXPECT_EQ(policy(lost.error().kind), ErrorPolicy::kRetry);
  EXPECT_EQ(reopened(), 100U);
  write(4, {{"k", "2"}});
  write(5, {{"k", "3"}});
  const auto kept = poll_until_failed_or([](const SinkReport& told) {
    EXPECT_LT(told.released_seq, 4U) << "what stands there is to be sent one by one if need be";
    return told.durable_seq == 5;
  });
  ASSERT_TRUE(kept && kept->durable_seq == 5);
  write(6, {{"k", "4"}, {"k", "5"}});
  EXPECT_EQ(drain(), 6U);
  write(7, {{"k", "6"}});
  const auto again =
      poll_until_failed_or([](const SinkReport& told) { return told.released_seq == 7; });
  EXPECT_TRUE(again && again->released_seq == 7);
  EXPECT_THAT(letters_.ordinals, IsEmpty());
}

TEST_F(ExactlyOnceTest, AfterARefusalEachBatchHasItsOwnTransaction) {
  reopened();
  rd_kafka_mock_push_request_errors(cluster_, kProduceRequest, 1,
                                    RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
  ASSERT_TRUE(sink_->write(view_at(1, {})));  // handed over before there is a producer again
  for (uint64_t seq = 2; seq <= 4; ++seq)
    ASSERT_TRUE(sink_->write(view_at(seq, {{"k", "v"}})));
  std::vector<uint64_t> durable{0};
  while (durable.back() < 4) {
    const auto report = sink_->poll(steady_now() + Millis(2));
    ASSERT_TRUE(report) << report.error().text();
    if (report->durable_seq != durable.back()) durable.push_back(report->durable_seq);
  }
  EXPECT_THAT(durable, ElementsAre(0, 1, 2, 3, 4));
}

TEST_F(ExactlyOnceTest, ATransactionThatStaysOpenIsNoSilence) {
  config_.exactly_once->boundary = TransactionBoundary::kInterval;
  config_.exactly_once->interval = std::chrono::seconds(60);
  sink_ = make_kafka_sink(config_, context_);
  reopened();
  ASSERT_TRUE(sink_->write(view_at(1, {{"k", "its end begins the interval"}})));
  EXPECT_EQ(drain(), 1U);
  ASSERT_TRUE(sink_->write(view_at(2, {{"k", "v"}})));
  EXPECT_EQ(waits_within(Millis(5500)), "");
  rd_kafka_mock_broker_set_rtt(cluster_, 1, 300);
  ASSERT_TRUE(sink_->write(view_at(3, {{"k", "v"}})));
  EXPECT_EQ(waits_within(Millis(100)), "");
}

TEST_F(ExactlyOnceTest, NoCoordinatorAfterARefusalIsASilence) {
  constexpr int16_t kFindCoordinator = 10;
  reopened();
  rd_kafka_mock_push_request_errors(cluster_, kProduceRequest, 1,
                                    RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
  const std::vector<rd_kafka_resp_err_t> none(1000, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE);
  rd_kafka_mock_push_request_errors_array(cluster_, kFindCoordinator, none.size(), none.data());
  ASSERT_TRUE(sink_->write(view_at(1, {{"k", "1"}})));
  EXPECT_NE(waits_within(Millis(9000)), "");
  rd_kafka_mock_clear_request_errors(cluster_, kFindCoordinator);
  EXPECT_EQ(drain(), 1U);
}

TEST_F(ExactlyOnceTest, ATransactionThatIsFullWaitsForWhatMakesRoom) {
  MemoryBudget budget(16 << 20);
  context_.budget = &budget;
  context_.memory_share = 4 << 20;  // seven sixteenths of it are less than one of these batches
  config_.exactly_once->boundary = TransactionBoundary::kInterval;
  config_.exactly_once->interval = std::chrono::seconds(60);
  sink_ = make_kafka_sink(config_, context_);
  reopened();
  ASSERT_TRUE(sink_->write(view_at(1, {{"k", "its end begins the interval"}})));
  EXPECT_EQ(drain(), 1U);
  rd_kafka_mock_broker_set_rtt(cluster_, 1, 20);
  constexpr uint64_t kLast = 3;
  uint64_t written = 1;
  for (SinkReport told; told.released_seq < kLast;) {
    while (written < kLast) {
      BatchView next = view_at(written + 1, large_records(20));
      next.repeatable = true;
      if (!sink_->write(std::move(next))) break;
      ++written;
    }
    const auto report = sink_->poll(steady_now() + Millis(2));
    ASSERT_TRUE(report) << report.error().text();
    told = *report;
    ASSERT_EQ(told.durable_seq, 1U) << "committed with " << written << " batches written";
  }
  EXPECT_EQ(drain(), kLast);
  EXPECT_EQ(values().size(), 41U);
}

}  // namespace
}  // namespace millrace
