#include "convert/json/default_expression.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "config/field.h"

namespace millrace {

namespace {

struct Known {
  PgType type;
  uint32_t oid;                  // pg_type.oid: a domain over the type has another, and no default
  std::string_view placeholder;  // instead of a function's value
};

// Types whose defaults are read; all others have none.
constexpr std::array kKnown = {
    Known{PgType::kBit, 1560, "00"},
    Known{PgType::kVarbit, 1562, "0"},
    Known{PgType::kBool, 16, "false"},
    Known{PgType::kBpchar, 1042, ""},
    Known{PgType::kVarchar, 1043, ""},
    Known{PgType::kText, 25, ""},
    Known{PgType::kNumeric, 1700, "0.0"},
    Known{PgType::kFloat4, 700, "0.0"},
    Known{PgType::kFloat8, 701, "0.0"},
    Known{PgType::kInt2, 21, "0"},
    Known{PgType::kInt4, 23, "0"},
    Known{PgType::kInt8, 20, "0"},
    Known{PgType::kJson, 114, "{}"},
    Known{PgType::kJsonb, 3802, "{}"},
    Known{PgType::kXml, 142, ""},
    Known{PgType::kUuid, 2950, "00000000-0000-0000-0000-000000000000"},
    Known{PgType::kDate, 1082, "1970-01-01"},
    Known{PgType::kTime, 1083, "00:00:00"},
    Known{PgType::kTimestamp, 1114, "1970-01-01 00:00:00"},
    Known{PgType::kTimestamptz, 1184, "1970-01-01 00:00:00+00"},
    Known{PgType::kInterval, 1186, "0"},
};

// ^[(]?[A-Za-z0-9_.]+\(.*\) , somewhere a closing parenthesis
bool looks_like_function(std::string_view text) {
  const auto is_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
  };
  if (text.starts_with('(')) text.remove_prefix(1);
  const auto name_end = std::find_if_not(text.begin(), text.end(), is_name);
  const auto name_size = static_cast<size_t>(name_end - text.begin());
  if (name_size == 0 || name_size == text.size() || text[name_size] != '(') return false;
  return text.find(')', name_size) != std::string_view::npos;
}

bool is_current_time(std::string_view text) {
  constexpr std::array<std::string_view, 5> kNames = {
      "current_timestamp", "current_time", "current_date", "localtime", "localtimestamp"};
  return std::any_of(kNames.begin(), kNames.end(),
                     [&](std::string_view name) { return same_name(name, text); });
}

std::optional<std::string> literal(std::string_view expression) {
  if (expression.starts_with("NULL::")) return std::nullopt;
  const size_t open = expression.find('\'');
  if (open == std::string_view::npos) return std::string(expression);
  const size_t close = expression.find('\'', open + 1);
  if (close == std::string_view::npos) return std::nullopt;
  return std::string(expression.substr(open + 1, close - open - 1));
}

// 'label'::type, and nothing else
std::optional<std::string> enum_label(std::string_view expression, std::string_view type) {
  const std::string cast = "::" + std::string(type);
  if (!expression.ends_with(cast)) return std::nullopt;
  expression.remove_suffix(cast.size());
  const bool quoted =
      expression.size() >= 2 && expression.front() == '\'' && expression.back() == '\'';
  if (!quoted) return std::nullopt;
  return std::string(expression.substr(1, expression.size() - 2));
}

// BigDecimal has no such values.
bool is_special_numeric(std::string_view text) {
  return text == "NaN" || text == "Infinity" || text == "-Infinity";
}

// A function's value where the column holds one bit: Debezium reads "00" as false.
std::string placeholder(const Known& known, const ColumnType& type) {
  if (known.type == PgType::kBit && type.length() == 1) return "0";
  return std::string(known.placeholder);
}

}  // namespace

std::optional<std::string> default_text(const Column& column) {
  if (!column.default_expression) return std::nullopt;
  const std::string_view expression = *column.default_expression;
  const ColumnType& type = column.type;
  if (type.type == PgType::kEnum) return enum_label(expression, type.name);
  const auto known = std::find_if(kKnown.begin(), kKnown.end(),
                                  [&](const Known& k) { return k.type == type.type; });
  if (known == kKnown.end() || (type.oid != 0 && type.oid != known->oid)) return std::nullopt;
  if (looks_like_function(expression) || is_current_time(expression)) {
    return placeholder(*known, type);
  }
  std::optional<std::string> text = literal(expression);
  if (type.type == PgType::kNumeric && text && is_special_numeric(*text)) return std::nullopt;
  return text;
}

}  // namespace millrace
