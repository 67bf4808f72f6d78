#include "convert/json/type_schema.h"

#include <fmt/format.h>

#include "base/arena.h"
#include "convert/json/json_writer.h"
#include "convert/json/value_encoding.h"

namespace millrace {

namespace {

TypeSchema named(std::string_view type, std::string_view name) {
  TypeSchema schema = plain_schema(type);
  schema.attributes = fmt::format(R"(,"name":"{}","version":1)", name);
  return schema;
}

TypeSchema decimal(int scale, std::string_view more_parameters) {
  TypeSchema schema = named("bytes", "org.apache.kafka.connect.data.Decimal");
  schema.attributes += fmt::format(R"(,"parameters":{{"scale":"{}"{}}})", scale, more_parameters);
  return schema;
}

TypeSchema variable_scale_decimal() {
  TypeSchema schema = named("struct", "io.debezium.data.VariableScaleDecimal");
  schema.type += R"(,"fields":[{"type":"int32","optional":false,"field":"scale"},)"
                 R"({"type":"bytes","optional":false,"field":"value"}])";
  schema.attributes += R"(,"doc":"Variable scaled decimal")";
  return schema;
}

TypeSchema numeric(const ColumnType& type, const JsonConverterConfig& config) {
  switch (config.decimal_handling) {
    case DecimalHandling::kDouble:
      return plain_schema("double");
    case DecimalHandling::kString:
      return plain_schema("string");
    case DecimalHandling::kPrecise:
      break;
  }
  if (type.precision() < 0) return variable_scale_decimal();
  return decimal(type.scale(),
                 fmt::format(R"(,"connect.decimal.precision":"{}")", type.precision()));
}

TypeSchema money(const JsonConverterConfig& config) {
  switch (config.decimal_handling) {
    case DecimalHandling::kDouble:
      return plain_schema("double");
    case DecimalHandling::kString:
      return plain_schema("string");
    case DecimalHandling::kPrecise:
      break;
  }
  return decimal(static_cast<int>(config.money_fraction_digits), "");
}

TypeSchema bits(const ColumnType& type) {
  if (type.length() == 1) return plain_schema("boolean");
  constexpr int kUnbounded = 2147483647;
  TypeSchema schema = named("bytes", "io.debezium.data.Bits");
  schema.attributes += fmt::format(R"(,"parameters":{{"length":"{}"}})",
                                   type.length() < 0 ? kUnbounded : type.length());
  return schema;
}

TypeSchema enumeration(const ColumnType& type) {
  std::string labels;
  for (const std::string& label : type.labels) {
    if (!labels.empty()) labels += ',';
    labels += label;
  }
  TypeSchema schema = named("string", "io.debezium.data.Enum");
  schema.attributes += R"(,"parameters":{"allowed":)" + jackson_quoted(labels) + '}';
  return schema;
}

TypeSchema binary(const JsonConverterConfig& config) {
  return plain_schema(config.binary_handling == BinaryHandling::kBytes ? "bytes" : "string");
}

TypeSchema date(TimePrecision precision) {
  switch (precision) {
    case TimePrecision::kConnect:
      return named("int32", "org.apache.kafka.connect.data.Date");
    case TimePrecision::kIsoString:
      return named("string", "io.debezium.time.IsoDate");
    default:
      return named("int32", "io.debezium.time.Date");
  }
}

TypeSchema time(TimePrecision precision, int fraction_digits) {
  switch (precision) {
    case TimePrecision::kConnect:
      return named("int32", "org.apache.kafka.connect.data.Time");
    case TimePrecision::kIsoString:
      return named("string", "io.debezium.time.IsoTime");
    case TimePrecision::kNanoseconds:
      return named("int64", "io.debezium.time.NanoTime");
    case TimePrecision::kAdaptive:
      if (fraction_digits <= 3) return named("int32", "io.debezium.time.Time");
      break;
    default:
      break;
  }
  return named("int64", "io.debezium.time.MicroTime");
}

TypeSchema timestamp(TimePrecision precision, int fraction_digits) {
  switch (precision) {
    case TimePrecision::kConnect:
      return named("int64", "org.apache.kafka.connect.data.Timestamp");
    case TimePrecision::kIsoString:
      return named("string", "io.debezium.time.IsoTimestamp");
    case TimePrecision::kNanoseconds:
      return named("int64", "io.debezium.time.NanoTimestamp");
    case TimePrecision::kAdaptive:
    case TimePrecision::kAdaptiveTimeMicroseconds:
      if (fraction_digits <= 3) return named("int64", "io.debezium.time.Timestamp");
      break;
    default:
      break;
  }
  return named("int64", "io.debezium.time.MicroTimestamp");
}

TypeSchema hstore(const JsonConverterConfig& config) {
  if (config.hstore_handling == HstoreHandling::kJson)
    return named("string", "io.debezium.data.Json");
  TypeSchema schema = plain_schema("map");
  schema.type +=
      R"(,"keys":{"type":"string","optional":false},"values":{"type":"string","optional":true})";
  return schema;
}

TypeSchema point() {
  TypeSchema schema = named("struct", "io.debezium.data.geometry.Point");
  schema.type +=
      R"(,"fields":[{"type":"double","optional":false,"field":"x"},)"
      R"({"type":"double","optional":false,"field":"y"},{"type":"bytes","optional":true,"field":"wkb"},)"
      R"({"type":"int32","optional":true,"field":"srid"}])";
  schema.attributes += R"~(,"doc":"Geometry (POINT)")~";
  return schema;
}

TypeSchema postgis(std::string_view name) {
  TypeSchema schema = named("struct", fmt::format("io.debezium.data.geometry.{}", name));
  schema.type += R"(,"fields":[{"type":"bytes","optional":false,"field":"wkb"},)"
                 R"({"type":"int32","optional":true,"field":"srid"}])";
  schema.attributes += fmt::format(R"(,"doc":"{}")", name);
  schema.always_optional = true;
  return schema;
}

TypeSchema vector(std::string_view item, std::string_view name) {
  TypeSchema schema = named("array", name);
  schema.type += fmt::format(R"(,"items":{{"type":"{}","optional":false}})", item);
  return schema;
}

TypeSchema sparse_vector() {
  TypeSchema schema = named("struct", "io.debezium.data.SparseDoubleVector");
  schema.type +=
      R"(,"fields":[{"type":"int16","optional":false,"field":"dimensions"},)"
      R"({"type":"map","keys":{"type":"int16","optional":false},)"
      R"("values":{"type":"double","optional":false},"optional":false,"field":"vector"}])";
  schema.attributes += R"(,"doc":"Sparse double vector")";
  return schema;
}

TypeSchema array(const ColumnType& type, const JsonConverterConfig& config) {
  TypeSchema schema = plain_schema("array");
  const bool optional = type.element != PgType::kEnum && type.element != PgType::kUnknown;
  if (const auto element = type_schema(element_type(type), config)) {
    schema.type += R"(,"items":)" + element->json(optional, "", "");
  }
  return schema;
}

// NOLINTNEXTLINE(readability-function-size): a case a type
TypeSchema schema_of(const ColumnType& type, const JsonConverterConfig& config) {
  switch (type.type) {
    case PgType::kBool:
      return plain_schema("boolean");
    case PgType::kInt2:
      return plain_schema("int16");
    case PgType::kInt4:
      return plain_schema("int32");
    case PgType::kInt8:
    case PgType::kOid:
      return plain_schema("int64");
    case PgType::kFloat4:
      return plain_schema("float");
    case PgType::kFloat8:
      return plain_schema("double");
    case PgType::kNumeric:
      return numeric(type, config);
    case PgType::kMoney:
      return money(config);
    case PgType::kBytea:
    case PgType::kUnknown:
      return binary(config);
    case PgType::kUuid:
      return named("string", "io.debezium.data.Uuid");
    case PgType::kJson:
    case PgType::kJsonb:
      return named("string", "io.debezium.data.Json");
    case PgType::kXml:
      return named("string", "io.debezium.data.Xml");
    case PgType::kLtree:
      return named("string", "io.debezium.data.Ltree");
    case PgType::kTsvector:
      return named("string", "io.debezium.data.Tsvector");
    case PgType::kEnum:
      return enumeration(type);
    case PgType::kBit:
    case PgType::kVarbit:
      return bits(type);
    case PgType::kDate:
      return date(config.time_precision);
    case PgType::kTime:
      return time(config.time_precision, type.fraction_digits());
    case PgType::kTimestamp:
      return timestamp(config.time_precision, type.fraction_digits());
    case PgType::kTimetz:
      return named("string", "io.debezium.time.ZonedTime");
    case PgType::kTimestamptz:
      return named("string", "io.debezium.time.ZonedTimestamp");
    case PgType::kInterval:
      return config.interval_handling == IntervalHandling::kString
                 ? named("string", "io.debezium.time.Interval")
                 : named("int64", "io.debezium.time.MicroDuration");
    case PgType::kHstore:
      return hstore(config);
    case PgType::kPoint:
      return point();
    case PgType::kGeometry:
      return postgis("Geometry");
    case PgType::kGeography:
      return postgis("Geography");
    case PgType::kVector:
      return vector("double", "io.debezium.data.DoubleVector");
    case PgType::kHalfvec:
      return vector("float", "io.debezium.data.FloatVector");
    case PgType::kSparsevec:
      return sparse_vector();
    case PgType::kArray:
      return array(type, config);
    default:
      return plain_schema("string");
  }
}

}  // namespace

std::string jackson_quoted(std::string_view text) {
  Arena arena(nullptr);
  JsonWriter writer(arena);
  writer.begin(text.size() + 2);
  writer.string(text);
  return std::string(writer.end());
}

TypeSchema plain_schema(std::string_view type) {
  return {.type = fmt::format(R"("type":"{}")", type), .attributes = "", .always_optional = false};
}

std::string TypeSchema::json(bool optional, std::string_view default_json,
                             std::string_view field) const {
  std::string out = "{" + type;
  out += optional || always_optional ? R"(,"optional":true)" : R"(,"optional":false)";
  out += attributes;
  if (!default_json.empty()) out.append(R"(,"default":)").append(default_json);
  if (!field.empty()) out += R"(,"field":)" + jackson_quoted(field);
  return out + "}";
}

std::string struct_schema(const std::vector<std::string>& fields, bool optional,
                          std::string_view name, int version, std::string_view field) {
  TypeSchema schema = plain_schema("struct");
  schema.type += R"(,"fields":[)";
  for (size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) schema.type += ',';
    schema.type += fields[i];
  }
  schema.type += ']';
  schema.attributes = R"(,"name":)" + jackson_quoted(name);
  if (version > 0) schema.attributes += fmt::format(R"(,"version":{})", version);
  return schema.json(optional, "", field);
}

std::optional<TypeSchema> type_schema(const ColumnType& type, const JsonConverterConfig& config) {
  if (!value_encoding(type, config)) return std::nullopt;
  return schema_of(type, config);
}

}  // namespace millrace
