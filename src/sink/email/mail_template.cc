#include "sink/email/mail_template.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

namespace millrace {

namespace {

Failure no_such_column(const TableSchema& table, std::string_view column) {
  std::string names;
  for (const Column& c : table.columns) {
    if (!names.empty()) names += ", ";
    names += c.name;
  }
  return fail(ErrorKind::kConfig,
              fmt::format("a mail setting names the column \"{}\", which {} does not give", column,
                          table.full_name()),
              fmt::format("use one of its columns ({}), or add it to the branch's sql", names));
}

Failure bad_value(const Change& change, std::string_view column, std::string_view what) {
  return fail(ErrorKind::kData,
              fmt::format("column \"{}\" of {} at {} {}", column, change.table->full_name(),
                          format_lsn(change.lsn), what));
}

void append_html(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
}

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

std::string MailTemplate::parse(std::string_view text, MailTemplate& out) {
  out.parts_.clear();
  std::string plain;
  size_t at = 0;
  while (at < text.size()) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("$${")) {
      plain += "${";
      at += 3;
    } else if (rest.starts_with("${")) {
      const size_t end = rest.find('}');
      if (end == std::string_view::npos)
        return "has a ${ without its } (a plain ${ is written $${)";
      if (end == 2) return "has a ${} without a column's name";
      if (!plain.empty()) out.parts_.push_back({std::move(plain), false});
      plain.clear();
      out.parts_.push_back({std::string(rest.substr(2, end - 2)), true});
      at += end + 1;
    } else {
      plain += rest.front();
      ++at;
    }
  }
  if (!plain.empty()) out.parts_.push_back({std::move(plain), false});
  return "";
}

Result<std::string> MailTemplate::render(const Change& change, Escape escape) const {
  std::string out;
  for (const Part& part : parts_) {
    if (!part.is_column) {
      out += part.text;
      continue;
    }
    auto value = column_text(change, part.text);
    if (!value) return value;
    if (escape == Escape::kLine && has_control_character(*value)) {
      return bad_value(
          change, part.text,
          "has a line break or another control character, which a mail header must not have");
    }
    if (value->find('\0') != std::string::npos) {
      return bad_value(change, part.text, "has a NUL character");
    }
    if (escape == Escape::kHtml) {
      append_html(out, *value);
    } else {
      out += *value;
    }
  }
  return out;
}

Result<std::string> column_text(const Change& change, std::string_view column) {
  const TableSchema& table = *change.table;
  const Tuple& row = change.row();
  const auto found = std::ranges::find(table.columns, column, &Column::name);
  const auto index = static_cast<size_t>(found - table.columns.begin());
  if (found == table.columns.end()) return no_such_column(table, column);
  if (index >= row.count) return bad_value(change, column, "was not sent");
  const Datum& datum = row[index];
  std::string text;
  switch (datum.kind) {
    case DatumKind::kNull:
      return text;
    case DatumKind::kText:
      text = datum.view();
      break;
    case DatumKind::kUnchanged:
      return bad_value(change, column, "is a TOASTed value that the update did not send");
    case DatumKind::kAbsent:
      return bad_value(change, column, "was not sent (replica identity)");
  }
  if (!simdjson::validate_utf8(text)) return bad_value(change, column, "is not valid UTF-8");
  // The padding of char(n) is no part of the value (PostgreSQL compares without it).
  if (found->type.type == PgType::kBpchar) text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

}  // namespace millrace
