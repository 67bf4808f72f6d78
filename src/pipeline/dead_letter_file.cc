#include "pipeline/dead_letter_file.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "base/json_text.h"
#include "pipeline/dead_letter_text.h"

namespace millrace {

namespace {

constexpr unsigned kMode = 0600;
constexpr std::string_view kMarkStart = R"({"mark":)";
constexpr size_t kCopyBytes = 1024 * 1024;

void take_mark(LetterMarks& marks, const std::string& line) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::string_view mark;
  if (parser.parse(line).get(root) != simdjson::SUCCESS) return;
  if (root["mark"].get(mark) != simdjson::SUCCESS) return;
  const auto number = [&](const char* name) {
    uint64_t value = 0;
    return root[name].get(value) == simdjson::SUCCESS ? value : 0;
  };
  const auto text = [&](const char* name) {
    std::string_view value;
    return root[name].get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
  };
  LetterIds ids;
  simdjson::dom::array listed;
  if (root["ids"].get(listed) == simdjson::SUCCESS) {
    for (const auto one : listed)
      ids.push_back(one.get_uint64().value_unsafe());
  }
  if (mark == "next") marks.next_id = std::max(marks.next_id, number("id"));
  if (mark == "next" || mark == "replay") marks.replay = std::max(marks.replay, number("number"));
  if (mark == "replay") {
    marks.unfinished = ids;
    return;
  }
  for (const uint64_t id : ids) {
    std::erase(marks.unfinished, id);
    if (!marks.size.contains(id)) continue;
    if (mark == "delivered" || mark == "dropped") marks.settled.insert(id);
    if (mark == "superseded") marks.superseded[id] = text("by");
    if (mark != "again") continue;
    const uint64_t times = root["times"].is_uint64() ? number("times") : 1;
    marks.again[id].times += times;
    marks.again[id].message = text("message");
  }
}

// Calls `take` for every whole line, without its newline.
Result<void> for_each_line(const std::string& path,
                           const std::function<Result<void>(const std::string&)>& take) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return {};
  std::string line;
  while (std::getline(in, line) && !in.eof()) {
    if (auto taken = take(line); !taken) return taken;
  }
  if (in.bad()) return Failure(io_error("read", path, EIO));
  return {};
}

std::string marks_of_open(const LetterMarks& marks) {
  std::string out;
  for (const auto& [id, by] : marks.superseded) {
    if (marks.settled.contains(id)) continue;
    out += mark_line("superseded", {{id}}, fmt::format(R"("by":"{}")", by));
  }
  for (const auto& [id, again] : marks.again) {
    if (marks.settled.contains(id)) continue;
    out += mark_line(
        "again", {{id}},
        fmt::format(R"("times":{},"message":{})", again.times, json_quoted(again.message)));
  }
  return out;
}

}  // namespace

std::string mark_line(std::string_view mark, std::span<const uint64_t> ids, std::string_view more) {
  return fmt::format("{}\"{}\",\"ids\":[{}]{}{}}}\n", kMarkStart, mark, fmt::join(ids, ","),
                     more.empty() ? "" : ",", more);
}

Result<LetterMarks> read_letter_marks(const std::string& path) {
  LetterMarks marks;
  auto read = for_each_line(path, [&](const std::string& line) -> Result<void> {
    if (const auto id = letter_id(line)) {
      marks.size[*id] = line.size() + 1;
      marks.next_id = std::max(marks.next_id, *id + 1);
    } else if (line.starts_with(kMarkStart)) {
      take_mark(marks, line);
    }
    return {};
  });
  if (!read) return Failure(read.error());
  return marks;
}

Result<void> for_each_letter(
    const std::string& path,
    const std::function<Result<void>(uint64_t id, const std::string& line)>& take) {
  return for_each_line(path, [&](const std::string& line) -> Result<void> {
    const auto id = letter_id(line);
    return id ? take(*id, line) : Result<void>();
  });
}

Result<void> DeadLetterFile::open() {
  if (file_.is_open()) return {};
  auto file = AppendFile::open(path_, kMode);
  if (!file) return Failure(file.error());
  file_ = std::move(*file);
  if (file_.size() == 0) return {};
  // A crash can leave a torn last line; the next must not be glued to it.
  std::ifstream in(path_, std::ios::binary);
  in.seekg(-1, std::ios::end);
  return in.get() == '\n' ? Result<void>() : file_.append("\n");
}

Result<void> DeadLetterFile::append(std::string_view lines) {
  if (auto opened = open(); !opened) return opened;
  const uint64_t whole = file_.size();
  auto written = file_.append(lines);
  if (written) written = file_.sync();
  if (!written) {
    // Without this a torn line would stand before the next one. Its own failure says nothing new.
    static_cast<void>(file_.truncate(whole));
    file_.close();
  }
  return written;
}

Result<void> DeadLetterFile::clean_up() {
  if (auto opened = open(); !opened) return opened;
  const auto marks = read_letter_marks(path_);
  if (!marks) return Failure(marks.error());
  auto fresh = AppendFile::open(path_ + ".tmp", kMode);
  if (!fresh) return Failure(fresh.error());
  if (auto cut = fresh->truncate(0); !cut) return cut;
  std::string text = fmt::format("{}\"next\",\"id\":{},\"number\":{}}}\n", kMarkStart,
                                 marks->next_id, marks->replay);
  auto done = for_each_letter(path_, [&](uint64_t id, const std::string& line) -> Result<void> {
    if (marks->settled.contains(id)) return {};
    text += line;
    text += '\n';
    if (text.size() < kCopyBytes) return {};
    auto written = fresh->append(text);
    text.clear();
    return written;
  });
  text += marks_of_open(*marks);
  if (done) done = fresh->append(text);
  if (done) done = fresh->sync();
  if (done) done = fresh->rename(path_);
  if (!done) return done;
  file_ = std::move(*fresh);
  return {};
}

}  // namespace millrace
