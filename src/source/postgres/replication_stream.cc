#include "source/postgres/replication_stream.h"

#include <charconv>

#include "base/byte_reader.h"
#include "source/postgres/pgoutput_reader.h"

namespace millrace {

namespace {

constexpr Millis kConfirmPause{1000};
constexpr Millis kAskAfter{1000};  // without a word from the server
constexpr size_t kLarge = size_t{16} << 20;
constexpr Millis kSwellingStays{3000};
constexpr int kMessagesSince = 140000;  // pgoutput's option `messages`

std::string doubled(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out += quote;
    out += c;
  }
  return out + quote;
}

void put(std::string& out, uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8)
    out += static_cast<char>(value >> shift & 0xff);
}

Error named(const Error& error, const std::string& slot, const std::string& sqlstate) {
  Error out = error.in("replication slot " + slot);
  if (sqlstate == "55000" || sqlstate == "58P01") {
    out.kind = ErrorKind::kGap;
    out.cure =
        "the slot lost WAL that is still needed: drop it and take a new snapshot "
        "(snapshot.mode=when_needed does both)";
  } else if (sqlstate == "55006") {
    out.cure = "stop the other reader of the slot, or SELECT pg_terminate_backend(its pid)";
  }
  return out;
}

}  // namespace

std::string start_replication_command(const StreamOptions& options, int server_version) {
  std::string out = "START_REPLICATION SLOT " + doubled(options.slot, '"') + " LOGICAL " +
                    format_lsn(options.start) + " (proto_version '1', publication_names " +
                    doubled(doubled(options.publication, '"'), '\'');
  if (server_version >= kMessagesSince) out += ", messages 'true'";
  if (options.binary) out += ", binary 'true'";
  std::string_view more = options.more_params;
  while (!more.empty()) {
    const size_t end = more.find(';');
    const std::string_view item = more.substr(0, end);
    const size_t equals = item.find('=');
    if (equals != std::string_view::npos) {
      out += ", " + doubled(item.substr(0, equals), '"') + " " +
             doubled(item.substr(equals + 1), '\'');
    }
    if (end == std::string_view::npos) break;
    more.remove_prefix(end + 1);
  }
  return out + ")";
}

ReplicationStream::ReplicationStream(postgres::Connection connection, const StreamOptions& options)
    : connection_(std::move(connection)),
      status_interval_(options.status_interval),
      silence_limit_(options.silence_limit),
      heard_(steady_now()),
      status_due_(steady_now() + options.status_interval),
      status_sent_(steady_now()),
      received_(options.start) {}

Result<ReplicationStream> ReplicationStream::start(postgres::Connection connection,
                                                   const StreamOptions& options) {
  const std::string command = start_replication_command(options, connection.server_version());
  if (auto started = connection.start_replication(command); !started) {
    return Failure(named(started.error(), options.slot, connection.sqlstate()));
  }
  return ReplicationStream(std::move(connection), options);
}

Result<std::optional<StreamMessage>> ReplicationStream::read(SteadyTime deadline) {
  for (;;) {
    auto message = connection_.read_stream(std::min(deadline, status_due_));
    if (!message) return Failure(message.error().in("reading the replication stream"));
    if (*message) return decode(**message);
    const SteadyTime now = steady_now();
    if (now >= status_due_) {
      if (auto sent = send_status(); !sent) return Failure(sent.error());
    }
    // Asked, and then looked whether an answer has come: a reader that paused hears it first.
    if (silence_limit_ > Millis(0) && asked_ != SteadyTime{} && now >= asked_ + silence_limit_) {
      return fail(ErrorKind::kUnreachable, "the server has not answered for " +
                                               std::to_string(silence_limit_.count()) +
                                               " ms: the network or the server is gone");
    }
    if (now >= deadline) return std::nullopt;
  }
}

Result<std::optional<StreamMessage>> ReplicationStream::decode(std::string_view message) {
  ByteReader in(message);
  StreamMessage out;
  heard_ = std::max(heard_, connection_.heard());
  asked_ = {};
  const uint8_t kind = in.u8();
  out.keepalive = kind == 'k';
  out.lsn = in.u64();
  if (kind == 'w') server_lsn_ = std::max(server_lsn_, in.u64());
  out.sent_us = pgoutput::unix_us(in.u64());
  if (out.keepalive) out.reply_asked = in.u8() != 0;
  if (!in.ok() || (kind != 'w' && kind != 'k')) {
    return fail(ErrorKind::kProtocol,
                "malformed message in the replication stream after " + format_lsn(received_));
  }
  out.payload = in.bytes(in.left());
  if (out.payload.size() >= kLarge) large_at_ = heard_;
  received_ = std::max(received_, out.lsn);
  server_lsn_ = std::max(server_lsn_, out.lsn);
  if (out.reply_asked || heard_ >= status_due_) {
    if (auto sent = send_status(); !sent) return Failure(sent.error());
  }
  return out;
}

bool ReplicationStream::is_swollen() const {
  return large_at_ != SteadyTime{} && heard_ >= large_at_ + kSwellingStays;
}

// undefined_function: "no binary output function available for type …"
bool ReplicationStream::refused_binary() const {
  return connection_.sqlstate() == "42883";
}

Result<void> ReplicationStream::confirm(Lsn lsn) {
  confirmed_ = std::max(confirmed_, lsn);
  const SteadyTime now = steady_now();
  const bool moved = confirmed_ > confirmed_sent_ && now >= status_sent_ + kConfirmPause;
  // A quiet server says how far it is only when it is asked (or every wal_sender_timeout / 2).
  const bool quiet = now >= heard_ + kAskAfter && now >= status_sent_ + kAskAfter;
  if (!moved && !quiet && now < status_due_) return {};
  return send_status(quiet);
}

Result<void> ReplicationStream::send_status(bool wants_reply) {
  std::string message = "r";
  put(message, std::max(received_, confirmed_));
  put(message, confirmed_);
  put(message, confirmed_);
  put(message, static_cast<uint64_t>(unix_now_us() - pgoutput::kPostgresEpochUs));
  message += wants_reply ? '\1' : '\0';
  status_sent_ = steady_now();
  if (wants_reply && asked_ == SteadyTime{}) asked_ = status_sent_;
  status_due_ = status_sent_ + status_interval_;
  confirmed_sent_ = confirmed_;
  if (auto sent = connection_.write_stream(message); !sent) {
    return Failure(sent.error().in("sending standby status"));
  }
  return {};
}

Result<void> ReplicationStream::close() {
  if (auto sent = send_status(); !sent) return sent;
  return connection_.end_stream();
}

Result<SystemIdentity> identify_system(postgres::Connection& replication) {
  auto rows = replication.query("IDENTIFY_SYSTEM");
  if (!rows) return Failure(rows.error().in("IDENTIFY_SYSTEM"));
  SystemIdentity out;
  const auto number = [&](int column, auto& to) {
    const std::string_view text = rows->text(0, column);
    return std::from_chars(text.data(), text.data() + text.size(), to).ec == std::errc();
  };
  const auto lsn = rows->count() == 1 ? parse_lsn(rows->text(0, 2)) : std::nullopt;
  if (!lsn || !number(0, out.system_id) || !number(1, out.timeline)) {
    return fail(ErrorKind::kProtocol, "IDENTIFY_SYSTEM gave an unknown answer");
  }
  out.lsn = *lsn;
  return out;
}

// Lines "timeline<TAB>end<TAB>reason"; '#' starts a comment.
Result<std::string> timeline_history(postgres::Connection& replication, uint32_t timeline) {
  if (timeline <= 1) return std::string();
  auto rows = replication.query("TIMELINE_HISTORY " + std::to_string(timeline));
  if (!rows) return Failure(rows.error().in("TIMELINE_HISTORY"));
  return std::string(rows->count() == 1 ? rows->text(0, 1) : "");
}

std::optional<Lsn> end_of_timeline(std::string_view history, uint32_t timeline) {
  while (!history.empty()) {
    const size_t end = std::min(history.find('\n'), history.size());
    const std::string_view line = history.substr(0, end);
    history.remove_prefix(std::min(end + 1, history.size()));
    uint32_t number = 0;
    const auto parsed = std::from_chars(line.data(), line.data() + line.size(), number);
    if (parsed.ec != std::errc() || number != timeline) continue;
    const size_t from = static_cast<size_t>(parsed.ptr - line.data());
    const size_t start = line.find_first_not_of(" \t", from);
    if (start == std::string_view::npos) continue;
    return parse_lsn(line.substr(start, line.find_first_of(" \t", start) - start));
  }
  return std::nullopt;
}

}  // namespace millrace
