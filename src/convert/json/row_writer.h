// Writes one image of a row as a JSON object: {"id":1,"name":"x"}. All that does not change from
// row to row is worked out once per schema version: names, encoders, what stands for null and for
// values not sent.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "convert/json/value_encoding.h"
#include "event/schema.h"
#include "event/value.h"

namespace millrace {

struct RowOptions {
  bool replace_null = true;
  DecimalFormat decimal_format = DecimalFormat::kBase64;
  HeaderForm form = HeaderForm::kJson;
};

// Told about values that could not be written as they are; decides whether to go on.
class ValueTrouble {
 public:
  virtual ~ValueTrouble() = default;
  // The text is not valid UTF-8: its broken parts were replaced.
  virtual void malformed(const Column& column) = 0;
  // The value has no JSON form here; null or the default is written unless this is an error.
  virtual Result<void> inconvertible(const Column& column) = 0;
};

class RowWriter {
 public:
  // `columns`: indices into table.columns. The table must outlive the writer.
  RowWriter(const TableSchema& table, std::span<const uint16_t> columns,
            const JsonConverterConfig& config, const RowOptions& options);

  // Connect's schema of each field, in order.
  const std::vector<std::string>& field_schemas() const { return field_schemas_; }

  // `other`: the image that has the values which `row` lacks as unchanged (REPLICA IDENTITY FULL);
  // may be none.
  Result<void> write(const Tuple& row, const Tuple& other, EncodeContext& context,
                     ValueTrouble& trouble) const;

 private:
  struct Field {
    std::string lead;  // {"name": or ,"name":
    uint16_t column = 0;
    ValueEncoding encoding;
    std::string null_json;                   // for null, and for what was not sent
    std::optional<std::string> failed_json;  // for what cannot be converted
    std::optional<std::string> unavailable_json;
  };

  void add(uint16_t column, const JsonConverterConfig& config);
  std::optional<std::string> encoded(const ValueEncoding& encoding, std::string_view text) const;
  Result<void> write_field(const Field& field, const Datum& datum, EncodeContext& context,
                           ValueTrouble& trouble) const;
  Result<void> write_failed(const Field& field, EncodeContext& context,
                            ValueTrouble& trouble) const;

  const TableSchema* table_;
  RowOptions options_;
  std::vector<Field> fields_;
  std::vector<std::string> field_schemas_;
};

// The datum of column i of `row`, taken from `other` where it is unchanged and `other` has it.
inline const Datum& value_of(const Tuple& row, const Tuple& other, size_t i) {
  const Datum& datum = row[i];
  const bool take_other =
      datum.kind == DatumKind::kUnchanged && i < other.count && other[i].has_value();
  return take_other ? other[i] : datum;
}

}  // namespace millrace
