// Settings of the JSON converter: Debezium's and Connect's names, their defaults, and what only we
// have.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "config/field.h"

namespace millrace {

enum class DecimalHandling : uint8_t { kPrecise, kDouble, kString };
enum class TimePrecision : uint8_t {
  kAdaptive,
  kAdaptiveTimeMicroseconds,
  kConnect,
  kIsoString,
  kMicroseconds,
  kNanoseconds
};
enum class BinaryHandling : uint8_t { kBytes, kBase64, kBase64UrlSafe, kHex };
enum class IntervalHandling : uint8_t { kNumeric, kString };
enum class HstoreHandling : uint8_t { kJson, kMap };
enum class NameAdjustment : uint8_t { kNone, kAvro, kAvroUnicode };
enum class DecimalFormat : uint8_t { kBase64, kNumeric };
enum class ConversionFailure : uint8_t { kWarn, kSkip, kFail };
enum class TopicNaming : uint8_t { kSchema, kDefault };
// How header values are written: as the JSON converter does, or as Connect's SimpleHeaderConverter
// does (its default): strings as they are, a key as {"id":1}.
enum class HeaderForm : uint8_t { kSimple, kJson };

struct JsonConverterConfig {
  std::string topic_prefix;
  std::string database;
  std::string connector_name;  // Connect's name of the connector; only for messages to the user
  std::string source_version = "3.3.1.Final";
  bool key_schemas = true;
  bool value_schemas = true;
  bool header_schemas = true;
  HeaderForm header_form = HeaderForm::kSimple;
  bool key_replace_null = true;
  bool value_replace_null = true;
  DecimalFormat key_decimal_format = DecimalFormat::kBase64;
  DecimalFormat value_decimal_format = DecimalFormat::kBase64;
  bool tombstones_on_delete = true;
  std::vector<std::string> skipped_operations = {"t"};
  bool skip_without_change = false;
  DecimalHandling decimal_handling = DecimalHandling::kPrecise;
  TimePrecision time_precision = TimePrecision::kAdaptive;
  BinaryHandling binary_handling = BinaryHandling::kBytes;
  IntervalHandling interval_handling = IntervalHandling::kNumeric;
  HstoreHandling hstore_handling = HstoreHandling::kJson;
  int64_t money_fraction_digits = 2;
  bool include_unknown_datatypes = false;
  std::string unavailable_value_placeholder = "__debezium_unavailable_value";
  NameAdjustment schema_name_adjustment = NameAdjustment::kNone;
  NameAdjustment field_name_adjustment = NameAdjustment::kNone;
  TopicNaming topic_naming = TopicNaming::kSchema;
  std::string topic_delimiter = ".";
  std::string topic_transaction = "transaction";
  std::string topic_heartbeat_prefix = "__debezium-heartbeat";
  bool transaction_metadata = false;
  bool extended_headers = true;
  ConversionFailure conversion_failure = ConversionFailure::kWarn;
};

template <>
struct EnumNames<DecimalHandling> {
  static constexpr std::pair<std::string_view, DecimalHandling> values[] = {
      {"precise", DecimalHandling::kPrecise},
      {"double", DecimalHandling::kDouble},
      {"string", DecimalHandling::kString}};
};

template <>
struct EnumNames<TimePrecision> {
  static constexpr std::pair<std::string_view, TimePrecision> values[] = {
      {"adaptive", TimePrecision::kAdaptive},
      {"adaptive_time_microseconds", TimePrecision::kAdaptiveTimeMicroseconds},
      {"connect", TimePrecision::kConnect},
      {"isostring", TimePrecision::kIsoString},
      {"microseconds", TimePrecision::kMicroseconds},
      {"nanoseconds", TimePrecision::kNanoseconds}};
};

template <>
struct EnumNames<BinaryHandling> {
  static constexpr std::pair<std::string_view, BinaryHandling> values[] = {
      {"bytes", BinaryHandling::kBytes},
      {"base64", BinaryHandling::kBase64},
      {"base64-url-safe", BinaryHandling::kBase64UrlSafe},
      {"hex", BinaryHandling::kHex}};
};

template <>
struct EnumNames<IntervalHandling> {
  static constexpr std::pair<std::string_view, IntervalHandling> values[] = {
      {"numeric", IntervalHandling::kNumeric}, {"string", IntervalHandling::kString}};
};

template <>
struct EnumNames<HstoreHandling> {
  static constexpr std::pair<std::string_view, HstoreHandling> values[] = {
      {"json", HstoreHandling::kJson}, {"map", HstoreHandling::kMap}};
};

template <>
struct EnumNames<NameAdjustment> {
  static constexpr std::pair<std::string_view, NameAdjustment> values[] = {
      {"none", NameAdjustment::kNone},
      {"avro", NameAdjustment::kAvro},
      {"avro_unicode", NameAdjustment::kAvroUnicode}};
};

template <>
struct EnumNames<DecimalFormat> {
  static constexpr std::pair<std::string_view, DecimalFormat> values[] = {
      {"base64", DecimalFormat::kBase64}, {"numeric", DecimalFormat::kNumeric}};
};

template <>
struct EnumNames<ConversionFailure> {
  static constexpr std::pair<std::string_view, ConversionFailure> values[] = {
      {"warn", ConversionFailure::kWarn},
      {"skip", ConversionFailure::kSkip},
      {"fail", ConversionFailure::kFail}};
};

template <>
struct EnumNames<TopicNaming> {
  static constexpr std::pair<std::string_view, TopicNaming> values[] = {
      {"io.debezium.schema.SchemaTopicNamingStrategy", TopicNaming::kSchema},
      {"io.debezium.schema.DefaultTopicNamingStrategy", TopicNaming::kDefault},
      {"SchemaTopicNamingStrategy", TopicNaming::kSchema},
      {"DefaultTopicNamingStrategy", TopicNaming::kDefault}};
};

template <>
struct EnumNames<HeaderForm> {
  static constexpr std::pair<std::string_view, HeaderForm> values[] = {
      {"simple", HeaderForm::kSimple},
      {"json", HeaderForm::kJson},
      {"org.apache.kafka.connect.storage.SimpleHeaderConverter", HeaderForm::kSimple},
      {"org.apache.kafka.connect.json.JsonConverter", HeaderForm::kJson}};
};

// "" when the text is a comma separated list of c, u, d, t, none.
inline std::string check_skipped_operations(std::string_view text) {
  std::vector<std::string> operations;
  std::string wrong = set_value(operations, text);
  for (const std::string& operation : operations) {
    const bool known = operation == "c" || operation == "u" || operation == "d" ||
                       operation == "t" || operation == "none";
    if (!known) wrong = "must be a comma separated list of c, u, d, t, or none";
  }
  return wrong;
}

inline constexpr FieldSpec kJsonConverterFields[] = {
    field<&JsonConverterConfig::topic_prefix>(
        "topic.prefix",
        {.doc = "Logical name of the server: prefix of all topics and schema names.",
         .required = true,
         .importance = Importance::kHigh,
         .group = "Topics",
         .old_names = "database.server.name"}),
    field<&JsonConverterConfig::database>(
        "database.dbname", {.doc = "Database that is captured: source.db of each event.",
                            .required = true,
                            .importance = Importance::kHigh,
                            .group = "Connection"}),
    field<&JsonConverterConfig::connector_name>("name", {.doc = "Name of the connector."}),
    field<&JsonConverterConfig::source_version>(
        "compat.source.version", {.doc = "What source.version of each event says: the release of "
                                         "Debezium whose events these are.",
                                  .importance = Importance::kLow,
                                  .group = "Events"}),
    field<&JsonConverterConfig::key_schemas>(
        "key.converter.schemas.enable",
        {.doc = "Write each key as {\"schema\", \"payload\"}; false: the payload alone.",
         .group = "Converter"}),
    field<&JsonConverterConfig::value_schemas>(
        "value.converter.schemas.enable",
        {.doc = "Write each value as {\"schema\", \"payload\"}; false: the payload alone.",
         .group = "Converter"}),
    field<&JsonConverterConfig::header_form>(
        "header.converter",
        {.doc = "How header values are written: simple (strings as they are) or json.",
         .importance = Importance::kLow,
         .group = "Converter"}),
    field<&JsonConverterConfig::header_schemas>(
        "header.converter.schemas.enable",
        {.doc = "With header.converter = json: write {\"schema\", \"payload\"}; false: the payload "
                "alone.",
         .importance = Importance::kLow,
         .group = "Converter"}),
    field<&JsonConverterConfig::key_replace_null>(
        "key.converter.replace.null.with.default",
        {.doc = "Write a column's default where a key column is null.",
         .importance = Importance::kLow,
         .group = "Converter"}),
    field<&JsonConverterConfig::value_replace_null>(
        "value.converter.replace.null.with.default",
        {.doc = "Write a column's default where its value is null, as Connect's converter does.",
         .group = "Converter"}),
    field<&JsonConverterConfig::key_decimal_format>(
        "key.converter.decimal.format",
        {.doc = "Decimals of keys: BASE64 of the unscaled value, or NUMERIC.",
         .importance = Importance::kLow,
         .group = "Converter"}),
    field<&JsonConverterConfig::value_decimal_format>(
        "value.converter.decimal.format",
        {.doc = "Decimals of values: BASE64 of the unscaled value, or NUMERIC.",
         .importance = Importance::kLow,
         .group = "Converter"}),
    field<&JsonConverterConfig::tombstones_on_delete>(
        "tombstones.on.delete",
        {.doc = "After each delete, a record with the key and a null value (log compaction).",
         .group = "Events"}),
    field<&JsonConverterConfig::skipped_operations>(
        "skipped.operations",
        {.doc = "Operations that make no event: c, u, d, t, comma separated, or none.",
         .group = "Events",
         .check = check_skipped_operations}),
    field<&JsonConverterConfig::skip_without_change>(
        "skip.messages.without.change",
        {.doc = "Drop updates that change no captured column (needs REPLICA IDENTITY FULL).",
         .group = "Events"}),
    field<&JsonConverterConfig::decimal_handling>(
        "decimal.handling.mode",
        {.doc = "numeric and money: exact bytes, a double (loses digits), or a string.",
         .group = "Types"}),
    field<&JsonConverterConfig::time_precision>(
        "time.precision.mode",
        {.doc = "How date, time and timestamp are written.", .group = "Types"}),
    field<&JsonConverterConfig::binary_handling>(
        "binary.handling.mode", {.doc = "How bytea is written.", .group = "Types"}),
    field<&JsonConverterConfig::interval_handling>(
        "interval.handling.mode",
        {.doc = "interval as microseconds (a month is 30.4375 days), or as an ISO 8601 string.",
         .group = "Types"}),
    field<&JsonConverterConfig::hstore_handling>(
        "hstore.handling.mode", {.doc = "hstore as JSON text or as a map.", .group = "Types"}),
    field<&JsonConverterConfig::money_fraction_digits>(
        "money.fraction.digits", {.doc = "Scale of money in decimal.handling.mode=precise.",
                                  .group = "Types",
                                  .check = at_least<0>}),
    field<&JsonConverterConfig::include_unknown_datatypes>(
        "include.unknown.datatypes",
        {.doc = "Write columns of types nobody knows as bytes; false: leave them out.",
         .group = "Types"}),
    field<&JsonConverterConfig::unavailable_value_placeholder>(
        "unavailable.value.placeholder",
        {.doc = "Stands for a large value that the update did not touch; hex:… gives bytes.",
         .group = "Types",
         .old_names = "toasted.value.placeholder"}),
    field<&JsonConverterConfig::schema_name_adjustment>(
        "schema.name.adjustment.mode",
        {.doc = "Make schema names valid for Avro.", .group = "Events"}),
    field<&JsonConverterConfig::field_name_adjustment>(
        "field.name.adjustment.mode",
        {.doc = "Make field names valid for Avro.", .group = "Events"}),
    field<&JsonConverterConfig::topic_naming>(
        "topic.naming.strategy",
        {.doc = "prefix.schema.table, or prefix.table.", .group = "Topics"}),
    field<&JsonConverterConfig::topic_delimiter>(
        "topic.delimiter", {.doc = "Joins prefix, schema and table.", .group = "Topics"}),
    field<&JsonConverterConfig::topic_transaction>(
        "topic.transaction",
        {.doc = "Topic of the BEGIN and END records, below the prefix.", .group = "Topics"}),
    field<&JsonConverterConfig::topic_heartbeat_prefix>(
        "topic.heartbeat.prefix", {.doc = "Heartbeats go to this, the delimiter, and topic.prefix.",
                                   .group = "Topics",
                                   .old_names = "heartbeat.topics.prefix"}),
    field<&JsonConverterConfig::transaction_metadata>(
        "provide.transaction.metadata",
        {.doc = "BEGIN and END records, and each event's place in its transaction.",
         .group = "Events"}),
    field<&JsonConverterConfig::extended_headers>(
        "extended.headers.enabled",
        {.doc = "The headers __debezium.context.* on each change.", .group = "Events"}),
    field<&JsonConverterConfig::conversion_failure>(
        "event.converting.failure.handling.mode",
        {.doc = "A value that cannot be converted: null and a warning, null in silence, or fail.",
         .group = "Events"}),
};

}  // namespace millrace
