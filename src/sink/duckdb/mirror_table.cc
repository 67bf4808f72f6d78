#include "sink/duckdb/mirror_table.h"

#include <algorithm>

#include "base/log.h"

namespace millrace::duckdb {

MirrorTable::~MirrorTable() {
  release();
}

void MirrorTable::release() {
  statements_.clear();
  if (rows_ != nullptr) connection_.database().rows().remove(rows_id_);
  rows_ = nullptr;
  net_ = nullptr;
  current_ = nullptr;
}

Result<void> MirrorTable::fit(Bookkeeping& bookkeeping, const SchemaPtr& schema) {
  auto changed = target_.fit(connection_, bookkeeping, *schema);
  if (!changed) return Failure(changed.error());
  schemas_.emplace(schema->version, schema);
  if (*changed) release();  // the columns of the schema in use may have new names and types
  return {};
}

Result<void> MirrorTable::use(const TableSchema& schema, std::vector<Refusal>& refused) {
  if (current_ == &schema) return {};
  if (auto done = execute(refused); !done) return done;
  release();
  const SchemaPtr& shared = schemas_.at(schema.version);
  current_ = shared.get();
  net_ = std::make_unique<TableNet>(*current_);
  rows_ = std::make_shared<NetRows>(shared, target_.columns_of(*current_), net_->key());
  rows_id_ = connection_.database().rows().add(rows_);
  return {};
}

Result<void> MirrorTable::add(const Change& change, bool is_new, std::vector<Refusal>& refused) {
  if (auto done = use(*change.table, refused); !done) return done;
  if (change.op == Op::kTruncate) {
    net_->truncate();
    return {};
  }
  switch (net_->add(change, is_new)) {
    case TableNet::Added::kDone:
      return {};
    case TableNet::Added::kMove:
      return move(change, refused);
    case TableNet::Added::kNoIdentity:
      break;
  }
  refused.push_back(
      {&change, Error(ErrorKind::kData,
                      change.table->full_name() + " at " + format_lsn(change.lsn) +
                          ": the server did not send what tells which row this was",
                      "ALTER TABLE " + change.table->full_name() + " REPLICA IDENTITY FULL")});
  return {};
}

Result<void> MirrorTable::execute(std::vector<Refusal>& refused) {
  if (net_ == nullptr || net_->empty()) return {};
  if (net_->is_truncated()) {
    auto done = connection_.execute("DELETE FROM " + name().sql());
    if (!done) return Failure(done.error());
  }
  auto done = net_->key().empty() ? execute_multiset(refused) : execute_keyed(refused);
  net_->clear();
  if (!done) return Failure(done.error().in("mirror of " + current_->full_name()));
  return {};
}

Result<void> MirrorTable::empty_out() {
  forget();
  auto done = connection_.execute("DELETE FROM " + name().sql());
  if (!done) return Failure(done.error());
  return {};
}

Result<void> MirrorTable::execute_keyed(std::vector<Refusal>& refused) {
  std::vector<ServedRow> fresh;
  std::map<std::string, std::vector<ServedRow>> stored;  // by mask
  for (const NetRow& row : net_->rows()) {
    if (row.state == NetRow::State::kVoid) continue;
    const bool is_gone = row.state == NetRow::State::kGone;
    const ServedRow served{row.change, row.values, nullptr, is_gone, is_gone, 1};
    if (row.is_new) {
      fresh.push_back(served);
    } else {
      stored[is_gone ? std::string(rows_->stored().size(), '0') : mask_of(row.values)].push_back(
          served);
    }
  }
  for (auto& [mask, rows] : stored) {
    if (auto done = write_masked(mask, std::move(rows), refused); !done) return done;
  }
  if (fresh.empty()) return {};
  auto done = run(append_sql(), std::move(fresh), refused);
  if (!done) return Failure(done.error());
  return {};
}

Result<void> MirrorTable::write_masked(const std::string& mask, std::vector<ServedRow> rows,
                                       std::vector<Refusal>& refused) {
  const size_t wanted = rows.size() + refused.size();
  auto written = run(merge_sql(mask), std::move(rows), refused);
  if (!written) return Failure(written.error());
  const bool is_partial = mask.find('1') != std::string::npos;
  if (is_partial && *written + refused.size() < wanted) {
    log::warn(
        "updates of rows that the mirror does not have, and whose unchanged values were not sent, "
        "are left out",
        {{"table", name().text()}, {"rows", wanted - *written - refused.size()}});
  }
  return {};
}

Result<void> MirrorTable::execute_multiset(std::vector<Refusal>& refused) {
  std::vector<ServedRow> taken;
  std::vector<ServedRow> added;
  for (const NetRow& row : net_->rows()) {
    if (row.count < 0) {
      taken.push_back({row.change, row.values, nullptr, true, false, -row.count});
    }
    for (int64_t i = 0; i < row.count; ++i) {
      added.push_back({row.change, row.values, nullptr, false, false, 1});
    }
  }
  if (!taken.empty() && !net_->is_truncated()) {
    int64_t wanted = 0;
    for (const ServedRow& row : taken)
      wanted += row.count;
    auto done = run(take_away_sql(), std::move(taken), refused);
    if (!done) return Failure(done.error());
    const int64_t missing = wanted - static_cast<int64_t>(*done + refused.size());
    if (missing > 0) {
      log::warn(
          "old rows of updates and deletes that the mirror does not have: millrace verify tells "
          "which rows differ",
          {{"table", name().text()}, {"rows", missing}});
    }
  }
  if (added.empty()) return {};
  auto done = run(append_sql(), std::move(added), refused);
  if (!done) return Failure(done.error());
  return {};
}

// A key changed and values of the row are known only where it is stored.
Result<void> MirrorTable::move(const Change& change, std::vector<Refusal>& refused) {
  if (auto done = execute(refused); !done) return done;
  const std::string mask = mask_of(change.after.values);
  auto done = run("UPDATE " + name().sql() + " AS t SET " + assignments(mask, true) + " FROM " +
                      rows_sql() + " AS s WHERE " + key_condition("s.o"),
                  {{&change, change.after.values, change.before.values, false, false, 1}}, refused);
  if (!done) return Failure(done.error());
  return {};
}

std::string MirrorTable::mask_of(const Datum* values) const {
  std::string out;
  for (const TargetColumn& column : rows_->stored()) {
    out += values[column.index].kind == DatumKind::kUnchanged ? '1' : '0';
  }
  return out;
}

Result<uint64_t> MirrorTable::run(const std::string& sql, std::vector<ServedRow> rows,
                                  std::vector<Refusal>& refused) {
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    auto made = connection_.prepare(sql);
    if (!made) return Failure(made.error());
    found = statements_.emplace(sql, std::move(*made)).first;
  }
  rows_->set(std::move(rows), &refused);
  auto result = found->second.execute();
  rows_->set({}, nullptr);
  if (!result) return Failure(result.error());
  return result->rows_changed();
}

std::string MirrorTable::rows_sql() const {
  return std::string(kRowsFunction) + "(" + std::to_string(rows_id_) + ")";
}

std::string MirrorTable::assignments(const std::string& mask, bool with_key) const {
  std::string out;
  for (size_t i = 0; i < rows_->stored().size(); ++i) {
    const auto& key = rows_->key();
    const bool is_key = std::find(key.begin(), key.end(), i) != key.end();
    if (mask[i] == '1' || (is_key && !with_key)) continue;
    if (!out.empty()) out += ", ";
    out += quote_name(rows_->stored()[i].name) + " = s.c" + std::to_string(i);
  }
  return out;
}

// prefix "s.c": the row's key; "s.o": its old one.
std::string MirrorTable::key_condition(const char* prefix) const {
  std::string out;
  const auto& key = rows_->key();
  const bool is_old = std::string_view(prefix) == "s.o";
  for (size_t i = 0; i < key.size(); ++i) {
    if (i > 0) out += " AND ";
    out += "t." + quote_name(rows_->stored()[key[i]].name) + " = " + prefix +
           std::to_string(is_old ? i : key[i]);
  }
  return out;
}

std::string MirrorTable::insert_sql() const {
  std::string names;
  std::string values;
  for (size_t i = 0; i < rows_->stored().size(); ++i) {
    if (i > 0) names += ", ", values += ", ";
    names += quote_name(rows_->stored()[i].name);
    values += "s.c" + std::to_string(i);
  }
  return "(" + names + ") VALUES (" + values + ")";
}

std::string MirrorTable::merge_sql(const std::string& mask) const {
  const std::string set = assignments(mask, false);
  std::string sql = "MERGE INTO " + name().sql() + " AS t USING (SELECT * FROM " + rows_sql() +
                    ") AS s ON (" + key_condition("s.c") +
                    ") WHEN MATCHED AND s.gone THEN DELETE WHEN MATCHED THEN " +
                    (set.empty() ? "DO NOTHING" : "UPDATE SET " + set);
  if (mask.find('1') == std::string::npos) {
    sql += " WHEN NOT MATCHED AND NOT s.gone THEN INSERT " + insert_sql();
  }
  return sql;
}

// Of the stored rows that equal a row (NULL = NULL, NaN = NaN), as many as were deleted.
std::string MirrorTable::take_away_sql() const {
  std::string equal;
  for (size_t i = 0; i < rows_->stored().size(); ++i) {
    const TargetColumn& column = rows_->stored()[i];
    std::string stored = "t." + quote_name(column.name);
    std::string served = "s.c" + std::to_string(i);
    // To DuckDB 30 days equal a month, and a time of one zone that of another: these are compared
    // as they are.
    if (column.type.kind == Storage::kInterval || column.type.kind == Storage::kTimetz) {
      stored = "CAST(" + stored + " AS VARCHAR)";
      served = "CAST(" + served + " AS VARCHAR)";
    }
    equal += (i > 0 ? " AND " : "") + stored + " IS NOT DISTINCT FROM " + served;
  }
  return "DELETE FROM " + name().sql() +
         " WHERE rowid IN (SELECT id FROM (SELECT t.rowid AS id, s.n AS n, row_number() OVER "
         "(PARTITION BY s.i) AS place FROM " +
         name().sql() + " AS t JOIN (SELECT *, row_number() OVER () AS i FROM " + rows_sql() +
         ") AS s ON " + equal + ") WHERE place <= n)";
}

std::string MirrorTable::append_sql() const {
  std::string names;
  std::string values;
  for (size_t i = 0; i < rows_->stored().size(); ++i) {
    if (i > 0) names += ", ", values += ", ";
    names += quote_name(rows_->stored()[i].name);
    values += "c" + std::to_string(i);
  }
  return "INSERT INTO " + name().sql() + " (" + names + ") SELECT " + values + " FROM " +
         rows_sql();
}

}  // namespace millrace::duckdb
