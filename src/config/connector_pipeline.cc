// Connect connectors and Debezium Server: one source, one branch that carries the pipeline's name.
#include "config/old_names.h"
#include "config/pipeline_forms.h"
#include "config/postgres_class.h"

namespace millrace {

namespace {

constexpr std::string_view kJsonConverter = "org.apache.kafka.connect.json.JsonConverter";

void copy(const Settings& from, Settings& to) {
  for (const auto& [key, setting] : from)
    to.set(key, setting.value, setting.origin, setting.hidden);
}

void move_key(Settings& keys, const std::string& from, const std::string& to) {
  const Setting setting = *keys.find(from);
  keys.erase(from);
  if (keys.find(to) == nullptr) keys.set(to, setting.value, setting.origin, setting.hidden);
}

// Records that a transform should have changed must not leave unchanged.
void refuse_transforms(const Settings& keys, std::string_view prefix, Problems& problems) {
  for (const std::string_view kind : {"transforms", "predicates"}) {
    const Setting* list = keys.find(kind);
    std::vector<std::string> names;
    if (list != nullptr) set_value(names, list->value);
    for (const std::string& name : names) {
      const std::string key = std::string(kind) + "." + name + ".type";
      const Setting* type = keys.find(key);
      problems.push_back(
          {Problem::Severity::kError, std::string(prefix) + std::string(kind), list->origin,
           name + (type == nullptr ? "" : " (" + type->value + ")") + " is not supported yet",
           "remove it, or write a .toml pipeline whose branch has sql"});
    }
  }
}

void check_connector(Settings& keys, std::string_view prefix, Problems& problems) {
  replace_old_names(keys, prefix, problems);
  check_connector_class(keys, prefix, problems);
  const Setting* tasks = keys.find("tasks.max");
  int64_t count = 1;
  if (tasks != nullptr && set_value(count, tasks->value).empty() && count > 1) {
    problems.push_back({Problem::Severity::kWarning, std::string(prefix) + "tasks.max",
                        tasks->origin, "a slot is read by one task; the others are not made",
                        "set it to 1"});
  }
}

void add_branch(PipelineConfig& config, std::string sink, Settings sink_settings) {
  BranchConfig& branch = config.branches.emplace_back();
  branch.name = config.name;
  branch.sink = std::move(sink);
  branch.sink_settings = std::move(sink_settings);
}

// debezium.format.key = json and debezium.format.key.X, of the key; likewise the value and the
// header.
void take_format(const std::string& part, const Settings& formats, Settings& keys,
                 Problems& problems) {
  if (const Setting* format = formats.find(part)) {
    if (format->value != "json" && format->value != "jsonbytearray") {
      problems.push_back({Problem::Severity::kError, "debezium.format." + part, format->origin,
                          "the format " + format->value + " is not supported yet",
                          "set it to json"});
    }
    keys.set(part + ".converter", std::string(kJsonConverter), format->origin);
  }
  const Settings own = formats.below(part + ".");
  for (const auto& [key, setting] : own) {
    keys.set(part + ".converter." + key, setting.value, setting.origin, setting.hidden);
  }
}

// debezium.format.X is handed to all three converters; what one of them has of its own comes first.
void take_formats(const Settings& formats, Settings& keys, Problems& problems) {
  for (const std::string part : {"key", "value", "header"}) {
    take_format(part, formats, keys, problems);
    for (const auto& [key, setting] : formats) {
      const std::string_view first = std::string_view(key).substr(0, key.find('.'));
      if (first == "key" || first == "value" || first == "header") continue;
      const std::string name = part + ".converter." + key;
      if (keys.find(name) == nullptr) keys.set(name, setting.value, setting.origin, setting.hidden);
    }
  }
}

// debezium.sink.kafka.producer.X is the producer's X. Its serializers are Java classes without
// meaning here.
Settings kafka_settings(Settings sink) {
  sink.erase("producer.key.serializer");
  sink.erase("producer.value.serializer");
  const Settings producer = sink.below("producer.");
  for (const auto& [key, setting] : producer) {
    move_key(sink, "producer." + key,
             key == "bootstrap.servers" ? key : "producer.override." + key);
  }
  return sink;
}

void warn_of_others(const Settings& all, Problems& problems) {
  size_t quarkus = 0;
  for (const auto& [key, setting] : all) {
    if (key.starts_with("quarkus.")) {
      if (++quarkus > 1) continue;
      problems.push_back({Problem::Severity::kWarning, key, setting.origin,
                          "quarkus.* settings are ignored",
                          "use log.level, log.format and http.listen instead"});
    }
  }
}

// What stands outside debezium.* and quarkus.* are millrace's own settings.
Settings own_settings(const Settings& all) {
  Settings out;
  for (const auto& [key, setting] : all) {
    if (key.starts_with("debezium.") || key.starts_with("quarkus.")) continue;
    out.set(key, setting.value, setting.origin, setting.hidden);
  }
  return out;
}

}  // namespace

void take_connector(Settings all, const RunOptions& options, PipelineConfig& config,
                    Problems& problems) {
  if (const Setting* name = all.find("name"); name != nullptr && !name->value.empty()) {
    config.name = name->value;
  }
  check_connector(all, "", problems);
  refuse_transforms(all, "", problems);
  config.source = all;
  config.common = all;
  add_branch(config, options.to.empty() ? "kafka" : options.to, std::move(all));
}

void take_debezium_server(const Settings& all, const RunOptions& options, PipelineConfig& config,
                          Problems& problems) {
  config.source_prefix = "debezium.source.";
  config.source = all.below("debezium.source.");
  check_connector(config.source, config.source_prefix, problems);
  refuse_transforms(all.below("debezium."), "debezium.", problems);
  warn_of_others(all, problems);
  config.common = own_settings(all);
  copy(config.source, config.common);

  const Setting* type = all.find("debezium.sink.type");
  std::string sink = type == nullptr ? "" : type->value;
  if (!sink.empty())
    config.name = sink;  // Debezium Server's engine has this name, and so its offsets
  if (!options.to.empty()) sink = options.to;
  if (sink.empty()) {
    problems.push_back({Problem::Severity::kError, "debezium.sink.type", config.file, "is missing",
                        "set it, for example to kafka"});
  }
  Settings sink_settings = config.common;
  take_formats(all.below("debezium.format."), sink_settings, problems);
  Settings own = all.below("debezium.sink." + sink + ".");
  copy(sink == "kafka" ? kafka_settings(std::move(own)) : own, sink_settings);
  add_branch(config, std::move(sink), std::move(sink_settings));
}

}  // namespace millrace
