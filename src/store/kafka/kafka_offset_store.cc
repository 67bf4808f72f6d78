#include "store/kafka/kafka_offset_store.h"

#include "store/kafka/offset_topic.h"
#include "store/offset_map.h"

namespace millrace {

namespace {

constexpr std::chrono::seconds kReadTimeout{30};

class KafkaOffsetStore final : public OffsetStore {
 public:
  KafkaOffsetStore(std::shared_ptr<OffsetTopic> topic, std::string key)
      : topic_(std::move(topic)), key_(std::move(key)) {}

  Result<Progress> load() override {
    if (auto read = topic_->read(steady_now() + kReadTimeout); !read)
      return std::unexpected(read.error().in("offset.storage.topic"));
    return topic_->progress(key_);
  }

  Result<void> save(const Progress& progress) override {
    return topic_->write(key_, to_offset_map(progress, topic_->value(key_).value_or("")));
  }

 private:
  const std::shared_ptr<OffsetTopic> topic_;
  const std::string key_;
};

}  // namespace

KafkaOffsetConfig parse_kafka_offsets(const Settings& settings, Problems& problems,
                                      std::string_view key_prefix) {
  auto config = parse_fields<KafkaOffsetConfig>(kKafkaOffsetFields, settings, problems, key_prefix);
  config.producer =
      kafka::client_properties(settings, kafka::ClientRole::kProducer, key_prefix, problems);
  // What is wrong with the settings that both have was told for the producer. What only a Java
  // client has says little here: a worker's consumers are others too.
  Problems of_consumer;
  config.consumer =
      kafka::client_properties(settings, kafka::ClientRole::kConsumer, key_prefix, of_consumer);
  std::erase_if(of_consumer, [](const Problem& problem) {
    return problem.severity == Problem::Severity::kWarning;
  });
  add_untold(problems, of_consumer);
  return config;
}

std::shared_ptr<OffsetTopic> make_offset_topic(KafkaOffsetConfig config) {
  return std::make_shared<OffsetTopic>(std::move(config));
}

std::unique_ptr<OffsetStore> make_kafka_offset_store(std::shared_ptr<OffsetTopic> topic,
                                                     std::string_view connector,
                                                     std::string_view server) {
  return std::make_unique<KafkaOffsetStore>(std::move(topic), offset_key(connector, server));
}

}  // namespace millrace
