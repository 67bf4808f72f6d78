// What `millrace verify` found, as people and programs read it. The running process gives it as
// JSON over the control socket, and the command shows it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace millrace {

using NamedText = std::pair<std::string, std::optional<std::string>>;  // nullopt = NULL

struct DifferentValue {
  std::string column;
  std::optional<std::string> source;
  std::optional<std::string> stored;
};

struct DifferentRow {
  enum class Kind : uint8_t { kMissing, kTooMany, kDifferent };
  Kind kind = Kind::kMissing;
  uint64_t count = 1;                  // of equal rows, where the table has no key
  std::vector<NamedText> row;          // the key's values; the whole row where there is no key
  std::vector<DifferentValue> values;  // of kDifferent
};

struct VerifiedTable {
  std::string branch;
  std::string source;       // public.inventory
  std::string target;       // main.inventory
  bool is_history = false;  // only looked whether the current rows are there
  uint64_t rows = 0;        // at the source
  uint64_t missing = 0;
  uint64_t too_many = 0;
  uint64_t different = 0;
  uint64_t refused = 0;  // rows with a value that the warehouse cannot hold: dead letters
  std::vector<std::string> lacking_columns;
  std::vector<std::string> notes;
  std::vector<DifferentRow> examples;

  bool equal() const {
    return missing + too_many + different + refused == 0 && lacking_columns.empty();
  }
};

struct NotCompared {
  std::string branch;
  std::string table;  // empty: the whole branch
  std::string why;
};

struct VerifyReport {
  std::string lsn;  // of the source's last snapshot; empty when nothing was compared
  double seconds = 0;
  std::vector<VerifiedTable> tables;
  std::vector<NotCompared> not_compared;
  std::vector<std::string> notes;

  bool equal() const;
};

std::string to_json(const VerifyReport& report);
// Of a text that to_json() made.
Result<VerifyReport> verify_report_from_json(const std::string& json);

// A line a table, the differences below it, "equal" or "not equal" as the last line.
std::string to_text(const VerifyReport& report);

}  // namespace millrace
