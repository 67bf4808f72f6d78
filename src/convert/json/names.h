// Names of topics, schemas and fields, adjusted as Debezium does. Its rules speak of UTF-16 units:
// a character beyond the BMP is replaced twice.
#pragma once

#include <string>
#include <string_view>

#include "convert/json/json_config.h"
#include "event/schema.h"

namespace millrace {

// Any character outside [A-Za-z0-9._-] becomes '_'; at most 249 characters.
std::string sanitized_topic(std::string_view name);

std::string table_topic(const TableSchema& table, const JsonConverterConfig& config);

std::string adjusted_schema_name(std::string_view name, NameAdjustment mode);
std::string adjusted_field_name(std::string_view name, NameAdjustment mode);

}  // namespace millrace
