// How each sink's own functions are reached by the registry: a type a sink, with
//   kTakesRecords   a converter stands before it
//   kSchemas        that converter's schemas.enable by default
//   keeps_progress  with its data
//   setting_names   all settings it takes
//   read            its settings → its Config, with all problems
//   make, check, stored_progress   from that Config
// plugin<P>() erases the types.
#pragma once

#include "registry.h"
#include "sink/duckdb/duckdb_sink.h"
#include "sink/email/email_sink.h"
#include "sink/file/file_sink.h"
#include "sink/kafka/kafka_sink.h"
#include "sink/stdout/stdout_sink.h"

namespace millrace {

template <class Config>
Config read_fields(const SinkInputs& inputs, std::span<const FieldSpec> fields,
                   Problems& problems) {
  return parse_fields<Config>(fields, inputs.branch.sink_settings, problems,
                              inputs.pipeline.sink_prefix(inputs.branch));
}

struct StdoutPlugin {
  static constexpr bool kTakesRecords = true;
  static constexpr bool kSchemas = false;

  static bool keeps_progress(const auto& /*config*/) { return false; }

  static std::vector<std::string_view> setting_names() { return {}; }

  static StdoutSinkConfig read(const SinkInputs&, Problems&) { return {}; }

  static auto make(const StdoutSinkConfig& config, const SinkInputs& inputs) {
    return make_stdout_sink(config, inputs.context);
  }

  static Problems check(const StdoutSinkConfig&, const SinkInputs&) { return {}; }

  static Result<std::optional<Progress>> stored_progress(const StdoutSinkConfig&,
                                                         const SinkInputs&) {
    return std::nullopt;
  }
};

struct FilePlugin {
  static constexpr bool kTakesRecords = true;
  static constexpr bool kSchemas = false;

  static bool keeps_progress(const auto& /*config*/) { return true; }

  static std::vector<std::string_view> setting_names() { return names_of(kFileSinkFields); }

  static FileSinkConfig read(const SinkInputs& inputs, Problems& problems) {
    return read_fields<FileSinkConfig>(inputs, kFileSinkFields, problems);
  }

  static auto make(const FileSinkConfig& config, const SinkInputs& inputs) {
    return make_file_sink(config, inputs.context);
  }

  static Problems check(const FileSinkConfig& config, const SinkInputs&) {
    return check_file_sink(config);
  }

  static auto stored_progress(const FileSinkConfig& config, const SinkInputs&) {
    return stored_file_progress(config);
  }
};

struct EmailPlugin {
  static constexpr bool kTakesRecords = false;
  static constexpr bool kSchemas = false;

  static bool keeps_progress(const auto& /*config*/) { return true; }

  static std::vector<std::string_view> setting_names() { return names_of(kEmailSinkFields); }

  static EmailSinkConfig read(const SinkInputs& inputs, Problems& problems) {
    auto config = read_fields<EmailSinkConfig>(inputs, kEmailSinkFields, problems);
    const Problems more = validate_email_config(config);
    problems.insert(problems.end(), more.begin(), more.end());
    return config;
  }

  static auto make(const EmailSinkConfig& config, const SinkInputs& inputs) {
    return make_email_sink(config, inputs.context);
  }

  static Problems check(const EmailSinkConfig& config, const SinkInputs&) {
    return check_email_sink(config);
  }

  static auto stored_progress(const EmailSinkConfig&, const SinkInputs& inputs) {
    return stored_email_progress(inputs.context);
  }
};

struct KafkaPlugin {
  static constexpr bool kTakesRecords = true;
  static constexpr bool kSchemas = true;

  static bool keeps_progress(const KafkaSinkConfig& config) {
    return config.exactly_once.has_value();
  }

  static std::vector<std::string_view> setting_names() { return kafka_sink_setting_names(); }

  static KafkaSinkConfig read(const SinkInputs& inputs, Problems& problems) {
    const std::string prefix = inputs.pipeline.sink_prefix(inputs.branch);
    auto config = parse_kafka_sink(inputs.branch.sink_settings, problems, prefix);
    const Setting* topic = inputs.branch.sink_settings.find("offset.storage.topic");
    if (config.exactly_once) {
      const Setting* server = inputs.pipeline.source.find("topic.prefix");
      config.exactly_once->bind(offset_owner(inputs.pipeline, inputs.branch),
                                server == nullptr ? "" : server->value);
    } else if (topic != nullptr && inputs.pipeline.form == ConfigForm::kToml) {
      problems.push_back({Problem::Severity::kError, prefix + "offset.storage.topic", topic->origin,
                          "counts for exactly once only",
                          "set exactly.once.support = \"required\", or remove it"});
    }
    return config;
  }

  static auto make(const KafkaSinkConfig& config, const SinkInputs& inputs) {
    return make_kafka_sink(config, inputs.context);
  }

  static Problems check(const KafkaSinkConfig& config, const SinkInputs&) {
    return check_kafka_sink(config);
  }

  static auto stored_progress(const KafkaSinkConfig& config, const SinkInputs&) {
    return stored_kafka_progress(config);
  }
};

struct DuckDbPlugin {
  static constexpr bool kTakesRecords = false;
  static constexpr bool kSchemas = false;

  static bool keeps_progress(const auto& /*config*/) { return true; }

  static std::vector<std::string_view> setting_names() { return names_of(kDuckDbSinkFields); }

  static DuckDbSinkConfig read(const SinkInputs& inputs, Problems& problems) {
    return read_fields<DuckDbSinkConfig>(inputs, kDuckDbSinkFields, problems);
  }

  static auto make(const DuckDbSinkConfig& config, const SinkInputs& inputs) {
    return make_duckdb_sink(config, inputs.branch, inputs.context);
  }

  static Problems check(const DuckDbSinkConfig& config, const SinkInputs& inputs) {
    return check_duckdb_sink(config, inputs.branch, inputs.captured);
  }

  static auto stored_progress(const DuckDbSinkConfig& config, const SinkInputs& inputs) {
    return stored_duckdb_progress(config, inputs.context);
  }
};

template <class P>
constexpr SinkPlugin plugin(std::string_view name, std::string_view summary) {
  return {
      .name = name,
      .summary = summary,
      .takes_records = P::kTakesRecords,
      .schemas_by_default = P::kSchemas,
      .setting_names = P::setting_names,
      .validate = [](const SinkInputs& inputs, Problems& problems) { P::read(inputs, problems); },
      .keeps_progress =
          [](const SinkInputs& inputs) {
            Problems none;
            return P::keeps_progress(P::read(inputs, none));
          },
      .make = [](const SinkInputs& inputs) -> std::unique_ptr<Sink> {
        Problems none;
        return P::make(P::read(inputs, none), inputs);
      },
      .check =
          [](const SinkInputs& inputs) {
            Problems none;
            return P::check(P::read(inputs, none), inputs);
          },
      .stored_progress =
          [](const SinkInputs& inputs) {
            Problems none;
            return P::stored_progress(P::read(inputs, none), inputs);
          }};
}

}  // namespace millrace
