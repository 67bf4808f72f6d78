#include "convert/json/envelope_schema.h"

#include <fmt/format.h>

#include "convert/json/names.h"
#include "convert/json/type_schema.h"

namespace millrace {

namespace {

std::string required(std::string_view type, std::string_view field) {
  return plain_schema(type).json(false, "", field);
}

std::string optional(std::string_view type, std::string_view field) {
  return plain_schema(type).json(true, "", field);
}

std::string adjusted(std::string_view name, const JsonConverterConfig& config) {
  return adjusted_schema_name(name, config.schema_name_adjustment);
}

std::string snapshot_schema() {
  TypeSchema schema = plain_schema("string");
  schema.attributes =
      R"(,"name":"io.debezium.data.Enum","version":1,"parameters":{"allowed":)"
      R"("true,first,first_in_data_collection,last_in_data_collection,last,false,incremental"})";
  return schema.json(true, R"("false")", "snapshot");
}

std::string content_type(const JsonConverterConfig& config) {
  return config.binary_handling == BinaryHandling::kBytes ? "bytes" : "string";
}

}  // namespace

Wrapping wrapping(std::string_view schema, bool schemas_enabled) {
  if (!schemas_enabled) return {};
  return {.head = fmt::format(R"({{"schema":{},"payload":)", schema), .tail = "}"};
}

std::string source_schema(const JsonConverterConfig& config) {
  return struct_schema(
      {required("string", "version"), required("string", "connector"), required("string", "name"),
       required("int64", "ts_ms"), snapshot_schema(), required("string", "db"),
       optional("string", "sequence"), optional("int64", "ts_us"), optional("int64", "ts_ns"),
       required("string", "schema"), required("string", "table"), optional("int64", "txId"),
       optional("int64", "lsn"), optional("int64", "xmin")},
      false, adjusted("io.debezium.connector.postgresql.Source", config), 1, "source");
}

std::string transaction_block_schema() {
  return struct_schema({required("string", "id"), required("int64", "total_order"),
                        required("int64", "data_collection_order")},
                       true, "event.block", 1, "transaction");
}

std::string envelope_schema(std::string_view row_before, std::string_view row_after,
                            std::string_view name, const JsonConverterConfig& config) {
  return struct_schema(
      {std::string(row_before), std::string(row_after), source_schema(config),
       transaction_block_schema(), required("string", "op"), optional("int64", "ts_ms"),
       optional("int64", "ts_us"), optional("int64", "ts_ns")},
      false, name, 2, "");
}

std::string message_key_schema(const JsonConverterConfig& config) {
  return struct_schema({optional("string", "prefix")}, false,
                       adjusted("io.debezium.connector.postgresql.MessageKey", config), 1, "");
}

std::string message_value_schema(const JsonConverterConfig& config) {
  const std::string block = struct_schema(
      {optional("string", "prefix"), optional(content_type(config), "content")}, false,
      adjusted("io.debezium.connector.postgresql.Message", config), 1, "message");
  return struct_schema({required("string", "op"), optional("int64", "ts_ms"), source_schema(config),
                        transaction_block_schema(), block},
                       false, adjusted("io.debezium.connector.postgresql.MessageValue", config), 1,
                       "");
}

std::string transaction_key_schema(const JsonConverterConfig& config) {
  return struct_schema({required("string", "id")}, false,
                       adjusted("io.debezium.connector.common.TransactionMetadataKey", config), 1,
                       "");
}

std::string transaction_value_schema(const JsonConverterConfig& config) {
  const std::string collection =
      struct_schema({required("string", "data_collection"), required("int64", "event_count")}, true,
                    "event.collection", 1, "");
  TypeSchema collections = plain_schema("array");
  collections.type += R"(,"items":)" + collection;
  return struct_schema(
      {required("string", "status"), required("string", "id"), optional("int64", "event_count"),
       collections.json(true, "", "data_collections"), required("int64", "ts_ms")},
      false, adjusted("io.debezium.connector.common.TransactionMetadataValue", config), 1, "");
}

std::string heartbeat_key_schema(const JsonConverterConfig& config) {
  return struct_schema({required("string", "serverName")}, false,
                       adjusted("io.debezium.connector.common.ServerNameKey", config), 1, "");
}

std::string heartbeat_value_schema(const JsonConverterConfig& config) {
  return struct_schema({required("int64", "ts_ms")}, false,
                       adjusted("io.debezium.connector.common.Heartbeat", config), 1, "");
}

}  // namespace millrace
