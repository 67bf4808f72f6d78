// The replication stream, from bytes to Debezium's events. An input is a first byte of choices and
// messages, each with the distance of its LSN (1 byte), its length (2, big-endian) and its payload.
#include <array>
#include <optional>
#include <vector>

#include "base/byte_reader.h"
#include "convert/json/json_converter.h"
#include "fuzz.h"
#include "source/postgres/change_decoder.h"
#include "source/postgres/pgoutput_reader.h"

namespace millrace::fuzz {

namespace {

struct NamedType {
  uint32_t oid;
  std::string_view name;
  PgType type;
};

constexpr std::array<NamedType, 21> kTypes = {{{16, "bool", PgType::kBool},
                                               {17, "bytea", PgType::kBytea},
                                               {18, "char", PgType::kChar},
                                               {19, "name", PgType::kName},
                                               {20, "int8", PgType::kInt8},
                                               {21, "int2", PgType::kInt2},
                                               {23, "int4", PgType::kInt4},
                                               {25, "text", PgType::kText},
                                               {114, "json", PgType::kJson},
                                               {700, "float4", PgType::kFloat4},
                                               {701, "float8", PgType::kFloat8},
                                               {790, "money", PgType::kMoney},
                                               {1042, "bpchar", PgType::kBpchar},
                                               {1043, "varchar", PgType::kVarchar},
                                               {1082, "date", PgType::kDate},
                                               {1114, "timestamp", PgType::kTimestamp},
                                               {1184, "timestamptz", PgType::kTimestamptz},
                                               {1186, "interval", PgType::kInterval},
                                               {1700, "numeric", PgType::kNumeric},
                                               {2950, "uuid", PgType::kUuid},
                                               {3802, "jsonb", PgType::kJsonb}}};

// A catalogue that knows pg_catalog's types, and of every second table one column and its key.
class FixedCatalogue final : public TableLookup {
 public:
  bool captures_table(std::string_view, std::string_view table) const override {
    return !table.starts_with("hidden");
  }

  bool captures_column(std::string_view, std::string_view, std::string_view name) const override {
    return !name.starts_with("hidden");
  }

  Result<std::optional<TableSchema>> table(uint32_t oid) override {
    if (oid % 2 == 0) return std::nullopt;
    TableSchema out;
    out.oid = oid;
    Column id;
    id.name = "id";
    id.nullable = false;
    id.type.oid = 23;
    id.type.type = PgType::kInt4;
    id.default_expression = "nextval('s'::regclass)";
    out.columns.push_back(std::move(id));
    out.key = {0};
    out.primary_key = {0};
    return out;
  }

  Result<ColumnType> type(uint32_t oid, int32_t typmod) override {
    ColumnType out;
    out.oid = oid;
    out.typmod = typmod;
    for (const NamedType& known : kTypes) {
      if (known.oid != oid) continue;
      out.name = known.name;
      out.type = known.type;
      return out;
    }
    return fail(ErrorKind::kNotFound, "no such type");
  }
};

// The reader alone: what it gives lies in the message.
void read_alone(std::string_view payload, Arena& arena) {
  const auto message = pgoutput::read_message(payload, 1);
  if (!message) return;
  if (const auto* relation = std::get_if<pgoutput::Relation>(&*message)) {
    require(lies_in(relation->name, payload), "a relation's name lies in its message");
    for (const pgoutput::RelationColumn& column : relation->columns)
      require(lies_in(column.name, payload), "a column's name lies in its message");
  } else if (const auto* said = std::get_if<pgoutput::LogicalMessage>(&*message)) {
    require(lies_in(said->prefix, payload), "a prefix lies in its message");
    require(lies_in(said->content, payload), "a content lies in its message");
  } else if (const auto* row = std::get_if<pgoutput::Row>(&*message)) {
    TableSchema table;
    const size_t count = row->images.size() < 3 ? 0 : static_cast<uint8_t>(row->images[2]);
    table.columns.resize(count);
    const auto images = pgoutput::read_images(*row, pgoutput::TupleShape(table), arena, 1);
    if (!images) return;
    for (const Tuple& image : {images->before, images->after}) {
      require(!image || image.count == count, "an image has the table's columns");
      for (const Datum& datum : image.span())
        require(lies_in(datum.view(), payload), "a value lies in its message");
    }
  }
}

// Where Debezium stopped within the transaction 7, at LSN 40; or nowhere.
Offset start_of(uint8_t choices) {
  Offset from;
  if ((choices & 1) == 0) return from;
  from.lsn = from.lsn_proc = 40;
  from.lsn_commit = 10;
  from.xid = 7;
  from.message_type = (choices & 2) == 0 ? "INSERT" : "BEGIN";
  return from;
}

JsonConverterConfig config_of(uint8_t choices) {
  JsonConverterConfig out;
  out.topic_prefix = "t";
  out.header_form = HeaderForm::kJson;
  out.transaction_metadata = (choices & 4) != 0;
  out.include_unknown_datatypes = (choices & 8) != 0;
  out.value_schemas = out.key_schemas = (choices & 16) != 0;
  out.skipped_operations.clear();
  return out;
}

void convert(std::shared_ptr<Batch> batch, Converter& converter) {
  BatchView view;
  view.changes = batch->changes;
  view.batch = std::move(batch);
  if (!converter.convert(view)) return;
  for (const Record& record : view.records) {
    require(record.key.data() == nullptr || is_json(record.key), "a key is JSON");
    require(record.value.data() == nullptr || is_json(record.value), "a value is JSON");
    for (const Header& header : record.headers)
      require(header.value.data() == nullptr || is_json(header.value), "a header is JSON");
  }
}

}  // namespace

void fuzz_one(std::string_view input) {
  constexpr size_t kBatchChanges = 8;
  Input in(input);
  const uint8_t choices = in.byte();
  FixedCatalogue catalogue;
  ChangeDecoder decoder(catalogue,
                        {.transaction_markers = (choices & 4) != 0,
                         .captures_message = {},
                         .binary_version = (choices & 32) != 0 ? 150000 : 0},
                        start_of(choices));
  const auto converter = make_json_converter(config_of(choices), nullptr);
  auto batch = std::make_shared<Batch>(nullptr);
  decoder.start_batch();
  StreamMessage message;
  bool good = true;
  while (good && !in.empty()) {
    message.lsn += in.byte();
    const size_t length = static_cast<size_t>(in.byte()) << 8 | in.byte();
    const ExactCopy payload(in.bytes(length));
    Arena arena(nullptr);
    read_alone(payload.view(), arena);
    message.payload = payload.view();
    good = decoder.decode(message, *batch).has_value() && !decoder.unreadable();
    if (!good || batch->changes.size() < kBatchChanges || decoder.undecided()) continue;
    convert(std::exchange(batch, std::make_shared<Batch>(nullptr)), *converter);
    decoder.start_batch();
  }
  convert(std::move(batch), *converter);
}

}  // namespace millrace::fuzz
