#include "convert/json/value_encoding.h"

#include "base/base64.h"
#include "convert/json/encode_nested.h"
#include "convert/json/encode_scalar.h"
#include "convert/json/encode_temporal.h"
#include "convert/json/placeholder.h"

namespace millrace {

namespace {

ValueEncoding::Write write_of_date(TimePrecision precision) {
  return precision == TimePrecision::kIsoString ? write_iso_date : write_epoch_day;
}

ValueEncoding::Write write_of_time(TimePrecision precision, int fraction_digits) {
  switch (precision) {
    case TimePrecision::kAdaptive:
      return fraction_digits <= 3 ? write_time_millis : write_time_micros;
    case TimePrecision::kAdaptiveTimeMicroseconds:
    case TimePrecision::kMicroseconds:
      return write_time_micros;
    case TimePrecision::kNanoseconds:
      return write_time_nanos;
    case TimePrecision::kConnect:
      return write_time_millis;
    case TimePrecision::kIsoString:
      return write_iso_time;
  }
  return nullptr;
}

ValueEncoding::Write write_of_timestamp(TimePrecision precision, int fraction_digits) {
  switch (precision) {
    case TimePrecision::kAdaptive:
    case TimePrecision::kAdaptiveTimeMicroseconds:
      return fraction_digits <= 3 ? write_epoch_millis : write_epoch_micros;
    case TimePrecision::kMicroseconds:
      return write_epoch_micros;
    case TimePrecision::kNanoseconds:
      return write_epoch_nanos;
    case TimePrecision::kConnect:
      return write_epoch_millis;
    case TimePrecision::kIsoString:
      return write_iso_timestamp;
  }
  return nullptr;
}

ValueEncoding::Write write_of_unknown(const ColumnType& type) {
  return is_geometric(type.name) ? write_geometric_bytes : write_text_bytes;
}

ValueEncoding::Write write_of(const ColumnType& type, const JsonConverterConfig& config) {
  switch (type.type) {
    case PgType::kBool:
      return write_bool;
    case PgType::kInt2:
    case PgType::kInt4:
    case PgType::kInt8:
    case PgType::kOid:
      return write_integer;
    case PgType::kFloat4:
      return write_float;
    case PgType::kFloat8:
      return write_double;
    case PgType::kNumeric:
      return write_numeric;
    case PgType::kMoney:
      return write_money;
    case PgType::kBytea:
      return write_bytea;
    case PgType::kBit:
    case PgType::kVarbit:
      return type.length() == 1 ? write_bit : write_bits;
    case PgType::kDate:
      return write_of_date(config.time_precision);
    case PgType::kTime:
      return write_of_time(config.time_precision, type.fraction_digits());
    case PgType::kTimetz:
      return write_zoned_time;
    case PgType::kTimestamp:
      return write_of_timestamp(config.time_precision, type.fraction_digits());
    case PgType::kTimestamptz:
      return write_zoned_timestamp;
    case PgType::kInterval:
      return config.interval_handling == IntervalHandling::kString ? write_iso_interval
                                                                   : write_duration_micros;
    case PgType::kHstore:
      return config.hstore_handling == HstoreHandling::kMap ? write_hstore_map : write_hstore_json;
    case PgType::kPoint:
      return write_point;
    case PgType::kGeometry:
    case PgType::kGeography:
      return write_ewkb;
    case PgType::kVector:
      return write_double_vector;
    case PgType::kHalfvec:
      return write_float_vector;
    case PgType::kSparsevec:
      return write_sparse_vector;
    case PgType::kUnknown:
      return config.include_unknown_datatypes ? write_of_unknown(type) : nullptr;
    case PgType::kArray:
      return write_array;
    default:
      return write_string;
  }
}

// Arrays that Debezium leaves out, whatever include.unknown.datatypes says.
bool is_unsupported_element(PgType element) {
  switch (element) {
    case PgType::kMoney:
    case PgType::kName:
    case PgType::kInterval:
    case PgType::kBit:
    case PgType::kVarbit:
    case PgType::kXml:
    case PgType::kPoint:
    case PgType::kTsvector:
    case PgType::kVector:
    case PgType::kHalfvec:
    case PgType::kSparsevec:
    case PgType::kArray:
      return true;
    default:
      return false;
  }
}

}  // namespace

void EncodeContext::base64(std::string_view value, bool url_safe) {
  char* to = out.room(base64_bytes(value.size()) + 2);
  *to++ = '"';
  to = put_base64(to, value, url_safe);
  *to++ = '"';
  out.advance_to(to);
}

ColumnType element_type(const ColumnType& type) {
  ColumnType element = type;
  element.type = type.element;
  element.element = PgType::kUnknown;
  if (element.name.starts_with('_')) element.name.erase(0, 1);
  return element;
}

std::optional<ValueEncoding> value_encoding(const ColumnType& type,
                                            const JsonConverterConfig& config) {
  ValueEncoding encoding;
  encoding.write = write_of(type, config);
  if (encoding.write == nullptr) return std::nullopt;
  encoding.fraction_digits = type.fraction_digits();
  encoding.binary = config.binary_handling;
  encoding.precision = config.time_precision;
  encoding.decimals = config.decimal_handling;
  if (type.type == PgType::kMoney) encoding.scale = static_cast<int>(config.money_fraction_digits);
  if (type.precision() >= 0) encoding.scale = type.scale();
  encoding.null_in_stream = type.type == PgType::kName && !config.include_unknown_datatypes;
  if (type.type != PgType::kArray) return encoding;
  if (is_unsupported_element(type.element)) return std::nullopt;
  const auto element = value_encoding(element_type(type), config);
  if (!element) return std::nullopt;
  encoding.element = std::make_shared<const ValueEncoding>(*element);
  if (type.name == "_box") encoding.delimiter = ';';  // the one type with another typdelim
  encoding.null_element_fails = type.element == PgType::kEnum || type.element == PgType::kUnknown ||
                                type.element == PgType::kLtree;
  return encoding;
}

std::string zero_text(const ColumnType& type, const JsonConverterConfig& config) {
  switch (type.type) {
    case PgType::kBool:
      return "f";
    case PgType::kInt2:
    case PgType::kInt4:
    case PgType::kInt8:
    case PgType::kOid:
    case PgType::kFloat4:
    case PgType::kFloat8:
    case PgType::kNumeric:
    case PgType::kInterval:
      return "0";
    case PgType::kMoney: {
      const auto digits = static_cast<size_t>(config.money_fraction_digits);
      return digits == 0 ? "0" : "0." + std::string(digits, '0');
    }
    case PgType::kBytea:
      return "\\x";
    case PgType::kBit:
    case PgType::kVarbit:
      return type.length() == 1 ? "0" : "";
    case PgType::kDate:
      return "1970-01-01";
    case PgType::kTime:
      return "00:00:00";
    case PgType::kTimetz:
      return "00:00:00+00";
    case PgType::kTimestamp:
      return "1970-01-01 00:00:00";
    case PgType::kTimestamptz:
      return "1970-01-01 00:00:00+00";
    case PgType::kPoint:
      return "(0,0)";
    case PgType::kGeometry:
    case PgType::kGeography:
      return "010700000000000000";  // GEOMETRYCOLLECTION EMPTY
    case PgType::kVector:
    case PgType::kHalfvec:
      return "[]";
    case PgType::kArray:
      return "{}";
    default:
      return "";
  }
}

std::optional<std::string> unavailable_json(const ColumnType& type,
                                            const JsonConverterConfig& config) {
  const Placeholder placeholder(config.unavailable_value_placeholder);
  const bool decimal_string = config.decimal_handling == DecimalHandling::kString;
  switch (type.type) {
    case PgType::kBytea:
      return placeholder.binary(config.binary_handling);
    case PgType::kNumeric:
      if (!decimal_string) return std::nullopt;
      return placeholder.string();
    case PgType::kHstore:
      return config.hstore_handling == HstoreHandling::kMap ? placeholder.map()
                                                            : placeholder.map_text();
    case PgType::kArray:
      return placeholder.array(type.element);
    case PgType::kBit:
    case PgType::kVarbit:
    case PgType::kPoint:
    case PgType::kGeometry:
    case PgType::kGeography:
    case PgType::kVector:
    case PgType::kHalfvec:
    case PgType::kSparsevec:
      return std::nullopt;
    case PgType::kUnknown:
      return placeholder.binary(config.binary_handling);
    default:
      return placeholder.string();
  }
}

}  // namespace millrace
