// Connect schemas of what is not a table's row, as JsonConverter prints them, and what stands
// around a payload.
#pragma once

#include <string>
#include <string_view>

#include "convert/json/json_config.h"

namespace millrace {

// {"schema":…,"payload": … }, or nothing around it when schemas are off.
struct Wrapping {
  std::string head;
  std::string tail;
};

Wrapping wrapping(std::string_view schema, bool schemas_enabled);

// io.debezium.connector.postgresql.Source, as the member "source"
std::string source_schema(const JsonConverterConfig& config);
// event.block, as the member "transaction"
std::string transaction_block_schema();
// The envelope of a table; `row_before` and `row_after`: its row's schema as these members.
std::string envelope_schema(std::string_view row_before, std::string_view row_after,
                            std::string_view name, const JsonConverterConfig& config);

std::string message_key_schema(const JsonConverterConfig& config);
std::string message_value_schema(const JsonConverterConfig& config);
std::string transaction_key_schema(const JsonConverterConfig& config);
std::string transaction_value_schema(const JsonConverterConfig& config);
std::string heartbeat_key_schema(const JsonConverterConfig& config);
std::string heartbeat_value_schema(const JsonConverterConfig& config);

}  // namespace millrace
