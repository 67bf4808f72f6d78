#include "convert/json/marker_records.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "convert/json/encode_scalar.h"
#include "convert/json/names.h"
#include "convert/json/type_schema.h"

namespace millrace {

namespace {

constexpr std::string_view kNoTable = R"(,"schema":"","table":"")";

}  // namespace

MarkerRecords::MarkerRecords(const JsonConverterConfig& config)
    : binary_(config.binary_handling),
      message_topic_(config.topic_prefix + ".message"),
      transaction_topic_(config.topic_prefix + config.topic_delimiter + config.topic_transaction),
      heartbeat_topic_(config.topic_heartbeat_prefix + config.topic_delimiter +
                       config.topic_prefix),
      message_key_(wrapping(message_key_schema(config), config.key_schemas)),
      message_value_(wrapping(message_value_schema(config), config.value_schemas)),
      transaction_key_(wrapping(transaction_key_schema(config), config.key_schemas)),
      transaction_value_(wrapping(transaction_value_schema(config), config.value_schemas)),
      heartbeat_value_(wrapping(heartbeat_value_schema(config), config.value_schemas)) {
  const Wrapping key = wrapping(heartbeat_key_schema(config), config.key_schemas);
  heartbeat_key_ =
      key.head + R"({"serverName":)" + jackson_quoted(config.topic_prefix) + "}" + key.tail;
}

void MarkerRecords::write_content(std::string_view content, JsonWriter& out) const {
  ValueEncoding encoding;
  encoding.binary = binary_;
  EncodeContext context(out);
  write_text_bytes(encoding, content, context);
}

void MarkerRecords::add_message(const Change& change, const std::optional<EventOrder>& order,
                                SourceBlock& source, RecordList& to) const {
  JsonWriter& out = to.writer();
  Record record;
  record.topic = message_topic_;
  out.begin(message_key_.head.size() + change.prefix.size());
  out.raw(message_key_.head);
  out.raw(R"({"prefix":)");
  out.string(change.prefix);
  out.raw('}');
  out.raw(message_key_.tail);
  record.key = out.end();
  out.begin(message_value_.head.size() + 2 * change.content.size());
  out.raw(message_value_.head);
  out.raw(R"({"op":"m","ts_ms":)");
  out.number(unix_now_ms());
  out.raw(R"(,"source":)");
  source.write(change, kNoTable, out);
  write_transaction_block(change, order, out);
  out.raw(R"(,"message":{"prefix":)");
  out.string(change.prefix);
  out.raw(R"(,"content":)");
  write_content(change.content, out);
  out.raw("}}");
  out.raw(message_value_.tail);
  record.value = out.end();
  to.add(record);
}

std::string_view MarkerRecords::transaction_key(const Change& change, Lsn lsn,
                                                JsonWriter& out) const {
  out.begin(transaction_key_.head.size());
  out.raw(transaction_key_.head);
  out.raw(R"({"id":")");
  out.number(change.xid);
  out.raw(':');
  out.number(lsn);
  out.raw(R"("})");
  out.raw(transaction_key_.tail);
  return out.end();
}

void MarkerRecords::add_begin(const Change& change, RecordList& to) const {
  JsonWriter& out = to.writer();
  Record record;
  record.topic = transaction_topic_;
  record.key = transaction_key(change, change.lsn, out);
  out.begin(transaction_value_.head.size());
  out.raw(transaction_value_.head);
  out.raw(R"({"status":"BEGIN","id":")");
  out.number(change.xid);
  out.raw(':');
  out.number(change.lsn);
  out.raw(R"(","event_count":null,"data_collections":null,"ts_ms":)");
  out.number(change.commit_us / 1000);
  out.raw('}');
  out.raw(transaction_value_.tail);
  record.value = out.end();
  to.add(record);
}

void MarkerRecords::add_end(const Change& change, uint64_t events,
                            const std::vector<CollectionCount>& collections, RecordList& to) const {
  JsonWriter& out = to.writer();
  Record record;
  record.topic = transaction_topic_;
  record.key = transaction_key(change, change.end_lsn, out);
  out.begin(transaction_value_.head.size());
  out.raw(transaction_value_.head);
  out.raw(R"({"status":"END","id":")");
  out.number(change.xid);
  out.raw(':');
  out.number(change.end_lsn);
  out.raw(R"(","event_count":)");
  out.number(events);
  out.raw(R"(,"data_collections":[)");
  for (size_t i = 0; i < collections.size(); ++i) {
    if (i > 0) out.raw(',');
    out.raw(R"({"data_collection":)");
    out.string(collections[i].name);
    out.raw(R"(,"event_count":)");
    out.number(collections[i].events);
    out.raw('}');
  }
  out.raw(R"(],"ts_ms":)");
  out.number(change.commit_us / 1000);
  out.raw('}');
  out.raw(transaction_value_.tail);
  record.value = out.end();
  to.add(record);
}

void MarkerRecords::add_heartbeat(RecordList& to) const {
  JsonWriter& out = to.writer();
  Record record;
  record.topic = heartbeat_topic_;
  record.partition = 0;
  record.key = heartbeat_key_;
  out.begin(heartbeat_value_.head.size());
  out.raw(heartbeat_value_.head);
  out.raw(R"({"ts_ms":)");
  out.number(unix_now_ms());
  out.raw('}');
  out.raw(heartbeat_value_.tail);
  record.value = out.end();
  to.add(record);
}

std::string message_collection(const Change& change) {
  return fmt::format(
      "io.debezium.connector.postgresql.LogicalDecodingMessageMonitor$LogicalDecodingMessageId@{:"
      "x}",
      static_cast<uint32_t>(change.lsn ^ change.position.ordinal << 24));
}

}  // namespace millrace
