#include "wire/duckdb/failure.h"

#include <string>
#include <utility>

namespace millrace::duckdb {

namespace {

// duckdb_error_type, as far as it is told apart.
enum Type : int {
  kOutOfRange = 1,
  kConversion = 2,
  kDecimal = 4,
  kMismatchType = 5,
  kDivideByZero = 6,
  kObjectSize = 7,
  kInvalidType = 8,
  kTransaction = 10,
  kNotImplemented = 11,
  kExpression = 12,
  kCatalog = 13,
  kParser = 14,
  kPlanner = 15,
  kConstraint = 18,
  kSyntax = 22,
  kSettings = 23,
  kBinder = 24,
  kIo = 28,
  kInterrupt = 29,
  kFatal = 30,
  kInvalidInput = 32,
  kOutOfMemory = 33,
  kPermission = 34,
  kUnresolved = 35,
  kNotAllowed = 36,
  kDependency = 37,
  kMissingExtension = 39,
  kAutoload = 40,
  kConfiguration = 42,
};

ErrorKind kind_of(int type) {
  switch (type) {
    case kOutOfRange:
    case kConversion:
    case kDecimal:
    case kMismatchType:
    case kDivideByZero:
    case kObjectSize:
    case kInvalidType:
    case kExpression:
    case kConstraint:
    case kInvalidInput:
      return ErrorKind::kData;
    case kNotImplemented:
    case kCatalog:
    case kParser:
    case kPlanner:
    case kSyntax:
    case kSettings:
    case kBinder:
    case kPermission:
    case kUnresolved:
    case kNotAllowed:
    case kDependency:
    case kMissingExtension:
    case kAutoload:
    case kConfiguration:
      return ErrorKind::kConfig;
    case kTransaction:
      return ErrorKind::kBusy;
    case kIo:
    case kFatal:
    case kOutOfMemory:
      return ErrorKind::kIo;
    case kInterrupt:
      return ErrorKind::kStopped;
    default:
      return ErrorKind::kInternal;
  }
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool is_full(std::string_view message) {
  return has(message, "No space left") || has(message, "Disk quota exceeded");
}

// A full disk comes as a transaction that cannot be committed, too. Sentences of other types quote
// values and statements, which may say anything.
bool may_be_the_disk(int type) {
  const ErrorKind kind = kind_of(type);
  return kind == ErrorKind::kIo || kind == ErrorKind::kBusy || kind == ErrorKind::kInternal;
}

// The first line, and of that what stands before an excerpt of the statement.
std::string first_line(std::string_view message) {
  return std::string(message.substr(0, message.find('\n')));
}

std::string io_cure(std::string_view message) {
  if (is_full(message)) return "make room on its disk or raise the quota";
  if (has(message, "Permission denied") || has(message, "Read-only")) {
    return "let this program write the file and its folder";
  }
  return "";
}

}  // namespace

int error_type_of(std::string_view message) {
  constexpr std::pair<std::string_view, Type> kClasses[] = {
      {"Binder", kBinder},
      {"Catalog", kCatalog},
      {"Parser", kParser},
      {"Conversion", kConversion},
      {"Invalid Input", kInvalidInput},
      {"Permission", kPermission},
      {"IO", kIo},
      {"FATAL", kFatal},
      {"Not implemented", kNotImplemented},
      {"TransactionContext", kTransaction},
  };
  for (const auto& [start, type] : kClasses) {
    if (message.starts_with(start)) return type;
  }
  return kSyntax;
}

bool is_fatal(int type) {
  return type == kFatal;
}

Error error_of(int type, std::string_view message) {
  const ErrorKind kind =
      may_be_the_disk(type) && is_full(message) ? ErrorKind::kNoRoom : kind_of(type);
  if (kind == ErrorKind::kData) {
    const std::string_view error_class = message.substr(0, message.find(':'));
    return Error(kind, "DuckDB cannot compute or store a value (" + std::string(error_class) + ")",
                 "look at the row in the dead letters and at the types of the target's columns");
  }
  if (type == kOutOfMemory) {
    return Error(kind, "DuckDB needs more memory than duckdb.memory.max allows",
                 "raise duckdb.memory.max");
  }
  return Error(kind, "DuckDB: " + first_line(message),
               kind == ErrorKind::kIo || kind == ErrorKind::kNoRoom ? io_cure(message) : "");
}

Error open_error(std::string_view file, std::string_view message) {
  const std::string name(file);
  if (has(message, "Could not set lock") || has(message, "Conflicting lock")) {
    return Error(ErrorKind::kBusy, name + " is open in another process",
                 "ask the running millrace (millrace query FILE SQL), or stop the other program");
  }
  if (has(message, "not a valid DuckDB database file")) {
    return Error(ErrorKind::kVersion, name + " is no DuckDB database",
                 "name another file in duckdb.file, or move this one away");
  }
  if (has(message, "version number")) {
    return Error(ErrorKind::kVersion, name + " was written by another version of DuckDB",
                 "use the libduckdb.so that wrote it, or EXPORT DATABASE there and import it here");
  }
  if (has(message, "Corrupt database file")) {
    return Error(ErrorKind::kIo, name + " is damaged: its checksum is wrong",
                 "restore it from a copy, or move it away and let the branches snapshot anew");
  }
  return Error(is_full(message) ? ErrorKind::kNoRoom : ErrorKind::kIo,
               name + " cannot be opened: " + first_line(message), io_cure(message));
}

}  // namespace millrace::duckdb
