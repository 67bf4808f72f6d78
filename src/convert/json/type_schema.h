// PostgreSQL's type → Connect's schema as JsonConverter prints it: the twin of value_encoding.h.
// Members stand in its order: type (items | keys, values | fields), optional, name, version, doc,
// parameters, default, field.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "convert/json/json_config.h"
#include "event/schema.h"

namespace millrace {

struct TypeSchema {
  std::string type;        // "type":"int32"
  std::string attributes;  // ,"name":"…","version":1 …; may be empty
  bool always_optional = false;

  // {…} with everything; `default_json` and `field` may be empty.
  std::string json(bool optional, std::string_view default_json, std::string_view field) const;
};

// nullopt: the column is left out of the events (the same answer as value_encoding()).
std::optional<TypeSchema> type_schema(const ColumnType& type, const JsonConverterConfig& config);

// A type that needs no column: string, int64, boolean …
TypeSchema plain_schema(std::string_view type);

// A struct of `fields` (each a complete {…} with its "field").
std::string struct_schema(const std::vector<std::string>& fields, bool optional,
                          std::string_view name, int version, std::string_view field);

// Text as a JSON string with its quotes.
std::string jackson_quoted(std::string_view text);

}  // namespace millrace
