// The Kafka sink against a real broker, whose second listener is behind a gate; read without it.
#include <charconv>
#include <cstdlib>

#include "sink/kafka/kafka_sink.h"
#include "tests/conformance/gate.h"
#include "tests/conformance/store.h"
#include "wire/kafka/topic_reader.h"

namespace millrace::conformance {

namespace {

constexpr std::chrono::seconds kReadTimeout{30};

class KafkaStore final : public Store {
 public:
  // The broker advertises `gate_port` for the listener at `server_port`.
  KafkaStore(std::string direct, int gate_port, int server_port, bool exactly_once)
      : direct_(std::move(direct)), gate_(gate_port, server_port), exactly_once_(exactly_once) {}

  Traits traits() const override {
    return {.keeps_progress = exactly_once_,
            .doubles = exactly_once_ ? 0 : -1,
            .refuses = true,
            .can_hold = true,
            .can_go_away = true,
            .needs_answers = exactly_once_};
  }

  std::unique_ptr<Sink> make_sink(const SinkContext& context) override {
    KafkaSinkConfig config;
    config.client["bootstrap.servers"] = "127.0.0.1:" + std::to_string(gate_.port());
    config.client["message.max.bytes"] = "10000000";  // it is the broker that refuses
    if (exactly_once_) config.exactly_once = exactly_once(config.client);
    return make_kafka_sink(config, context);
  }

  std::vector<StoredItem> read() override {
    std::vector<StoredItem> out;
    // No topic yet: no records.
    static_cast<void>(kafka::read_topic(
        {{"bootstrap.servers", direct_}}, run(), steady_now() + kReadTimeout,
        [&](std::string_view key, std::string_view value) {
          StoredItem item{.bytes = std::string(key) + std::string(value)};
          const size_t digits = key.find_first_of("0123456789");
          if (digits != std::string_view::npos) {
            std::from_chars(key.data() + digits, key.data() + key.size(), item.id);
          }
          out.push_back(std::move(item));
        },
        kafka::OpenTransactions::kWaitFor));
    return out;
  }

  void hold() override { gate_.set(Gate::State::kHeld); }

  void lose_answers() override { gate_.set(Gate::State::kMute); }

  void go_away() override { gate_.set(Gate::State::kShut); }

  void come_back() override { gate_.set(Gate::State::kOpen); }

 private:
  ExactlyOnce exactly_once(const kafka::Properties& client) const {
    ExactlyOnce out;
    out.group_id = "conformance";
    out.offsets.topic = "conformance_offsets";
    out.offsets.partitions = 2;
    out.offsets.replication_factor = 1;
    out.offsets.producer = out.offsets.consumer = client;
    out.offsets.consumer.erase("message.max.bytes");
    out.bind(run(), "conformance");
    return out;
  }

  const std::string direct_;
  Gate gate_;
  const bool exactly_once_;
};

}  // namespace

std::unique_ptr<Store> make_kafka_store(bool exactly_once) {
  const char* direct = std::getenv("MILLRACE_TEST_KAFKA_DIRECT");
  const char* gate = std::getenv("MILLRACE_TEST_KAFKA_GATE");
  const char* behind = std::getenv("MILLRACE_TEST_KAFKA_BEHIND_GATE");
  if (direct == nullptr || gate == nullptr || behind == nullptr) return nullptr;
  return std::make_unique<KafkaStore>(direct, std::atoi(gate), std::atoi(behind), exactly_once);
}

}  // namespace millrace::conformance
