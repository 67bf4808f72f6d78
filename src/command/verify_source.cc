#include "command/verify_source.h"

namespace millrace {

namespace {

constexpr Millis kPoll{500};

// Whatever standard_conforming_strings says.
std::string literal(const std::string& text) {
  std::string out = text.find('\\') == std::string::npos ? "'" : " E'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += c;
    out += c;
  }
  return out + "'";
}

}  // namespace

Result<SourceSnapshot> SourceSnapshot::take(const PostgresConfig& config) {
  auto options = connect_options(config);
  options.replication = true;
  auto keeper = postgres::Connection::open(options);
  if (!keeper) return Failure(keeper.error());
  constexpr size_t kNameMax = 63;
  const std::string own = "_verify_" + std::to_string(keeper->backend_pid());
  SlotRequest request;
  request.name = config.slot_name.substr(0, kNameMax - own.size()) + own;
  request.temporary = true;
  auto slot = create_slot(*keeper, request);
  if (!slot) return Failure(slot.error());
  return SourceSnapshot(std::move(*keeper), std::move(*slot));
}

Result<std::unique_ptr<SnapshotReader>> SourceSnapshot::read(
    const PostgresConfig& config, SchemaPtr table, const std::optional<std::string>& select) const {
  PostgresConfig reading = config;
  reading.snapshot_include.clear();
  reading.snapshot_locking = SnapshotLocking::kNone;
  reading.snapshot_max_threads = 1;
  reading.snapshot_chunk_bytes = {0};
  reading.select_overrides.clear();
  if (select) reading.select_overrides.emplace(table->full_name(), *select);
  SnapshotRequest request;
  request.connect = connect_options(reading);
  request.snapshot_name = slot_.snapshot_name;
  const uint32_t oid = table->oid;
  request.tables.push_back({std::move(table), {oid, true, {{0, ~uint64_t{0}}}}});
  request.at.lsn = lsn();
  return SnapshotReader::open(std::move(request), reading);
}

SchemaPtr with_version(const TableSchema& table, bool has_key) {
  auto out = std::make_shared<TableSchema>(table);
  out->version = next_schema_version();
  for (const char* name : {"xmin", "ctid", "tableoid"}) {
    Column column;
    column.name = name;
    column.type.type = PgType::kText;
    column.type.name = "text";
    out->columns.push_back(std::move(column));
    if (has_key) break;
  }
  return out;
}

std::string select_rows(const TableSchema& table, const std::vector<uint16_t>& key_columns,
                        const std::vector<std::vector<std::string>>& keys) {
  std::string columns;
  for (const Column& column : table.columns) {
    if (!column.is_kept()) continue;
    columns += (columns.empty() ? "" : ", ") + duckdb::quote_name(column.name);
  }
  std::string names;
  for (const uint16_t index : key_columns)
    names += (names.empty() ? "" : ", ") + duckdb::quote_name(table.columns[index].name);
  std::string rows;
  for (const auto& key : keys) {
    std::string values;
    for (const std::string& value : key)
      values += (values.empty() ? "" : ", ") + literal(value);
    rows += (rows.empty() ? "(" : ", (") + values + ")";
  }
  return "SELECT " + columns + " FROM " + duckdb::quote_name(table.schema) + "." +
         duckdb::quote_name(table.name) + " WHERE (" + names + ") IN (" + rows + ")";
}

Result<std::shared_ptr<Batch>> next_batch(SnapshotReader& reader, const GoOn& go_on) {
  while (!reader.finished()) {
    if (auto fine = go_on(); !fine) return Failure(fine.error());
    auto batch = reader.next(steady_now() + kPoll);
    if (!batch || *batch) return batch;
  }
  return nullptr;
}

std::vector<duckdb::RowColumn> SourceRows::columns(const duckdb::Api& api) const {
  std::vector<duckdb::RowColumn> out;
  out.reserve(columns_.size() + 1);
  for (size_t i = 0; i < columns_.size(); ++i)
    out.push_back({"c" + std::to_string(i), duckdb::logical_type(api, columns_[i].type)});
  out.push_back({"v", duckdb::logical_type(api, {duckdb::Storage::kBlob})});
  return out;
}

const Change* SourceRows::next_change() {
  while (!error_) {
    if (batch_ && at_ < batch_->changes.size()) return &batch_->changes[at_++];
    auto batch = next_batch(*reader_, go_on_);
    if (!batch) {
      error_ = batch.error();
    } else {
      batch_ = std::move(*batch);
      at_ = 0;
      if (!batch_) return nullptr;
    }
  }
  return nullptr;
}

bool SourceRows::write(std::vector<duckdb::Slots>& slots, uint64_t row, const Change& change) {
  for (size_t i = 0; i < columns_.size(); ++i) {
    const Datum& value = change.after[columns_[i].index];
    if (duckdb::write_datum(slots[i], row, columns_[i].type, columns_[i].source, value) == nullptr)
      continue;
    for (duckdb::Slots& slot : slots)
      slot.set_valid(row);
    return false;
  }
  std::string version;
  for (size_t i = version_from_; i < change.after.count; ++i) {
    version += change.after[i].view();
    version += ' ';
  }
  slots.back().set_bytes(row, version);
  return true;
}

uint64_t SourceRows::fill(const duckdb::Api& api, duckdb::ChunkHandle chunk, uint64_t capacity,
                          duckdb::RowCursor&) {
  std::vector<duckdb::Slots> slots;
  for (size_t i = 0; i <= columns_.size(); ++i)
    slots.emplace_back(api, api.data_chunk_get_vector(chunk, i));
  uint64_t rows = 0;
  while (rows < capacity) {
    const Change* change = next_change();
    if (change == nullptr) break;
    if (write(slots, rows, *change)) {
      ++rows;
    } else {
      ++refused_;
    }
  }
  return rows;
}

Result<uint64_t> load_rows(duckdb::Connection& warehouse, const std::string& name,
                           const std::shared_ptr<SourceRows>& rows) {
  const int64_t id = warehouse.database().rows().add(rows);
  auto done = warehouse.execute("CREATE OR REPLACE TEMP TABLE " + name + " AS SELECT * FROM " +
                                duckdb::kRowsFunction + "(" + std::to_string(id) + ")");
  warehouse.database().rows().remove(id);
  if (const auto& error = rows->error(); error) return Failure(*error);
  if (!done) return Failure(done.error());
  return rows->refused();
}

}  // namespace millrace
