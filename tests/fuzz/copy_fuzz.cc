// COPY's rows. In text: every field lies in its row, and what was read, written again, reads the
// same. In binary: no field reaches beyond its row, and a second reading gives the same.
#include <string>
#include <vector>

#include "fuzz.h"
#include "source/postgres/copy_binary.h"
#include "source/postgres/copy_text.h"

namespace millrace::fuzz {

namespace {

struct Row {
  std::vector<Datum> fields;
  bool complete = false;
};

// As many fields as the server could have sent.
Row read_row(std::string_view text, Arena& arena) {
  Row out;
  CopyTextReader reader(text, arena);
  while (!reader.complete()) {
    const Datum field = reader.field();
    if (!reader.ok()) return out;
    out.fields.push_back(field);
  }
  out.complete = true;
  return out;
}

std::string write_row(const std::vector<Datum>& fields) {
  std::string out;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) out += '\t';
    if (fields[i].is_null()) out += "\\N";
    for (const char c : fields[i].view()) {
      if (c == '\t' || c == '\n' || c == '\\') out += '\\';
      out += c == '\t' ? 't' : c == '\n' ? 'n' : c;
    }
  }
  return out + '\n';
}

constexpr PgType kBinaryTypes[] = {PgType::kInt4, PgType::kText, PgType::kNumeric};

Row read_binary(std::string_view message, Arena& arena) {
  Row out;
  const auto row = CopyBinaryReader::row_in(message);
  if (!row) return out;
  CopyBinaryReader reader(*row, arena);
  for (const PgType type : kBinaryTypes) {
    ColumnType column;
    column.type = type;
    out.fields.push_back(reader.field(binary::renderer_of(column, 150000)));
  }
  out.complete = reader.complete();
  return out;
}

void check_binary(std::string_view message) {
  Arena arena(nullptr);
  const Row read = read_binary(message, arena);
  if (!read.complete) return;
  const Row again = read_binary(message, arena);
  require(again.complete, "a row that was read can be read again");
  for (size_t i = 0; i < read.fields.size(); ++i)
    require(read.fields[i].view() == again.fields[i].view(), "and gives the same");
}

}  // namespace

void fuzz_one(std::string_view input) {
  const ExactCopy row(input);
  check_binary(row.view());
  Arena arena(nullptr);
  const Row read = read_row(row.view(), arena);
  if (!read.complete) return;
  const std::string again = write_row(read.fields);
  const Row reread = read_row(again, arena);
  require(reread.complete, "a row that was read can be written and read");
  require(reread.fields.size() == read.fields.size(), "it has as many fields");
  for (size_t i = 0; i < read.fields.size(); ++i) {
    require(read.fields[i].kind == reread.fields[i].kind, "a null stays null");
    require(read.fields[i].view() == reread.fields[i].view(), "a field stays the same");
  }
}

}  // namespace millrace::fuzz
