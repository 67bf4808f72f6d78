#include "sink/email/mail_ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "event/progress.h"
#include "sink/email/message_builder.h"

namespace millrace {

namespace {

constexpr std::string_view kHeader = "H millrace-ledger 1";
constexpr std::string_view kHeaderOfAny = "H millrace-ledger ";
constexpr size_t kSumDigits = 8;

void append_line(std::string& out, std::string_view content) {
  out += short_hash(content).substr(0, kSumDigits);
  out += ' ';
  out += content;
  out += '\n';
}

std::string message_line(const MailId& id, MailState state) {
  return fmt::format("{} {} {} {} {}", static_cast<char>(state), format_lsn(id.position.commit_lsn),
                     id.position.ordinal, id.hash, id.stream);
}

std::string progress_line(std::string_view stream, const Offset& offset) {
  return fmt::format("P {} {}", to_json(offset), stream);
}

// The content of a line whose sum is right, else an empty view.
std::string_view checked(std::string_view line) {
  if (line.size() < kSumDigits + 2 || line[kSumDigits] != ' ') return {};
  const std::string_view content = line.substr(kSumDigits + 1);
  return short_hash(content).starts_with(line.substr(0, kSumDigits)) ? content : std::string_view();
}

// Takes what stands before the next blank off `text`.
std::string_view take_word(std::string_view& text) {
  const size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

Result<void> check_header(std::string_view first_line, const std::string& path) {
  const std::string_view content = checked(first_line);
  if (content == kHeader) return {};
  if (content.starts_with(kHeaderOfAny)) {
    return fail(ErrorKind::kVersion,
                fmt::format("\"{}\" has version {}", path, content.substr(kHeaderOfAny.size())),
                "use the millrace that wrote it, or a newer one");
  }
  return fail(ErrorKind::kIo, fmt::format("\"{}\" is not a ledger of millrace", path),
              "restore it from a backup; without it messages may be sent twice");
}

}  // namespace

Result<MailLedger> MailLedger::open(Options options) {
  // The lock of whoever writes it must be ours before it is read.
  auto held = AppendFile::open(options.path);
  if (!held) return Failure(held.error());
  auto ledger = read(std::move(options));
  if (!ledger) return ledger;
  if (auto written = ledger->rewrite(); !written) return Failure(written.error());
  return ledger;
}

Result<MailLedger> MailLedger::read(Options options) {
  MailLedger ledger;
  ledger.options_ = std::move(options);
  const std::string& path = ledger.options_.path;
  auto text = read_whole_file(path);
  if (!text) return Failure(text.error());
  std::string_view rest = *text ? std::string_view(**text) : std::string_view();
  if (!rest.empty()) {
    auto good = check_header(rest.substr(0, rest.find('\n')), path);
    if (!good) return Failure(good.error());
  }
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    ledger.read_line(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (ledger.unreadable_ > 0) {
    log::warn("unreadable lines in the mail ledger are left out",
              {{"path", path}, {"lines", ledger.unreadable_}});
  }
  return ledger;
}

void MailLedger::read_line(std::string_view line) {
  std::string_view content = checked(line);
  if (content.empty()) {
    ++unreadable_;
    return;
  }
  const char type = content.front();
  content.remove_prefix(std::min<size_t>(2, content.size()));
  if (type == 'B') {
    boot_is_current_ = !options_.boot_id.empty() && content == options_.boot_id;
  } else if (type == 'P') {
    read_progress(content);
  } else if (type != 'H') {
    read_message(type, content);
  }
}

// The offset may have blanks, the stream has none.
void MailLedger::read_progress(std::string_view fields) {
  const size_t blank = std::min(fields.rfind(' '), fields.size());
  const auto offset = offset_from_json(fields.substr(0, blank));
  if (!offset || blank == fields.size()) {
    ++unreadable_;
    return;
  }
  const std::string stream(fields.substr(blank + 1));
  millrace::advance(progress_, stream, *offset);
  forget_through(stream, *offset);
}

void MailLedger::read_message(char type, std::string_view fields) {
  MailId id;
  const auto lsn = parse_lsn(take_word(fields));
  const std::string_view ordinal = take_word(fields);
  std::from_chars(ordinal.data(), ordinal.data() + ordinal.size(), id.position.ordinal);
  id.position.commit_lsn = lsn.value_or(0);
  id.hash = take_word(fields);
  id.stream = fields;
  auto state = static_cast<MailState>(type);
  // Whether it was started may be lost with the machine's memory.
  const bool is_open = state == MailState::kIntended || state == MailState::kWaiting;
  if (is_open && !boot_is_current_) state = MailState::kStarted;
  messages_.insert_or_assign(std::move(id), state);
}

// A table's own stream ends with its snapshot.
void MailLedger::forget_through(const std::string& stream, const Offset& offset) {
  const bool ends = stream != kSlotStream && offset.snapshot != SnapshotPhase::kRunning;
  auto from = messages_.lower_bound(MailId{stream, {}, {}});
  auto to = from;
  while (to != messages_.end() && to->first.stream == stream &&
         (ends || to->first.position <= offset.position))
    ++to;
  messages_.erase(from, to);
}

Result<void> MailLedger::rewrite() {
  std::string text;
  append_line(text, kHeader);
  append_line(text, fmt::format("B {}", options_.boot_id));
  // In the map's order: what tables have on their own stands behind the slot's position.
  for (const auto& [stream, offset] : progress_)
    append_line(text, progress_line(stream, offset));
  for (const auto& [id, state] : messages_)
    append_line(text, message_line(id, state));
  auto fresh = AppendFile::open(options_.path + ".tmp");
  if (!fresh) return Failure(fresh.error());
  auto done = fresh->truncate(0);
  if (done) done = fresh->append(text);
  if (done) done = fresh->sync();
  if (done) done = fresh->rename(options_.path);
  if (!done) return done;
  file_ = std::move(*fresh);
  rewritten_bytes_ = file_.size();
  return {};
}

const MailState* MailLedger::find(const MailId& id) const {
  const auto found = messages_.find(id);
  return found == messages_.end() ? nullptr : &found->second;
}

size_t MailLedger::open_count() const {
  return static_cast<size_t>(
      std::ranges::count_if(messages_, [](const auto& entry) { return !is_final(entry.second); }));
}

Result<void> MailLedger::intend(const std::vector<MailId>& ids) {
  std::string text;
  for (const MailId& id : ids)
    append_line(text, message_line(id, MailState::kIntended));
  if (auto written = file_.append(text); !written) return written;
  if (auto synced = file_.sync(); !synced) return synced;
  for (const MailId& id : ids)
    messages_.insert_or_assign(id, MailState::kIntended);
  return {};
}

Result<void> MailLedger::note(const MailId& id, MailState state) {
  std::string line;
  append_line(line, message_line(id, state));
  auto written = file_.append(line);
  if (written) messages_.insert_or_assign(id, state);
  return written;
}

Result<void> MailLedger::advance(const std::string& stream, const Offset& offset) {
  millrace::advance(progress_, stream, offset);
  forget_through(stream, offset);
  std::string line;
  append_line(line, progress_line(stream, offset));
  return file_.append(line);
}

Result<void> MailLedger::sync() {
  const bool has_grown =
      file_.size() > options_.rewrite_bytes && file_.size() > 2 * rewritten_bytes_;
  return has_grown ? rewrite() : file_.sync();
}

std::string current_boot_id() {
  auto text = read_whole_file("/proc/sys/kernel/random/boot_id");
  if (!text || !*text) return {};
  std::string id = std::move(**text);
  while (!id.empty() && id.back() == '\n')
    id.pop_back();
  return id;
}

}  // namespace millrace
