#include "registry.h"

#include "sink_plugins.h"

namespace millrace {

namespace {

constexpr SinkPlugin kSinks[] = {
    plugin<KafkaPlugin>("kafka", "Topics of a Kafka cluster, in Debezium's events."),
    plugin<DuckDbPlugin>("duckdb",
                         "Tables of a DuckDB file: current state or history, exactly once."),
    plugin<EmailPlugin>("email", "One e-mail a row to an SMTP server."),
    plugin<FilePlugin>("file", "Lines of JSON in a file, exactly once."),
    plugin<StdoutPlugin>("stdout", "Lines of JSON on standard output."),
};

}  // namespace

std::span<const SinkPlugin> sink_plugins() {
  return kSinks;
}

const SinkPlugin* find_sink_plugin(std::string_view name) {
  for (const SinkPlugin& candidate : kSinks) {
    if (candidate.name == name) return &candidate;
  }
  return nullptr;
}

}  // namespace millrace
