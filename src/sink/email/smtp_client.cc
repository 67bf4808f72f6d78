#include "sink/email/smtp_client.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace millrace {

namespace {

// Below the time after which servers close an idle session (RFC 5321 §4.5.3.2.7: five minutes; many
// wait less).
constexpr long kIdleSecondsMax = 30;
constexpr size_t kReplyBytesMax = 2000;

std::optional<SmtpPhase> phase_of(std::string_view command) {
  constexpr std::pair<std::string_view, SmtpPhase> kPhases[] = {
      {"EHLO", SmtpPhase::kHello}, {"HELO", SmtpPhase::kHello},  {"STARTTLS", SmtpPhase::kStartTls},
      {"AUTH", SmtpPhase::kLogin}, {"MAIL", SmtpPhase::kSender}, {"RCPT", SmtpPhase::kRecipient},
      {"DATA", SmtpPhase::kData}};
  for (const auto& [verb, phase] : kPhases) {
    if (command.starts_with(verb)) return phase;
  }
  return std::nullopt;
}

SmtpFailure::Cause cause_of(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return SmtpFailure::Cause::kTimeout;
    case CURLE_LOGIN_DENIED:
      return SmtpFailure::Cause::kLogin;
    case CURLE_USE_SSL_FAILED:
      return SmtpFailure::Cause::kNoStartTls;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return SmtpFailure::Cause::kCertificate;
    case CURLE_SSL_CONNECT_ERROR:
      return SmtpFailure::Cause::kHandshake;
    case CURLE_COULDNT_RESOLVE_HOST:
      return SmtpFailure::Cause::kResolve;
    default:
      return SmtpFailure::Cause::kOther;
  }
}

}  // namespace

// The handles and what was seen of the message that is under way. Its address is known to libcurl:
// it stays.
class SmtpClient::Transfer {
 public:
  explicit Transfer(const EmailSinkConfig& config)
      : config_(config), multi_(curl_multi_init()), easy_(curl_easy_init()) {
    set_up();
  }

  // libcurl says good-bye on a kept connection and waits up to two minutes for the answer: on one
  // that can no longer be read it does not wait.
  ~Transfer() {
    stop();
    for (const curl_socket_t socket : sockets_)
      ::shutdown(socket, SHUT_RD);
    curl_easy_cleanup(easy_);
    curl_multi_cleanup(multi_);
  }

  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  bool is_busy() const { return is_busy_; }

  void start(SmtpMessage message) {
    message_ = std::move(message);
    forget();
    curl_slist_free_all(
        std::exchange(recipients_, curl_slist_append(nullptr, message_.recipient.c_str())));
    curl_easy_setopt(easy_, CURLOPT_MAIL_FROM, message_.sender.c_str());
    curl_easy_setopt(easy_, CURLOPT_MAIL_RCPT, recipients_);
    curl_easy_setopt(easy_, CURLOPT_INFILESIZE_LARGE,
                     static_cast<curl_off_t>(message_.text.size()));
    is_given_up_ = false;
    is_done_ = false;
    is_busy_ = true;
    thread_ = std::jthread([this] { transfer(); });
  }

  std::optional<SmtpResult> run(SteadyTime deadline) {
    {
      std::unique_lock lock(mutex_);
      if (!done_.wait_until(lock, deadline, [this] { return is_done_; })) return std::nullopt;
    }
    stop();
    return result(code_);
  }

  void stop() {
    if (thread_.joinable()) {
      is_given_up_ = true;
      curl_multi_wakeup(multi_);
      thread_.join();
    }
    is_busy_ = false;
    curl_slist_free_all(std::exchange(recipients_, nullptr));
  }

  // One command instead of a message; the session ends with it.
  std::optional<Error> probe(const std::string& sender) {
    forget();
    const std::string command = fmt::format("MAIL FROM:<{}>", sender);
    curl_easy_setopt(easy_, CURLOPT_UPLOAD, 0L);
    curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, command.c_str());
    const CURLcode code = curl_easy_perform(easy_);
    if (code == CURLE_OK) return std::nullopt;
    return result(code).error;
  }

 private:
  void set_up() {
    const bool is_smtps = config_.tls == MailTls::kSmtps;
    url_ = fmt::format("{}://{}:{}/{}", is_smtps ? "smtps" : "smtp", bracketed(config_.host),
                       config_.server_port(), config_.helo);
    set(CURLOPT_URL, url_.c_str());
    set(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(config_.timeout_ms));
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(config_.timeout_ms));
    set(CURLOPT_MAXAGE_CONN, kIdleSecondsMax);
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    set(CURLOPT_USE_SSL,
        static_cast<long>(config_.tls == MailTls::kNone ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    set(CURLOPT_SSL_VERIFYPEER, config_.tls_verify ? 1L : 0L);
    set(CURLOPT_SSL_VERIFYHOST, config_.tls_verify ? 2L : 0L);
    if (!config_.tls_ca.empty()) set(CURLOPT_CAINFO, config_.tls_ca.c_str());
    if (!config_.user.empty()) {
      set(CURLOPT_USERNAME, config_.user.c_str());
      set(CURLOPT_PASSWORD, config_.password.value.c_str());
    }
    set(CURLOPT_SOCKOPTFUNCTION, &Transfer::opened);
    set(CURLOPT_SOCKOPTDATA, this);
    set(CURLOPT_CLOSESOCKETFUNCTION, &Transfer::close);
    set(CURLOPT_CLOSESOCKETDATA, this);
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_READFUNCTION, &Transfer::give_text);
    set(CURLOPT_READDATA, this);
    set(CURLOPT_ERRORBUFFER, library_message_.data());
    // The commands and replies are seen through libcurl's trace; nothing of it is printed.
    set(CURLOPT_VERBOSE, 1L);
    set(CURLOPT_DEBUGFUNCTION, &Transfer::trace);
    set(CURLOPT_DEBUGDATA, this);
    set(CURLOPT_WRITEFUNCTION, &Transfer::discard);
    set(CURLOPT_XFERINFOFUNCTION, &Transfer::is_given_up);
    set(CURLOPT_XFERINFODATA, this);
    set(CURLOPT_NOPROGRESS, 0L);
  }

  // In a thread of its own: libcurl blocks while it waits for the answer to a text, for as long as
  // the server may take.
  void transfer() {
    constexpr int kLookMs = 1000;
    curl_multi_add_handle(multi_, easy_);
    int running = 0;
    // What is given up ends by libcurl's own hand, which leaves the text without its end.
    while (curl_multi_perform(multi_, &running) == CURLM_OK && running > 0)
      curl_multi_poll(multi_, nullptr, 0, kLookMs, nullptr);
    CURLcode code = CURLE_FAILED_INIT;
    int queued = 0;
    while (const CURLMsg* done = curl_multi_info_read(multi_, &queued)) {
      if (done->msg == CURLMSG_DONE) code = done->data.result;
    }
    curl_multi_remove_handle(multi_, easy_);
    const std::lock_guard lock(mutex_);
    code_ = code;
    is_done_ = true;
    done_.notify_one();
  }

  // libcurl asks at least once a second, also where it blocks.
  static int is_given_up(void* self, curl_off_t /*to_get*/, curl_off_t /*got*/,
                         curl_off_t /*to_give*/, curl_off_t /*given*/) {
    return static_cast<const Transfer*>(self)->is_given_up_ ? 1 : 0;
  }

  template <class T>
  void set(CURLoption option, T value) {
    curl_easy_setopt(easy_, option, value);
  }

  static std::string bracketed(const std::string& host) {
    const bool is_ipv6 = host.find(':') != std::string::npos && !host.starts_with('[');
    return is_ipv6 ? fmt::format("[{}]", host) : host;
  }

  void forget() {
    given_ = 0;
    text_was_started_ = false;
    says_good_bye_ = false;
    phase_ = SmtpPhase::kConnect;
    reply_.clear();
    partial_line_.clear();
    library_message_.fill('\0');
  }

  bool text_was_sent() const { return text_was_started_ && given_ == message_.text.size(); }

  SmtpResult result(CURLcode code) {
    SmtpResult out;
    out.outcome = SmtpOutcome::kDelivered;
    if (code != CURLE_OK) {
      out = judge({.cause = cause_of(code),
                   .phase = phase_,
                   .reply = reply_,
                   .text_was_sent = text_was_sent(),
                   .server = config_.server(),
                   .library_message = library_message_.front() != '\0' ? library_message_.data()
                                                                       : curl_easy_strerror(code)});
    }
    long connects = 0;
    curl_easy_getinfo(easy_, CURLINFO_NUM_CONNECTS, &connects);
    out.connection_was_old = connects == 0 && phase_ != SmtpPhase::kConnect;
    out.text_was_started = text_was_started_;
    out.has_timed_out = code == CURLE_OPERATION_TIMEDOUT;
    return out;
  }

  static size_t give_text(char* to, size_t size, size_t count, void* self) {
    Transfer& t = *static_cast<Transfer*>(self);
    if (!t.text_was_started_) {
      t.text_was_started_ = true;
      t.phase_ = SmtpPhase::kText;
      if (t.message_.before_text && !t.message_.before_text()) return CURL_READFUNC_ABORT;
    }
    const size_t n = std::min(size * count, t.message_.text.size() - t.given_);
    std::copy_n(t.message_.text.data() + t.given_, n, to);
    t.given_ += n;
    // The 354 was no answer to the text.
    if (n > 0 && t.given_ == t.message_.text.size()) t.reply_.clear();
    return n;
  }

  static int opened(void* self, curl_socket_t socket, curlsocktype /*purpose*/) {
    static_cast<Transfer*>(self)->sockets_.push_back(socket);
    return CURL_SOCKOPT_OK;
  }

  static int close(void* self, curl_socket_t socket) {
    std::erase(static_cast<Transfer*>(self)->sockets_, socket);
    return ::close(socket);
  }

  static size_t discard(char* /*bytes*/, size_t size, size_t count, void* /*self*/) {
    return size * count;
  }

  static int trace(CURL* /*easy*/, curl_infotype type, char* bytes, size_t size, void* self) {
    Transfer& t = *static_cast<Transfer*>(self);
    const std::string_view text(bytes, size);
    if (type == CURLINFO_HEADER_IN) t.take_reply(text);
    if (type == CURLINFO_HEADER_OUT) t.take_command(text);
    return 0;
  }

  void take_command(std::string_view text) {
    // libcurl says good-bye before it tells the result, or to an old connection: no part of the
    // transaction.
    says_good_bye_ = text.starts_with("QUIT");
    if (says_good_bye_) return;
    phase_ = phase_of(text).value_or(phase_);
    reply_.clear();
  }

  // Lines "250-…" belong to the reply that "250 …" ends.
  void take_reply(std::string_view text) {
    if (says_good_bye_) return;
    for (const char c : text) {
      if (c != '\n') {
        partial_line_ += c;
        continue;
      }
      const bool continues = reply_.size() > 3 && reply_.size() < kReplyBytesMax &&
                             partial_line_.starts_with(reply_.substr(0, 3));
      if (continues) {
        reply_ += ' ';
        reply_.append(partial_line_, std::min<size_t>(4, partial_line_.size()));
      } else {
        reply_ = partial_line_;
        if (reply_.size() > 3) reply_[3] = ' ';
      }
      partial_line_.clear();
    }
  }

  const EmailSinkConfig config_;
  CURLM* multi_;
  CURL* easy_;
  curl_slist* recipients_ = nullptr;
  std::string url_;
  std::vector<curl_socket_t> sockets_;  // that libcurl has open
  SmtpMessage message_;
  size_t given_ = 0;  // bytes of message_.text that libcurl has
  bool is_busy_ = false;
  bool text_was_started_ = false;
  bool says_good_bye_ = false;  // what comes now answers QUIT
  SmtpPhase phase_ = SmtpPhase::kConnect;
  std::string reply_;  // the last one since the last command or the end of the text
  std::string partial_line_;
  std::array<char, CURL_ERROR_SIZE> library_message_{};
  std::atomic<bool> is_given_up_ = false;
  std::mutex mutex_;
  std::condition_variable done_;
  bool is_done_ = false;               // mutex_
  CURLcode code_ = CURLE_FAILED_INIT;  // mutex_
  std::jthread thread_;  // while a message is under way, what is not atomic nor under mutex_ is its
};

SmtpClient::SmtpClient(const EmailSinkConfig& config)
    : transfer_(std::make_unique<Transfer>(config)) {}

SmtpClient::~SmtpClient() = default;

bool SmtpClient::is_busy() const {
  return transfer_->is_busy();
}

void SmtpClient::start(SmtpMessage message) {
  transfer_->start(std::move(message));
}

std::optional<SmtpResult> SmtpClient::run(SteadyTime deadline) {
  return transfer_->run(deadline);
}

void SmtpClient::reset() {
  transfer_->stop();
}

std::optional<Error> SmtpClient::probe(const std::string& sender) {
  return transfer_->probe(sender);
}

}  // namespace millrace
