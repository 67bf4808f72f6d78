#include "convert/json/source_block.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <concepts>

#include "convert/json/type_schema.h"

namespace millrace {

namespace {

template <std::integral T>
void append(std::string& to, T number) {
  std::array<char, 21> text;
  to.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr);
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

bool SourceBlock::Shared::fits(const Change& change, std::string_view part) const {
  return !before_lsn.empty() && change.commit_us == commit_us && change.xid == xid &&
         change.last_commit_lsn == last_commit_lsn && change.snapshot == snapshot &&
         part == table_part;
}

void SourceBlock::renew(const Change& change, std::string_view table_part) {
  const int64_t us = change.commit_us;
  shared_.commit_us = us;
  shared_.last_commit_lsn = change.last_commit_lsn;
  shared_.xid = change.xid;
  shared_.snapshot = change.snapshot;
  shared_.table_part = table_part;
  std::string& before = shared_.before_lsn;
  before = head_;
  append(before, us / 1000);
  before += R"(,"snapshot":)";
  before += snapshot_json(change.snapshot);
  before += database_;
  // Members are decimal strings within a JSON text that is itself a JSON string.
  if (change.last_commit_lsn == 0) {
    before += "null,";
  } else {
    before += R"(\")";
    append(before, change.last_commit_lsn);
    before += R"(\",)";
  }
  std::string& after = shared_.after_lsn;
  after = R"(]","ts_us":)";
  append(after, us);
  after += R"(,"ts_ns":)";
  append(after, static_cast<int64_t>(static_cast<uint64_t>(us) * 1000));  // wraps, as in Java
  after += table_part;
  after += R"(,"txId":)";
  if (change.xid == 0)
    after += "null";
  else
    append(after, change.xid);
  after += R"(,"lsn":)";
}

void SourceBlock::write(const Change& change, std::string_view table_part, JsonWriter& out) {
  if (!shared_.fits(change, table_part)) renew(change, table_part);
  out.raw(shared_.before_lsn);
  if (change.lsn == 0) {
    out.raw("null");
    out.raw(shared_.after_lsn);
    out.raw(R"(null,"xmin":null})");
    return;
  }
  out.raw(R"(\")");
  out.number(change.lsn);
  out.raw(R"(\")");
  out.raw(shared_.after_lsn);
  out.number(static_cast<int64_t>(change.lsn));  // a Java long
  out.raw(R"(,"xmin":null})");
}

}  // namespace millrace
