// PostgreSQL's text of a value → JSON: the twin of type_schema.h. An encoding is chosen once per
// column and schema version; writing a value then is one call, without allocation but for decimals
// beyond 18 digits.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "convert/json/decimal.h"
#include "convert/json/json_config.h"
#include "convert/json/json_writer.h"
#include "event/schema.h"

namespace millrace {

// What the encoders share while a record is written. One thread.
struct EncodeContext {
  explicit EncodeContext(JsonWriter& writer) : out(writer) {}

  JsonWriter& out;
  bool snapshot = false;  // the row was read by a snapshot
  DecimalFormat decimal_format = DecimalFormat::kBase64;
  HeaderForm form = HeaderForm::kJson;  // kSimple: text of SimpleHeaderConverter
  Decimal decimal;                      // scratch
  std::string bytes;                    // scratch
  std::string text;                     // scratch

  void string(std::string_view value) {
    if (form == HeaderForm::kSimple)
      out.simple_string(value);
    else
      out.string(value);
  }

  void base64(std::string_view value, bool url_safe = false);
};

struct ValueEncoding {
  // False when the value cannot be converted; what was written is to be dropped
  // (JsonWriter::rewind).
  using Write = bool (*)(const ValueEncoding& self, std::string_view text, EncodeContext& context);

  Write write = nullptr;
  std::optional<int> scale;  // of decimals, may be negative; none: as the value has it
  int fraction_digits = 6;   // of seconds
  BinaryHandling binary = BinaryHandling::kBytes;
  TimePrecision precision = TimePrecision::kAdaptive;
  DecimalHandling decimals = DecimalHandling::kPrecise;
  // Debezium's stream decoder has no case for the type (name): its values are null but in
  // snapshots.
  bool null_in_stream = false;
  bool null_element_fails = false;
  char delimiter = ',';                          // between the elements of an array
  std::shared_ptr<const ValueEncoding> element;  // of arrays
};

// nullopt: the column is left out of the events (the same answer as type_schema()).
std::optional<ValueEncoding> value_encoding(const ColumnType& type,
                                            const JsonConverterConfig& config);

// The text of the value that stands for null where the column does not allow it.
std::string zero_text(const ColumnType& type, const JsonConverterConfig& config);

// The type of an array's elements.
ColumnType element_type(const ColumnType& type);

// JSON for a value that the update did not touch; nullopt when the type has none.
std::optional<std::string> unavailable_json(const ColumnType& type,
                                            const JsonConverterConfig& config);

}  // namespace millrace
