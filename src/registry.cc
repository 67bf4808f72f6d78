#include "registry.h"

#include "sink/duckdb/duckdb_sink.h"
#include "sink/email/email_sink.h"
#include "sink/file/file_sink.h"
#include "sink/kafka/kafka_sink.h"
#include "sink/stdout/stdout_sink.h"

namespace millrace {

namespace {

template <class Config>
Config parse(const SinkInputs& inputs, std::span<const FieldSpec> fields, Problems& problems) {
  return parse_fields<Config>(fields, inputs.branch.sink_settings, problems,
                              inputs.pipeline.sink_prefix(inputs.branch));
}

// How each sink's own functions are reached by SinkPlugin's. A sink has Config, fields, and
// functions of these names.
struct Stdout {
  static std::vector<std::string_view> setting_names() { return names_of(kStdoutSinkFields); }

  static void validate(const SinkInputs&, Problems&) {}

  static std::unique_ptr<Sink> make(const SinkInputs& inputs) {
    return make_stdout_sink({}, inputs.context);
  }

  static Problems check(const SinkInputs&) { return {}; }
};

struct File {
  static std::vector<std::string_view> setting_names() { return names_of(kFileSinkFields); }

  static void validate(const SinkInputs& inputs, Problems& problems) {
    parse<FileSinkConfig>(inputs, kFileSinkFields, problems);
  }

  static std::unique_ptr<Sink> make(const SinkInputs& inputs) {
    Problems none;
    return make_file_sink(parse<FileSinkConfig>(inputs, kFileSinkFields, none), inputs.context);
  }

  static Problems check(const SinkInputs& inputs) {
    Problems none;
    return check_file_sink(parse<FileSinkConfig>(inputs, kFileSinkFields, none));
  }
};

struct Email {
  static std::vector<std::string_view> setting_names() { return names_of(kEmailSinkFields); }

  static void validate(const SinkInputs& inputs, Problems& problems) {
    const auto config = parse<EmailSinkConfig>(inputs, kEmailSinkFields, problems);
    const Problems more = validate_email_config(config);
    problems.insert(problems.end(), more.begin(), more.end());
  }

  static std::unique_ptr<Sink> make(const SinkInputs& inputs) {
    Problems none;
    return make_email_sink(parse<EmailSinkConfig>(inputs, kEmailSinkFields, none), inputs.context);
  }

  static Problems check(const SinkInputs& inputs) {
    Problems none;
    return check_email_sink(parse<EmailSinkConfig>(inputs, kEmailSinkFields, none));
  }
};

struct Kafka {
  static std::vector<std::string_view> setting_names() { return kafka_sink_setting_names(); }

  static void validate(const SinkInputs& inputs, Problems& problems) {
    parse_kafka_sink(inputs.branch.sink_settings, problems,
                     inputs.pipeline.sink_prefix(inputs.branch));
  }

  static std::unique_ptr<Sink> make(const SinkInputs& inputs) {
    Problems none;
    return make_kafka_sink(parse_kafka_sink(inputs.branch.sink_settings, none), inputs.context);
  }

  static Problems check(const SinkInputs& inputs) {
    Problems none;
    return check_kafka_sink(parse_kafka_sink(inputs.branch.sink_settings, none));
  }
};

struct DuckDb {
  static std::vector<std::string_view> setting_names() { return names_of(kDuckDbSinkFields); }

  static void validate(const SinkInputs& inputs, Problems& problems) {
    parse<DuckDbSinkConfig>(inputs, kDuckDbSinkFields, problems);
  }

  static std::unique_ptr<Sink> make(const SinkInputs& inputs) {
    Problems none;
    return make_duckdb_sink(parse<DuckDbSinkConfig>(inputs, kDuckDbSinkFields, none), inputs.branch,
                            inputs.context);
  }

  static Problems check(const SinkInputs& inputs) {
    Problems none;
    return check_duckdb_sink(parse<DuckDbSinkConfig>(inputs, kDuckDbSinkFields, none),
                             inputs.branch);
  }
};

template <class Plugin>
constexpr SinkPlugin plugin(std::string_view name, std::string_view summary, bool takes_records,
                            bool schemas_by_default, std::span<const FieldSpec> fields) {
  return {name,
          summary,
          takes_records,
          schemas_by_default,
          fields,
          Plugin::setting_names,
          Plugin::validate,
          Plugin::make,
          Plugin::check};
}

constexpr SinkPlugin kSinks[] = {
    plugin<Kafka>("kafka", "Topics of a Kafka cluster, in Debezium's events.", true, true,
                  kKafkaSinkFields),
    plugin<DuckDb>("duckdb", "Tables of a DuckDB file: current state or history, exactly once.",
                   false, false, kDuckDbSinkFields),
    plugin<Email>("email", "One e-mail a row to an SMTP server.", false, false, kEmailSinkFields),
    plugin<File>("file", "Lines of JSON in a file, exactly once.", true, false, kFileSinkFields),
    plugin<Stdout>("stdout", "Lines of JSON on standard output.", true, false, kStdoutSinkFields),
};

}  // namespace

std::span<const SinkPlugin> sink_plugins() {
  return kSinks;
}

const SinkPlugin* find_sink_plugin(std::string_view name) {
  for (const SinkPlugin& plugin : kSinks) {
    if (plugin.name == name) return &plugin;
  }
  return nullptr;
}

}  // namespace millrace
