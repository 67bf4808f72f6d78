#include "bench/micro/hot_path.h"

#include <cstdio>
#include <cstdlib>
#include <map>

#include "convert/json/json_converter.h"
#include "source/postgres/change_decoder.h"

namespace millrace::bench {

namespace {

// Of the types that the recorded tables have: PostgreSQL's own oids.
class BuiltInTypes final : public StreamAlone {
 public:
  Result<ColumnType> type(uint32_t oid, int32_t typmod) override {
    static const std::map<uint32_t, ColumnType> kTypes = {
        {16, named(PgType::kBool, "bool")},
        {17, named(PgType::kBytea, "bytea")},
        {20, named(PgType::kInt8, "int8")},
        {21, named(PgType::kInt2, "int2")},
        {23, named(PgType::kInt4, "int4")},
        {25, named(PgType::kText, "text")},
        {114, named(PgType::kJson, "json")},
        {700, named(PgType::kFloat4, "float4")},
        {701, named(PgType::kFloat8, "float8")},
        {1007, array_of(PgType::kInt4, "_int4")},
        {1009, array_of(PgType::kText, "_text")},
        {1042, named(PgType::kBpchar, "bpchar")},
        {1043, named(PgType::kVarchar, "varchar")},
        {1082, named(PgType::kDate, "date")},
        {1083, named(PgType::kTime, "time")},
        {1114, named(PgType::kTimestamp, "timestamp")},
        {1184, named(PgType::kTimestamptz, "timestamptz")},
        {1700, named(PgType::kNumeric, "numeric")},
        {2950, named(PgType::kUuid, "uuid")},
        {3802, named(PgType::kJsonb, "jsonb")},
    };
    ColumnType out = kTypes.at(oid);
    out.oid = oid;
    out.typmod = typmod;
    return out;
  }

 private:
  static ColumnType named(PgType type, std::string name) {
    ColumnType out;
    out.type = type;
    out.name = std::move(name);
    return out;
  }

  static ColumnType array_of(PgType element, std::string name) {
    ColumnType out = named(PgType::kArray, std::move(name));
    out.element = element;
    return out;
  }
};

constexpr int kRecordedVersion = 150000;  // of the server that sent the values in binary

template <class T>
T must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", result.error().text().c_str());
    std::exit(1);
  }
  return std::move(*result);
}

}  // namespace

struct HotPath::Connection {
  BuiltInTypes types;
  ChangeDecoder decoder;

  explicit Connection(int binary_version)
      : decoder(types, {.captures_message = {}, .binary_version = binary_version}, {}) {}
};

HotPath::HotPath(const std::string& stream_file)
    : messages_(recorded_stream(stream_file)),
      connection_(std::make_unique<Connection>(
          stream_file.ends_with("_binary.stream") ? kRecordedVersion : 0)) {
  for (const BatchPtr& batch : decode())
    events_ += batch->changes.size();
  if (events_ == 0) {
    std::fprintf(stderr, "%s: no changes in it\n", stream_file.c_str());
    std::exit(1);
  }
  std::erase_if(messages_, [](const RecordedMessage& m) { return m.payload.starts_with('R'); });
  for (const RecordedMessage& message : messages_)
    bytes_ += message.payload.size();
}

HotPath::~HotPath() = default;

std::vector<BatchPtr> HotPath::decode() {
  ChangeDecoder& decoder = connection_->decoder;
  std::vector<BatchPtr> out;
  std::shared_ptr<Batch> batch;
  size_t filled = 0;
  for (const RecordedMessage& message : messages_) {
    if (batch == nullptr) {
      batch = std::make_shared<Batch>(&budget());
      decoder.start_batch();
      filled = decoder.bytes();
    }
    StreamMessage at;
    at.lsn = message.lsn;
    at.payload = message.payload;
    if (auto decoded = decoder.decode(at, *batch); !decoded) must<bool>(Failure(decoded.error()));
    if (decoder.bytes() - filled >= kBatchBytes) out.push_back(std::move(batch));
  }
  if (batch != nullptr) out.push_back(std::move(batch));
  return out;
}

MemoryBudget& budget() {
  static MemoryBudget out(size_t{32} << 20);
  return out;
}

std::unique_ptr<Converter> json(bool schemas) {
  JsonConverterConfig config;
  config.topic_prefix = "bench";
  config.database = "shop";
  config.key_schemas = config.value_schemas = schemas;
  return make_json_converter(config, &budget());
}

size_t encode(const std::vector<BatchPtr>& batches, Converter& converter) {
  size_t bytes = 0;
  for (const BatchPtr& batch : batches) {
    BatchView view;
    view.batch = batch;
    view.changes = batch->changes;
    if (auto done = converter.convert(view); !done) must<bool>(Failure(done.error()));
    for (const Record& record : view.records)
      bytes += record.key.size() + record.value.size();
  }
  return bytes;
}

}  // namespace millrace::bench
