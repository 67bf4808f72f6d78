#include "convert/json/source_block.h"

#include <fmt/format.h>

#include "convert/json/type_schema.h"

namespace millrace {

namespace {

// Sequence members are decimal strings within a JSON text that is itself a JSON string.
void write_sequence_member(Lsn lsn, JsonWriter& out) {
  if (lsn == 0) {
    out.raw("null");
    return;
  }
  out.raw(R"(\")");
  out.number(lsn);
  out.raw(R"(\")");
}

// LSNs are Java longs.
void write_lsn(Lsn lsn, JsonWriter& out) {
  if (lsn == 0)
    out.raw("null");
  else
    out.number(static_cast<int64_t>(lsn));
}

}  // namespace

SourceBlock::SourceBlock(const JsonConverterConfig& config)
    : head_(fmt::format(R"({{"version":{},"connector":"postgresql","name":{},"ts_ms":)",
                        jackson_quoted(config.source_version),
                        jackson_quoted(config.topic_prefix))),
      database_(fmt::format(R"(,"db":{},"sequence":"[)", jackson_quoted(config.database))),
      replace_null_(config.value_replace_null) {}

// While streaming the field is absent, and the converter writes its default "false" where it may.
std::string_view SourceBlock::snapshot_json(SnapshotMarker marker) const {
  switch (marker) {
    case SnapshotMarker::kFalse:
      return replace_null_ ? R"("false")" : "null";
    case SnapshotMarker::kFirst:
      return R"("first")";
    case SnapshotMarker::kFirstInTable:
      return R"("first_in_data_collection")";
    case SnapshotMarker::kTrue:
      return R"("true")";
    case SnapshotMarker::kLastInTable:
      return R"("last_in_data_collection")";
    case SnapshotMarker::kLast:
      return R"("last")";
  }
  return "null";
}

void SourceBlock::write(const Change& change, std::string_view table_part, JsonWriter& out) const {
  const int64_t us = change.commit_us;
  out.raw(head_);
  out.number(us / 1000);
  out.raw(R"(,"snapshot":)");
  out.raw(snapshot_json(change.snapshot));
  out.raw(database_);
  write_sequence_member(change.last_commit_lsn, out);
  out.raw(',');
  write_sequence_member(change.lsn, out);
  out.raw(R"(]","ts_us":)");
  out.number(us);
  out.raw(R"(,"ts_ns":)");
  out.number(static_cast<int64_t>(static_cast<uint64_t>(us) * 1000));  // wraps, as in Java
  out.raw(table_part);
  out.raw(R"(,"txId":)");
  if (change.xid == 0)
    out.raw("null");
  else
    out.number(change.xid);
  out.raw(R"(,"lsn":)");
  write_lsn(change.lsn, out);
  out.raw(R"(,"xmin":null})");
}

}  // namespace millrace
