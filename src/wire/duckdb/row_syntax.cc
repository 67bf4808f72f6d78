#include "wire/duckdb/row_syntax.h"

#include <simdjson.h>

#include <mutex>
#include <set>
#include <string_view>

#include "wire/duckdb/changes_relation.h"

namespace millrace::duckdb {

namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::string_view kRelation = "changes";
constexpr const char* kRowWise =
    "a branch's sql works on each change by itself: projection, WHERE, joins to kept tables";

Failure unknown_form() {
  return fail(ErrorKind::kInternal, "DuckDB's syntax tree is not of the form that is known");
}

Failure refuse(const std::string& what) {
  return fail(ErrorKind::kConfig, "the sql has " + what + ", which is refused", kRowWise);
}

std::string_view text_of(element node, std::string_view key) {
  std::string_view out;
  if (node[key].get_string().get(out) != simdjson::SUCCESS) return {};
  return out;
}

bool is_set(element node, std::string_view key) {
  element member;
  if (node[key].get(member) != simdjson::SUCCESS || member.is_null()) return false;
  array list;
  return member.get_array().get(list) != simdjson::SUCCESS || list.size() > 0;
}

std::string modifier_name(std::string_view type) {
  if (type.starts_with("LIMIT")) return "LIMIT or OFFSET";
  if (type.starts_with("DISTINCT")) return "DISTINCT";
  if (type.starts_with("ORDER")) return "ORDER BY (the output keeps the order of the changes)";
  return std::string(type);
}

Result<void> check_clauses(element node) {
  if (text_of(node, "type") != "SELECT_NODE") return refuse("UNION, INTERSECT, EXCEPT or VALUES");
  array modifiers;
  if (node["modifiers"].get_array().get(modifiers) == simdjson::SUCCESS) {
    for (element modifier : modifiers)
      return refuse(modifier_name(text_of(modifier, "type")));
  }
  if (is_set(node, "group_expressions") ||
      text_of(node, "aggregate_handling") != "STANDARD_HANDLING") {
    return refuse("GROUP BY");
  }
  if (is_set(node, "having")) return refuse("HAVING");
  if (is_set(node, "qualify")) return refuse("QUALIFY");
  if (is_set(node, "sample")) return refuse("a sample");
  return {};
}

// Walks expressions; subqueries are left alone, for they cannot read `changes`.
class ExpressionCheck {
 public:
  explicit ExpressionCheck(const std::set<std::string, std::less<>>& aggregates)
      : aggregates_(aggregates) {}

  Result<void> walk(element node) {
    array list;
    if (node.get_array().get(list) == simdjson::SUCCESS) {
      for (element item : list) {
        if (auto done = walk(item); !done) return done;
      }
      return {};
    }
    object members;
    if (node.get_object().get(members) != simdjson::SUCCESS) return {};
    if (auto done = check(node); !done) return done;
    for (auto [key, value] : members) {
      if (key == "subquery") continue;
      if (auto done = walk(value); !done) return done;
    }
    return {};
  }

 private:
  Result<void> check(element node) const {
    const std::string_view kind = text_of(node, "class");
    const std::string name(text_of(node, "function_name"));
    if (kind == "WINDOW") return refuse("a window function (" + name + ")");
    if (kind == "FUNCTION" && aggregates_.contains(name)) {
      return refuse("an aggregate (" + name + ")");
    }
    return {};
  }

  const std::set<std::string, std::less<>>& aggregates_;
};

struct Found {
  std::string spelling;  // "Changes"
  std::string alias;
  int count = 0;
};

bool keeps_side(std::string_view join_type, bool left) {
  if (join_type == "INNER") return true;
  if (left) return join_type == "LEFT" || join_type == "SEMI" || join_type == "ANTI";
  return join_type == "RIGHT";
}

// Finds `changes` among the joined tables.
Result<void> find_changes(element from, bool is_kept, Found& found) {
  const std::string_view type = text_of(from, "type");
  if (type == "JOIN") {
    const std::string_view join = text_of(from, "join_type");
    element left;
    element right;
    if (from["left"].get(left) != simdjson::SUCCESS ||
        from["right"].get(right) != simdjson::SUCCESS) {
      return unknown_form();
    }
    if (auto done = find_changes(left, is_kept && keeps_side(join, true), found); !done) {
      return done;
    }
    return find_changes(right, is_kept && keeps_side(join, false), found);
  }
  if (type != "BASE_TABLE" || !text_of(from, "schema_name").empty()) return {};
  if (!same_ignoring_case(text_of(from, "table_name"), kRelation)) return {};
  if (!is_kept) return refuse("an outer join that makes rows without a change");
  if (is_set(from, "sample")) return refuse("a sample");
  found.spelling = text_of(from, "table_name");
  found.alias = text_of(from, "alias");
  ++found.count;
  return {};
}

// What is read off the tree: where `changes` stands.
Result<Found> check_tree(element root, const std::set<std::string, std::less<>>& aggregates) {
  array statements;
  if (root["statements"].get_array().get(statements) != simdjson::SUCCESS ||
      statements.size() != 1) {
    return fail(ErrorKind::kConfig, "the sql is not one SELECT statement", "write one SELECT");
  }
  element node;
  element from;
  if (root.at_pointer("/statements/0/node").get(node) != simdjson::SUCCESS) return unknown_form();
  if (auto done = check_clauses(node); !done) return Failure(done.error());
  ExpressionCheck expressions(aggregates);
  for (const char* part : {"select_list", "where_clause", "from_table"}) {
    element tree;
    if (node[part].get(tree) != simdjson::SUCCESS) return unknown_form();
    if (auto done = expressions.walk(tree); !done) return Failure(done.error());
  }
  if (node["from_table"].get(from) != simdjson::SUCCESS) return unknown_form();
  Found found;
  if (auto done = find_changes(from, true, found); !done) return Failure(done.error());
  if (found.count != 1) {
    return fail(
        ErrorKind::kConfig,
        found.count == 0 ? "the sql does not read from changes" : "the sql reads changes twice",
        "name changes once in the FROM of the outer SELECT");
  }
  return found;
}

// Position behind `"key":` of an object that is `depth` brackets deep; npos when there is none.
size_t find_key(std::string_view json, int depth, std::string_view key) {
  const std::string quoted = '"' + std::string(key) + "\":";
  int at_depth = 0;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == '{' || c == '[') ++at_depth;
    if (c == '}' || c == ']') --at_depth;
    if (c != '"') continue;
    if (at_depth == depth && json.substr(i).starts_with(quoted)) return i + quoted.size();
    for (++i; i < json.size() && json[i] != '"'; ++i) {
      if (json[i] == '\\') ++i;
    }
  }
  return std::string_view::npos;
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// {"error":…,"statements":[{"node":{ … the members of the outer SELECT are four brackets deep.
constexpr int kNodeDepth = 4;

Result<std::string> edit_tree(std::string json, const Found& found, const std::string& relation) {
  const std::string table = "\"table_name\":" + json_string(found.spelling);
  const size_t table_at = json.find(table);
  const bool is_twice = json.find(table, table_at + 1) != std::string::npos;
  const std::string base = "{\"type\":\"BASE_TABLE\",\"alias\":";
  const size_t base_at = table_at == std::string::npos ? table_at : json.rfind(base, table_at);
  if (base_at == std::string::npos) {
    return unknown_form();
  }
  if (is_twice) {
    return fail(ErrorKind::kConfig, "the sql reads changes in a subquery",
                "name changes once in the FROM of the outer SELECT");
  }
  json.replace(table_at, table.size(), "\"table_name\":" + json_string(relation));
  if (found.alias.empty()) {
    json.replace(base_at + base.size(), 2, json_string(found.spelling));
  }
  const size_t list_at = find_key(json, kNodeDepth, "select_list");
  if (list_at == std::string::npos || json[list_at] != '[') {
    return unknown_form();
  }
  const std::string& alias = found.alias.empty() ? found.spelling : found.alias;
  json.insert(list_at + 1, std::string(R"({"class":"COLUMN_REF","type":"COLUMN_REF","alias":")") +
                               kOrderAlias + R"(","query_location":0,"column_names":[)" +
                               json_string(alias) + ",\"" + kOrderColumn + "\"]},");
  return json;
}

Result<std::string> one_text(Connection& connection, const std::string& sql) {
  auto result = connection.query(sql);
  if (!result) return Failure(result.error());
  return result->text(0, 0).value_or("");
}

using Names = std::set<std::string, std::less<>>;

// Those of the library; asked for once a process, for the answer takes DuckDB its time.
Result<const Names*> aggregate_names(Connection& connection) {
  static std::mutex mutex;
  static Names names;
  const std::lock_guard lock(mutex);
  if (!names.empty()) return &names;
  auto result = connection.query(
      "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'aggregate'");
  if (!result) return Failure(result.error());
  for (uint64_t row = 0; row < result->row_count(); ++row) {
    names.insert(result->text(row, 0).value_or(""));
  }
  return &names;
}

struct Syntax {
  std::string json;
  Found found;
  std::vector<std::string> outputs;
};

std::string output_name(element node) {
  const std::string_view alias = text_of(node, "alias");
  if (!alias.empty()) return std::string(alias);
  if (text_of(node, "class") == "STAR") return "*";
  array names;
  if (node["column_names"].get_array().get(names) != simdjson::SUCCESS) return "";
  std::string_view last;
  for (element name : names) {
    if (name.get_string().get(last) != simdjson::SUCCESS) return "";
  }
  return std::string(last);
}

Result<Syntax> read_syntax(Connection& connection, const std::string& sql) {
  auto json = one_text(connection, "SELECT json_serialize_sql(" + quote_text(sql) + ")");
  if (!json) return Failure(json.error());
  auto aggregates = aggregate_names(connection);
  if (!aggregates) return Failure(aggregates.error());
  simdjson::dom::parser parser;
  element root;
  if (parser.parse(*json).get(root) != simdjson::SUCCESS) return unknown_form();
  bool has_error = true;
  if (root["error"].get_bool().get(has_error) != simdjson::SUCCESS || has_error) {
    return fail(ErrorKind::kConfig, "the sql: " + std::string(text_of(root, "error_message")),
                "write one SELECT in DuckDB's SQL");
  }
  auto found = check_tree(root, **aggregates);
  if (!found) return Failure(found.error());
  Syntax out{std::move(*json), std::move(*found), {}};
  array list;
  if (root.at_pointer("/statements/0/node/select_list").get_array().get(list) !=
      simdjson::SUCCESS) {
    return unknown_form();
  }
  for (element item : list)
    out.outputs.push_back(output_name(item));
  return out;
}

}  // namespace

Result<std::string> rewrite_row_statement(Connection& connection, const std::string& sql,
                                          const std::string& relation) {
  auto syntax = read_syntax(connection, sql);
  if (!syntax) return Failure(syntax.error());
  auto edited = edit_tree(std::move(syntax->json), syntax->found, relation);
  if (!edited) return Failure(edited.error());
  return one_text(connection, "SELECT json_deserialize_sql(" + quote_text(*edited) + ")");
}

Result<std::vector<std::string>> output_names(Connection& connection, const std::string& sql) {
  auto syntax = read_syntax(connection, sql);
  if (!syntax) return Failure(syntax.error());
  return std::move(syntax->outputs);
}

}  // namespace millrace::duckdb
