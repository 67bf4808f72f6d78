// Temporary tables of a comparison, c0, c1, … being the target's columns:
//   source   c0 … v             the rows of the source; v = which version a row is
//   apart    c0 … n v           rows that are not as often on both sides; n > 0: more at the source
//   found_R  c(key) wanted held v same    what differs after round R, by key
// v are the versions, those of the mirror's rows being their rowids.
#include "command/verify_mirror.h"

#include <algorithm>
#include <charconv>

#include "sink/duckdb/table_net.h"
#include "wire/duckdb/postgres_text.h"

namespace millrace {

namespace {

using duckdb::quote_name;
using duckdb::Storage;

constexpr uint64_t kRereadByKeyMax = 1000;
constexpr int kExamples = 10;

std::string column_name(size_t i) {
  return "c" + std::to_string(i);
}

// DuckDB takes 30 days for a month and a time of one zone for that of another: these are compared
// as they are written.
bool is_compared_as_text(duckdb::StorageType type) {
  return type.kind == Storage::kInterval || type.kind == Storage::kTimetz;
}

std::string compared(const std::string& name, duckdb::StorageType type) {
  return is_compared_as_text(type) ? "CAST(" + name + " AS VARCHAR)" : name;
}

std::string list(const std::vector<std::string>& items, const char* between = ", ") {
  std::string out;
  for (const std::string& item : items)
    out += (out.empty() ? "" : between) + item;
  return out;
}

Result<void> run(duckdb::Connection& warehouse, const std::string& sql) {
  auto done = warehouse.execute(sql);
  if (!done) return Failure(done.error());
  return {};
}

uint64_t number_at(duckdb::ResultSet& rows, uint64_t row, uint64_t column) {
  const std::string text = rows.text(row, column).value_or("0");
  uint64_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

}  // namespace

MirrorComparison::MirrorComparison(SchemaPtr table, duckdb::TargetName target, int number)
    : table_(std::move(table)),
      versioned_(with_version(*table_, !duckdb::mirror_key(*table_).empty())),
      target_(std::move(target)),
      number_(number) {
  report_.source = table_->full_name();
  report_.target = target_.name().text();
}

std::string MirrorComparison::name(const char* what) const {
  return "millrace_verify_" + std::to_string(number_) + "_" + what;
}

std::string MirrorComparison::found(int round) const {
  return name("found_") + std::to_string(round);
}

bool MirrorComparison::is_key(size_t column) const {
  return std::find(key_.begin(), key_.end(), column) != key_.end();
}

Result<void> MirrorComparison::compare(duckdb::Connection& warehouse, const PostgresConfig& config,
                                       const SourceSnapshot& snapshot, bool is_quiet,
                                       const GoOn& go_on) {
  ++round_;
  if (round_ == 1) {
    if (auto done = read_target(warehouse); !done) return done;
  }
  Result<void> done = load_source(warehouse, config, snapshot, go_on);
  if (done && round_ == 1) {
    auto rows = warehouse.query("SELECT count(*) FROM " + name("source"));
    if (!rows) return Failure(rows.error());
    report_.rows = number_at(*rows, 0, 0) + report_.refused;
  }
  if (done) done = find_differences(warehouse);
  settled_ = is_quiet;
  if (done && is_quiet) done = run(warehouse, "UPDATE " + found(round_) + " SET same = true");
  if (done && !is_quiet) done = look_whether_settled(warehouse);
  if (done) return {};
  return Failure(done.error().in("comparing " + report_.source));
}

// Which columns are compared: those of the source, where and as what the mirror has them.
Result<void> MirrorComparison::read_target(duckdb::Connection& warehouse) {
  duckdb::Bookkeeping bookkeeping(warehouse, "", "");
  if (auto done = target_.read(warehouse, bookkeeping); !done) return done;
  columns_ = target_.columns_of(*table_);
  target_exists_ = !columns_.empty();
  if (!target_exists_) {
    report_.notes.push_back("the warehouse has no table " + report_.target);
    for (const duckdb::StoredColumn& column : duckdb::stored_columns(*table_))
      columns_.push_back({column.index, column.name, column.type, column.type});
  }
  const auto position = [&](uint16_t index) {
    return std::find_if(columns_.begin(), columns_.end(),
                        [&](const duckdb::TargetColumn& column) { return column.index == index; });
  };
  for (size_t i = 0; i < table_->columns.size(); ++i) {
    const Column& column = table_->columns[i];
    if (column.is_kept() && position(static_cast<uint16_t>(i)) == columns_.end())
      report_.lacking_columns.push_back(column.name);
  }
  for (const uint16_t index : duckdb::mirror_key(*table_)) {
    if (position(index) != columns_.end())
      key_.push_back(static_cast<size_t>(position(index) - columns_.begin()));
  }
  has_key_ = !key_.empty() && key_.size() == duckdb::mirror_key(*table_).size();
  if (has_key_) return {};
  key_.clear();
  for (size_t i = 0; i < columns_.size(); ++i)
    key_.push_back(i);
  return {};
}

Result<void> MirrorComparison::load_source(duckdb::Connection& warehouse,
                                           const PostgresConfig& config,
                                           const SourceSnapshot& snapshot, const GoOn& go_on) {
  std::optional<std::string> select;
  if (round_ > 1) {
    auto made = select_again(warehouse);
    if (!made) return Failure(made.error());
    select = std::move(*made);
  }
  auto reader = snapshot.read(config, versioned_, select);
  if (!reader) return Failure(reader.error());
  auto rows =
      std::make_shared<SourceRows>(std::move(*reader), columns_, table_->columns.size(), go_on);
  auto refused = load_rows(warehouse, name("source"), rows);
  if (!refused) return Failure(refused.error());
  if (round_ == 1) report_.refused = *refused;
  return {};
}

// The statement that reads only the rows that differed; nullopt: all rows must be read, for they
// have no key, one that is not written as PostgreSQL does, or are too many.
Result<std::optional<std::string>> MirrorComparison::select_again(
    duckdb::Connection& warehouse) const {
  if (!has_key_) return std::nullopt;
  std::vector<std::string> texts;
  std::vector<uint16_t> indices;
  for (const size_t i : key_) {
    if (is_compared_as_text(columns_[i].type)) return std::nullopt;
    texts.push_back(duckdb::postgres_text(column_name(i), columns_[i].type));
    indices.push_back(columns_[i].index);
  }
  auto rows = warehouse.query("SELECT " + list(texts) + " FROM " + found(round_ - 1) + " LIMIT " +
                              std::to_string(kRereadByKeyMax + 1));
  if (!rows) return Failure(rows.error());
  if (rows->row_count() == 0 || rows->row_count() > kRereadByKeyMax) return std::nullopt;
  std::vector<std::vector<std::string>> keys;
  for (uint64_t row = 0; row < rows->row_count(); ++row) {
    auto& key = keys.emplace_back();
    for (uint64_t i = 0; i < key_.size(); ++i)
      key.push_back(rows->text(row, i).value_or(""));
  }
  return select_rows(*versioned_, indices, keys);
}

std::string MirrorComparison::values(bool of_source) const {
  std::vector<std::string> out;
  for (size_t i = 0; i < columns_.size(); ++i) {
    const std::string from = of_source ? column_name(i) : quote_name(columns_[i].name);
    out.push_back(compared(from, columns_[i].type) + " AS " + column_name(i));
  }
  return list(out);
}

// From the second round on: the rows that were found before.
std::string MirrorComparison::only_found(bool of_source) const {
  if (round_ == 1) return "";
  std::vector<std::string> equal;
  for (const size_t i : key_) {
    const std::string from = of_source ? column_name(i) : quote_name(columns_[i].name);
    equal.push_back("f." + column_name(i) + " IS NOT DISTINCT FROM " +
                    compared("t." + from, columns_[i].type));
  }
  return " WHERE EXISTS (SELECT 1 FROM " + found(round_ - 1) + " AS f WHERE " +
         list(equal, " AND ") + ")";
}

std::string MirrorComparison::same_key(const std::string& a, const std::string& b) const {
  std::vector<std::string> equal;
  equal.reserve(key_.size());
  for (const size_t i : key_) {
    equal.push_back(a + "." + column_name(i) + " IS NOT DISTINCT FROM " + b + "." + column_name(i));
  }
  return list(equal, " AND ");
}

Result<void> MirrorComparison::find_differences(duckdb::Connection& warehouse) {
  std::vector<std::string> all;
  std::vector<std::string> key;
  for (size_t i = 0; i < columns_.size(); ++i) {
    all.push_back(column_name(i));
    if (is_key(i)) key.push_back(column_name(i));
  }
  std::string both = "SELECT " + values(true) + ", 1 AS n, hash(v) AS v FROM " + name("source") +
                     " AS t" + only_found(true);
  if (target_exists_) {
    both += " UNION ALL SELECT " + values(false) + ", -1, hash(t.rowid) FROM " +
            target_.name().sql() + " AS t" + only_found(false);
  }
  auto done =
      run(warehouse, "CREATE OR REPLACE TEMP TABLE " + name("apart") + " AS SELECT " + list(all) +
                         ", CAST(sum(n) AS BIGINT) AS n, bit_xor(v) AS v FROM (" + both +
                         ") GROUP BY " + list(all) + " HAVING sum(n) <> 0");
  if (!done) return done;
  const std::string now =
      "SELECT " + list(key) +
      ", CAST(coalesce(sum(n) FILTER (n > 0), 0) AS BIGINT) AS wanted, "
      "CAST(coalesce(-sum(n) FILTER (n < 0), 0) AS BIGINT) AS held, bit_xor(v) AS v FROM " +
      name("apart") + " GROUP BY " + list(key);
  const std::string make = "CREATE OR REPLACE TEMP TABLE " + found(round_) + " AS SELECT ";
  if (round_ == 1) {
    return run(warehouse, make + "*, true AS same FROM (" + now + ")");
  }
  for (std::string& column : key)
    column = "n." + column;
  // A version that the source had at both snapshots, it had between them, when the mirror was read.
  // More of a row than the source has may have come and gone at each: all rounds look whether the
  // mirror's row is the same one.
  return run(warehouse, make + list(key) +
                            ", least(n.wanted, p.wanted) AS wanted, least(n.held, p.held) AS held, "
                            "n.v AS v, n.v = p.v AND (n.wanted > 0 OR p.same) AS same FROM (" +
                            now + ") AS n JOIN " + found(round_ - 1) + " AS p ON " +
                            same_key("n", "p") +
                            " WHERE least(n.wanted, p.wanted) + least(n.held, p.held) > 0");
}

Result<void> MirrorComparison::look_whether_settled(duckdb::Connection& warehouse) {
  const std::string open = round_ == 1 ? "" : " WHERE NOT same OR wanted = 0";
  auto rows = warehouse.query("SELECT count(*) FROM " + found(round_) + open);
  if (!rows) return Failure(rows.error());
  settled_ = number_at(*rows, 0, 0) == 0;
  return {};
}

Result<VerifiedTable> MirrorComparison::report(duckdb::Connection& warehouse) {
  Result<void> done = count(warehouse);
  if (done) done = add_examples(warehouse);
  if (!done) return Failure(done.error().in("comparing " + report_.source));
  return std::move(report_);
}

Result<void> MirrorComparison::count(duckdb::Connection& warehouse) {
  const std::string what =
      has_key_
          ? "count(*) FILTER (same AND held = 0), count(*) FILTER (same AND wanted = 0), "
            "count(*) FILTER (same AND held > 0 AND wanted > 0), "
          : "coalesce(sum(wanted) FILTER (same), 0), coalesce(sum(held) FILTER (same), 0), 0, ";
  auto rows = warehouse.query("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (SELECT " + what +
                              "count(*) FILTER (NOT same) FROM " + found(round_) + ")");
  if (!rows) return Failure(rows.error());
  report_.missing = number_at(*rows, 0, 0);
  report_.too_many = number_at(*rows, 0, 1);
  report_.different = number_at(*rows, 0, 2);
  const uint64_t changing = number_at(*rows, 0, 3);
  if (changing > 0) {
    report_.notes.push_back(
        std::to_string(changing) +
        " rows changed at the source each time they were compared: not decided");
  }
  return {};
}

Result<void> MirrorComparison::add_examples(duckdb::Connection& warehouse) {
  if (report_.missing + report_.too_many + report_.different == 0) return {};
  std::vector<std::string> texts = {"f.wanted", "f.held"};
  for (const size_t i : key_)
    texts.push_back("f." + column_name(i));
  for (const char* side : {"s.", "m."}) {
    for (size_t i = 0; i < columns_.size(); ++i)
      texts.push_back(side + column_name(i));
  }
  for (std::string& text : texts)
    text = "CAST(" + text + " AS VARCHAR)";
  auto rows =
      warehouse.query("SELECT " + list(texts) + " FROM " + found(round_) + " AS f LEFT JOIN " +
                      name("apart") + " AS s ON s.n > 0 AND " + same_key("f", "s") + " LEFT JOIN " +
                      name("apart") + " AS m ON m.n < 0 AND " + same_key("f", "m") +
                      " WHERE f.same ORDER BY ALL LIMIT " + std::to_string(kExamples));
  if (!rows) return Failure(rows.error());
  const size_t first_source = 2 + key_.size();
  const size_t first_stored = first_source + columns_.size();
  for (uint64_t row = 0; row < rows->row_count(); ++row) {
    DifferentRow& made = report_.examples.emplace_back();
    const uint64_t wanted = number_at(*rows, row, 0);
    const uint64_t held = number_at(*rows, row, 1);
    made.kind = held == 0     ? DifferentRow::Kind::kMissing
                : wanted == 0 ? DifferentRow::Kind::kTooMany
                              : DifferentRow::Kind::kDifferent;
    if (!has_key_) made.count = std::max(wanted, held);
    for (size_t i = 0; i < key_.size(); ++i)
      made.row.emplace_back(columns_[key_[i]].name, rows->text(row, 2 + i));
    if (made.kind != DifferentRow::Kind::kDifferent) continue;
    for (size_t i = 0; i < columns_.size(); ++i) {
      auto source = rows->text(row, first_source + i);
      auto stored = rows->text(row, first_stored + i);
      if (source != stored) made.values.push_back({columns_[i].name, source, stored});
    }
  }
  return {};
}

}  // namespace millrace
