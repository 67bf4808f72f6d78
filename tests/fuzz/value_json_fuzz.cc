// A value's text → Debezium's JSON, for every type and setting: what is written is JSON, and a text
// stays the text. An input is five bytes of choices and the text.
#include <simdjson.h>

#include <array>
#include <string>

#include "convert/json/row_writer.h"
#include "convert/json/type_schema.h"
#include "convert/json/value_encoding.h"
#include "fuzz.h"

namespace millrace::fuzz {

namespace {

constexpr size_t kPgTypes = static_cast<size_t>(PgType::kArray) + 1;
constexpr std::array<int32_t, 8> kTypmods = {-1, 0, 1, 3, 5, 7, 655366, 2490388};

ColumnType type_of(Input& in) {
  ColumnType out;
  out.type = static_cast<PgType>(in.choice(kPgTypes));
  const uint8_t more = in.byte();
  out.element = static_cast<PgType>(more % kPgTypes);
  out.typmod = kTypmods[in.choice(kTypmods.size())];
  out.name = out.type == PgType::kUnknown && more % 2 == 0 ? "box" : "named";
  out.labels = {"a", "b"};
  return out;
}

JsonConverterConfig config_of(Input& in) {
  JsonConverterConfig out;
  const uint8_t a = in.byte();
  const uint8_t b = in.byte();
  out.decimal_handling = static_cast<DecimalHandling>(a % 3);
  out.binary_handling = static_cast<BinaryHandling>(a / 3 % 4);
  out.interval_handling = static_cast<IntervalHandling>(a / 12 % 2);
  out.hstore_handling = static_cast<HstoreHandling>(a / 24 % 2);
  out.value_decimal_format = static_cast<DecimalFormat>(a / 48 % 2);
  out.time_precision = static_cast<TimePrecision>(b % 6);
  out.header_form = static_cast<HeaderForm>(b / 6 % 2);
  out.include_unknown_datatypes = b / 12 % 2 == 0;
  return out;
}

// What every record with such a column shows of it: its schema, with the text as its default.
void describe(const ColumnType& type, const JsonConverterConfig& config, std::string_view text) {
  TableSchema table;
  table.schema = table.name = "t";
  Column& column = table.columns.emplace_back();
  column.name = "c";
  column.type = type;
  column.nullable = config.time_precision != TimePrecision::kConnect;
  column.default_expression = "'" + std::string(text) + "'::named";
  const std::array<uint16_t, 1> columns = {0};
  const RowWriter writer(table, columns, config,
                         {.replace_null = true,
                          .decimal_format = config.value_decimal_format,
                          .form = HeaderForm::kJson});
  for (const std::string& schema : writer.field_schemas())
    require(is_json(schema), "a field's schema is JSON");
}

bool is_plain_text(PgType type) {
  return type == PgType::kText || type == PgType::kVarchar || type == PgType::kJson ||
         type == PgType::kJsonb || type == PgType::kInet || type == PgType::kInt4range;
}

void require_same_text(std::string_view json, std::string_view text) {
  simdjson::dom::parser parser;
  std::string_view read;
  const bool good = parser.parse(json.data(), json.size()).get(read) == simdjson::SUCCESS;
  require(good && read == text, "a text's JSON string is the text");
}

}  // namespace

void fuzz_one(std::string_view input) {
  Input in(input);
  const ColumnType type = type_of(in);
  const JsonConverterConfig config = config_of(in);
  const ExactCopy text(in.rest());
  const auto encoding = value_encoding(type, config);
  require(encoding.has_value() == type_schema(type, config).has_value(),
          "a type has both an encoding and a schema");
  if (!encoding) return;
  describe(type, config, text.view());
  if (const auto unavailable = unavailable_json(type, config))
    require(is_json(*unavailable), "the placeholder is JSON");
  Arena arena(nullptr);
  JsonWriter writer(arena);
  EncodeContext context(writer);
  context.decimal_format = config.value_decimal_format;
  context.form = config.header_form;
  context.snapshot = text.view().size() % 2 == 0;
  writer.begin(16);
  const bool good = encoding->write(*encoding, text.view(), context);
  const bool malformed = writer.malformed;
  const std::string_view json = writer.end();
  if (!good || context.form == HeaderForm::kSimple) return;
  require(is_json(json), "a value is JSON");
  if (is_plain_text(type.type) && !malformed) require_same_text(json, text.view());
}

}  // namespace millrace::fuzz
