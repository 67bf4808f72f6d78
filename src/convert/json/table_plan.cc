#include "convert/json/table_plan.h"

#include "convert/json/names.h"
#include "convert/json/type_schema.h"

namespace millrace {

namespace {

std::vector<uint16_t> captured_columns(const TableSchema& table) {
  std::vector<uint16_t> columns;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].captured) columns.push_back(static_cast<uint16_t>(i));
  }
  return columns;
}

RowWriter key_writer(const TableSchema& table, const JsonConverterConfig& config) {
  return {table,
          table.key,
          config,
          {.replace_null = config.key_replace_null, .decimal_format = config.key_decimal_format}};
}

RowWriter header_key_writer(const TableSchema& table, const JsonConverterConfig& config) {
  return {table, table.key, config, {.form = config.header_form}};
}

RowWriter value_writer(const TableSchema& table, const JsonConverterConfig& config) {
  return {
      table,
      captured_columns(table),
      config,
      {.replace_null = config.value_replace_null, .decimal_format = config.value_decimal_format}};
}

std::string key_schema(const RowWriter& writer, std::string_view topic,
                       const JsonConverterConfig& config) {
  const std::string name =
      adjusted_schema_name(std::string(topic) + ".Key", config.schema_name_adjustment);
  return struct_schema(writer.field_schemas(), false, name, 0, "");
}

std::string value_schema(const RowWriter& writer, std::string_view topic,
                         const JsonConverterConfig& config) {
  const auto adjusted = [&](std::string_view suffix) {
    return adjusted_schema_name(std::string(topic).append(suffix), config.schema_name_adjustment);
  };
  const auto row = [&](std::string_view field) {
    return struct_schema(writer.field_schemas(), true, adjusted(".Value"), 0, field);
  };
  return envelope_schema(row("before"), row("after"), adjusted(".Envelope"), config);
}

}  // namespace

TablePlan::TablePlan(const TableSchema& schema, const JsonConverterConfig& config,
                     std::string_view topic_name, MemoryBudget* budget)
    : table(schema),
      topic(topic_name),
      full_name(table.full_name()),
      has_key(!table.key.empty()),
      key(key_writer(table, config)),
      header_key(header_key_writer(table, config)),
      value(value_writer(table, config)),
      key_wrapping(wrapping(key_schema(key, topic, config), config.key_schemas)),
      header_key_wrapping(
          wrapping(key_schema(header_key, topic, config),
                   config.header_form == HeaderForm::kJson && config.header_schemas)),
      value_wrapping(wrapping(value_schema(value, topic, config), config.value_schemas)),
      source_table(R"(,"schema":)" + jackson_quoted(table.schema) + R"(,"table":)" +
                   jackson_quoted(table.name)),
      budget_(budget) {
  constexpr size_t kPerColumn = 512;  // name, encoding, what stands for null
  charged_ = sizeof(TablePlan) + table.columns.size() * kPerColumn + key_wrapping.head.size() +
             header_key_wrapping.head.size() + value_wrapping.head.size();
  if (budget_ != nullptr) budget_->charge(charged_);
}

TablePlan::~TablePlan() {
  if (budget_ != nullptr) budget_->release(charged_);
}

}  // namespace millrace
