#include "sink/duckdb/missing_value.h"

#include <utility>

#include "wire/duckdb/value_writer.h"

namespace millrace::duckdb {

namespace {

// One row with one value, written as the values of changes are; none where it cannot be.
class OneValue final : public RowSource {
 public:
  OneValue(StorageType type, std::string text) : type_(type), text_(std::move(text)) {}

  std::vector<RowColumn> columns(const Api& api) const override {
    std::vector<RowColumn> out;
    out.push_back({"v", logical_type(api, type_)});
    return out;
  }

  uint64_t fill(const Api& api, ChunkHandle chunk, uint64_t, RowCursor& cursor) override {
    if (cursor.next++ > 0) return 0;
    Slots slots(api, api.data_chunk_get_vector(chunk, 0));
    return write_text(slots, 0, type_, text_) == nullptr ? 1 : 0;
  }

 private:
  const StorageType type_;
  const std::string text_;
};

}  // namespace

Result<std::optional<std::string>> literal_of(Connection& connection, StorageType type,
                                              const std::string& text) {
  RowSources& sources = connection.database().rows();
  const int64_t id = sources.add(std::make_shared<OneValue>(type, text));
  auto rows = connection.query("SELECT CAST(v AS VARCHAR) FROM " + std::string(kRowsFunction) +
                               "(" + std::to_string(id) + ")");
  sources.remove(id);
  if (!rows) return Failure(rows.error());
  const auto value = rows->row_count() > 0 ? rows->text(0, 0) : std::nullopt;
  if (!value) return std::nullopt;
  return quote_text(*value);
}

}  // namespace millrace::duckdb
