#include "pipeline/dead_letter.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <ctime>
#include <fstream>

#include "base/clock.h"
#include "base/json_text.h"

namespace millrace {

namespace {

std::string format_time(int64_t unix_ms) {
  const time_t seconds = unix_ms / 1000;
  tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     unix_ms % 1000);
}

void append_wrapped(std::string& out, std::string_view encoding, std::string_view bytes) {
  out += fmt::format(R"({{"{}":")", encoding);
  append_base64(out, bytes);
  out += "\"}";
}

void append_text(std::string& out, std::string_view text) {
  if (simdjson::validate_utf8(text.data(), text.size())) {
    append_json_string(out, text);
  } else {
    append_wrapped(out, "base64", text);
  }
}

void append_datum(std::string& out, const Datum& datum) {
  switch (datum.kind) {
    case DatumKind::kText:
      return append_text(out, datum.view());
    case DatumKind::kBinary:
      return append_wrapped(out, "binary", datum.view());
    case DatumKind::kUnchanged:
      out += R"({"unchanged":true})";
      return;
    case DatumKind::kNull:
    case DatumKind::kAbsent:
      out += "null";
      return;
  }
}

void append_row(std::string& out, const TableSchema* table, const Tuple& row) {
  if (!row || table == nullptr) {
    out += "null";
    return;
  }
  out += '{';
  bool first = true;
  const size_t count = std::min<size_t>(row.count, table->columns.size());
  for (size_t i = 0; i < count; ++i) {
    if (row[i].kind == DatumKind::kAbsent) continue;
    if (!first) out += ',';
    first = false;
    append_json_string(out, table->columns[i].name);
    out += ':';
    append_datum(out, row[i]);
  }
  out += '}';
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
  out += fmt::format(R"(,"{}":)", name);
  append_text(out, text);
}

void append_table(std::string& out, const TableSchema& table) {
  append_member(out, "table", table.full_name());
  out += R"(,"key":[)";
  for (size_t i = 0; i < table.key.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, table.columns[table.key[i]].name);
  }
  out += ']';
}

// A crash can leave a torn last line; the next letter must not be glued to it.
Result<AppendFile> open_at_line_start(const std::string& path) {
  auto file = AppendFile::open(path);
  if (!file || file->size() == 0) return file;
  std::ifstream in(path, std::ios::binary);
  in.seekg(-1, std::ios::end);
  if (in.get() == '\n') return file;
  if (auto ended = file->append("\n"); !ended) return Failure(ended.error());
  return file;
}

}  // namespace

Result<void> FileDeadLetters::add(const Change& change, const Error& why) {
  std::string& out = pending_;
  out += fmt::format(R"({{"ts":"{}")", format_time(unix_now_ms()));
  append_member(out, "pipeline", options_.pipeline);
  append_member(out, "branch", options_.branch);
  append_member(out, "reason", name(why.kind));
  append_member(out, "message", why.message);
  if (!why.cure.empty()) append_member(out, "cure", why.cure);
  append_member(out, "op", std::string(1, static_cast<char>(change.op)));
  append_member(out, "lsn", format_lsn(change.lsn));
  append_member(out, "commit_lsn", format_lsn(change.position.commit_lsn));
  out += fmt::format(R"(,"ordinal":{},"xid":{})", change.position.ordinal, change.xid);
  if (change.op == Op::kMessage) {
    append_member(out, "prefix", change.prefix);
    append_member(out, "content", change.content);
  }
  if (change.table != nullptr) append_table(out, *change.table);
  out += R"(,"before":)";
  append_row(out, change.table, change.before);
  out += R"(,"after":)";
  append_row(out, change.table, change.after);
  out += "}\n";
  ++pending_count_;
  // A batch may have refused many: memory stays bounded, durability is still flush()'s.
  constexpr size_t kPendingBytes = 1024 * 1024;
  return pending_.size() < kPendingBytes ? Result<void>() : flush();
}

Result<void> FileDeadLetters::flush() {
  if (pending_.empty()) return {};
  if (!file_.is_open()) {
    auto file = open_at_line_start(options_.path);
    if (!file) return Failure(file.error());
    file_ = std::move(*file);
  }
  if (file_.size() + pending_.size() > options_.max_bytes) {
    return fail(
        ErrorKind::kIo,
        fmt::format("flood of refused records: \"{}\" would grow past dead.letter.max.bytes ({})",
                    options_.path, options_.max_bytes),
        "read why they were refused, mend it, then move the file away or raise the limit");
  }
  const uint64_t whole = file_.size();
  auto written = file_.append(pending_);
  if (written) written = file_.sync();
  if (!written) {
    // Without this a torn line would stand before the next letter. Its own failure says nothing
    // new.
    static_cast<void>(file_.truncate(whole));
    file_.close();
    return written;
  }
  count_ += pending_count_;
  pending_.clear();
  pending_count_ = 0;
  return {};
}

Result<void> read_dead_letters(const std::string& path,
                               const std::function<void(const DeadLetter&)>& take) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return {};
  simdjson::dom::parser parser;
  DeadLetter letter;
  while (std::getline(in, letter.json)) {
    simdjson::dom::element root;
    if (parser.parse(letter.json).get(root) != simdjson::SUCCESS || !root.is_object()) continue;
    const auto text = [&](const char* name) {
      std::string_view value;
      const bool is_string = root[name].get_string().get(value) == simdjson::SUCCESS;
      return is_string ? std::string(value) : std::string();
    };
    letter.ts = text("ts");
    letter.branch = text("branch");
    letter.reason = text("reason");
    letter.message = text("message");
    letter.table = text("table");
    letter.op = text("op");
    letter.lsn = text("lsn");
    take(letter);
  }
  if (in.bad()) return Failure(io_error("read", path, EIO));
  return {};
}

}  // namespace millrace
