#include "convert/json/row_writer.h"

#include "base/arena.h"
#include "convert/json/default_expression.h"
#include "convert/json/names.h"
#include "convert/json/type_schema.h"

namespace millrace {

namespace {

std::string simple_quoted(std::string_view text) {
  Arena arena(nullptr);
  JsonWriter writer(arena);
  writer.begin(text.size() + 2);
  writer.simple_string(text);
  return std::string(writer.end());
}

}  // namespace

RowWriter::RowWriter(const TableSchema& table, std::span<const uint16_t> columns,
                     const JsonConverterConfig& config, const RowOptions& options)
    : table_(&table), options_(options) {
  for (const uint16_t column : columns)
    add(column, config);
}

void RowWriter::add(uint16_t column_index, const JsonConverterConfig& config) {
  const Column& column = table_->columns[column_index];
  const auto encoding = value_encoding(column.type, config);
  const auto schema = type_schema(column.type, config);
  if (!encoding || !schema) return;
  const std::string name = adjusted_field_name(column.name, config.field_name_adjustment);
  std::optional<std::string> default_json;
  if (const auto text = default_text(column)) {
    // A struct cannot be a default (KAFKA-12694).
    const bool is_struct = schema->type.starts_with(R"("type":"struct")");
    if (!is_struct) default_json = encoded(*encoding, *text);
  }
  field_schemas_.push_back(schema->json(column.nullable, default_json.value_or(""), name));

  Field field;
  field.lead = (fields_.empty() ? "{" : ",");
  field.lead += options_.form == HeaderForm::kSimple ? simple_quoted(name) : jackson_quoted(name);
  field.lead += ':';
  field.column = column_index;
  field.encoding = *encoding;
  field.unavailable_json = unavailable_json(column.type, config);
  const bool use_default = default_json && (options_.replace_null || !column.nullable);
  if (use_default)
    field.null_json = *default_json;
  else if (column.nullable)
    field.null_json = "null";
  else if (column.type.type == PgType::kTimestamptz)
    field.null_json = R"("1970-01-01T00:00:00Z")";
  else
    field.null_json = encoded(*encoding, zero_text(column.type, config)).value_or("null");
  if (column.nullable || (default_json && options_.replace_null))
    field.failed_json = field.null_json;
  else if (schema->always_optional)
    field.failed_json = "null";
  fields_.push_back(std::move(field));
}

std::optional<std::string> RowWriter::encoded(const ValueEncoding& encoding,
                                              std::string_view text) const {
  Arena arena(nullptr);
  JsonWriter writer(arena);
  EncodeContext context(writer);
  context.decimal_format = options_.decimal_format;
  context.form = options_.form;
  writer.begin(text.size());
  const bool good = encoding.write(encoding, text, context);
  const std::string_view json = writer.end();
  return good ? std::optional<std::string>(json) : std::nullopt;
}

Result<void> RowWriter::write(const Tuple& row, const Tuple& other, EncodeContext& context,
                              ValueTrouble& trouble) const {
  context.decimal_format = options_.decimal_format;
  context.form = options_.form;
  if (fields_.empty()) context.out.raw('{');
  for (const Field& field : fields_) {
    context.out.raw(field.lead);
    Result<void> written = write_field(field, value_of(row, other, field.column), context, trouble);
    if (!written) return written;
  }
  context.out.raw('}');
  return {};
}

Result<void> RowWriter::write_field(const Field& field, const Datum& datum, EncodeContext& context,
                                    ValueTrouble& trouble) const {
  switch (datum.kind) {
    case DatumKind::kText:
      break;
    case DatumKind::kNull:
    case DatumKind::kAbsent:
      context.out.raw(field.null_json);
      return {};
    case DatumKind::kUnchanged:
      if (!field.unavailable_json) return write_failed(field, context, trouble);
      context.out.raw(*field.unavailable_json);
      return {};
  }
  if (field.encoding.null_in_stream && !context.snapshot) {
    context.out.raw(field.null_json);
    return {};
  }
  const size_t mark = context.out.mark();
  if (!field.encoding.write(field.encoding, datum.view(), context)) {
    context.out.rewind(mark);
    return write_failed(field, context, trouble);
  }
  if (context.out.malformed) {
    context.out.malformed = false;
    trouble.malformed(table_->columns[field.column]);
  }
  return {};
}

Result<void> RowWriter::write_failed(const Field& field, EncodeContext& context,
                                     ValueTrouble& trouble) const {
  const Column& column = table_->columns[field.column];
  Result<void> go_on = trouble.inconvertible(column);
  if (!go_on) return go_on;
  if (!field.failed_json) {
    return fail(
        ErrorKind::kData,
        "column " + column.name + " of table " + table_->full_name() + " (" + column.type.name +
            ") is NOT NULL, and its value cannot be converted or was not sent",
        "decimal.handling.mode=double or string has NaN; REPLICA IDENTITY FULL sends what an "
        "UPDATE leaves as it is; or leave the column out (column.exclude.list)");
  }
  context.out.raw(*field.failed_json);
  return {};
}

}  // namespace millrace
