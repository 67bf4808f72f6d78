#include "tests/conformance/items.h"

#include <fmt/format.h>

#include <deque>

namespace millrace::conformance {

namespace {

Column column(std::string name, PgType type) {
  Column out;
  out.name = std::move(name);
  out.type.type = type;
  return out;
}

// Lives as long as the view.
struct Made {
  std::deque<std::string> texts;
  std::vector<Record> records;

  std::string_view keep(std::string text) { return texts.emplace_back(std::move(text)); }
};

}  // namespace

Items::Items(std::string run, bool keyless)
    : run_(std::move(run)), table_(std::make_shared<TableSchema>()) {
  table_->oid = 1;
  table_->schema = "public";
  table_->name = "item";
  table_->columns = {column("id", PgType::kInt4), column("email", PgType::kText),
                     column("at", PgType::kTimestamp), column("padding", PgType::kText)};
  for (size_t i = 0; i < table_->columns.size(); ++i)
    table_->columns[i].attnum = static_cast<int16_t>(i + 1);
  if (!keyless) table_->key = table_->primary_key = {0};
  table_->columns[0].identity = !keyless;
  table_->version = next_schema_version();
}

BatchView Items::batch(uint64_t seq, const std::vector<Item>& items) const {
  auto batch = std::make_shared<Batch>(nullptr);
  auto made = std::make_shared<Made>();
  batch->seq = seq;
  batch->schemas.push_back(table_);
  batch->offset.position = {seq * 100, UINT64_MAX};
  batch->offset.lsn = batch->offset.lsn_proc = batch->offset.lsn_commit = seq * 100 + 50;
  batch->offset.message_type = "COMMIT";
  const std::string_view topic = made->keep(run_);
  for (size_t i = 0; i < items.size(); ++i) {
    const Item& item = items[i];
    const std::string_view values[] = {
        made->keep(std::to_string(item.id)),
        item.refused ? kRefusedAddress
                     : made->keep(fmt::format("item{}@{}.example.com", item.id, run_)),
        item.refused ? "294276-12-31 23:59:59" : "2026-01-02 03:04:05",
        made->keep(std::string(item.padding, 'x'))};
    auto* row = batch->arena.allocate_array<Datum>(std::size(values));
    for (size_t c = 0; c < std::size(values); ++c) {
      const std::string_view kept = batch->arena.copy(values[c]);
      row[c] = {kept.data(), static_cast<uint32_t>(kept.size()), DatumKind::kText};
    }
    Change change;
    change.table = table_.get();
    change.after = {row, static_cast<uint16_t>(std::size(values)), TupleKind::kFull};
    change.position = position_of(seq, i);
    change.lsn = seq * 100 - 50 + i;
    change.commit_us = 1'700'000'000'000'000;
    batch->changes.push_back(change);
    const size_t padding = item.refused ? kRefusedBytes : item.padding;
    made->records.push_back({.change = static_cast<uint32_t>(i),
                             .topic = topic,
                             .key = made->keep(fmt::format(R"({{"id":{}}})", item.id)),
                             .value = made->keep(fmt::format(R"({{"id":{},"padding":"{}"}})",
                                                             item.id, std::string(padding, 'x'))),
                             .headers = {}});
  }
  BatchView out;
  out.batch = batch;
  out.changes = batch->changes;
  out.records = made->records;
  out.keep.push_back(made);
  return out;
}

}  // namespace millrace::conformance
