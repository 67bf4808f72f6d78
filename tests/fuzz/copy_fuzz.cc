// COPY's text rows: every field lies in its row, and what was read, written again, reads the same.
#include <string>
#include <vector>

#include "fuzz.h"
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

}  // namespace

void fuzz_one(std::string_view input) {
  const ExactCopy row(input);
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
