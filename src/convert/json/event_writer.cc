#include "convert/json/event_writer.h"

#include <array>
#include <charconv>

#include "base/log.h"

namespace millrace {

namespace {

constexpr std::chrono::seconds kWarningInterval{10};

bool is_snapshot(const Change& change) {
  return change.snapshot != SnapshotMarker::kFalse;
}

// "ts_ms", "ts_us" and "ts_ns" of now: the first 13, 16 and 19 of the same digits.
void write_now(JsonWriter& out) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), unix_now_ns()).ptr;
  const std::string_view ns(digits.data(), static_cast<size_t>(end - digits.data()));
  out.raw(R"(","ts_ms":)");
  out.raw(ns.substr(0, ns.size() - 6));
  out.raw(R"(,"ts_us":)");
  out.raw(ns.substr(0, ns.size() - 3));
  out.raw(R"(,"ts_ns":)");
  out.raw(ns);
}

}  // namespace

EventWriter::EventWriter(const JsonConverterConfig& config)
    : conversion_failure_(config.conversion_failure), source_(config) {}

bool EventWriter::may_warn() {
  const SteadyTime now = steady_now();
  if (now < next_warning_) return false;
  next_warning_ = now + kWarningInterval;
  return true;
}

void EventWriter::malformed(const Column& column) {
  if (!may_warn()) return;
  log::warn("text is not valid UTF-8, its broken bytes were replaced by U+FFFD",
            {{"table", change_->table->full_name()},
             {"column", column.name},
             {"lsn", format_lsn(change_->lsn)}});
}

Result<void> EventWriter::inconvertible(const Column& column) {
  if (conversion_failure_ == ConversionFailure::kFail) {
    // Another kind than kData: that would be a dead letter, and go on.
    return fail(ErrorKind::kRefused,
                "the value of column " + column.name + " of table " + change_->table->full_name() +
                    " (" + column.type.name + ") cannot be converted",
                "event.converting.failure.handling.mode=warn writes null instead; NaN and infinity "
                "need decimal.handling.mode=string or double");
  }
  if (conversion_failure_ == ConversionFailure::kWarn && may_warn()) {
    log::warn("a value cannot be converted, null is written instead",
              {{"table", change_->table->full_name()},
               {"column", column.name},
               {"type", column.type.name},
               {"lsn", format_lsn(change_->lsn)}});
  }
  return {};
}

Result<std::string_view> EventWriter::key(const Change& change, const TablePlan& plan,
                                          const Tuple& row, const Tuple& other, RecordList& to) {
  return key_of(change, {plan.key, plan.key_wrapping}, row, other, to);
}

Result<std::string_view> EventWriter::header_key(const Change& change, const TablePlan& plan,
                                                 const Tuple& row, const Tuple& other,
                                                 RecordList& to) {
  return key_of(change, {plan.header_key, plan.header_key_wrapping}, row, other, to);
}

Result<std::string_view> EventWriter::key_of(const Change& change, const KeyForm& form,
                                             const Tuple& row, const Tuple& other, RecordList& to) {
  constexpr size_t kUsualKeyBytes = 128;
  JsonWriter& out = to.writer();
  EncodeContext& context = to.context();
  change_ = &change;
  context.snapshot = is_snapshot(change);
  out.begin(form.wrapping.head.size() + kUsualKeyBytes);
  out.raw(form.wrapping.head);
  Result<void> written = form.writer.write(row, other, context, *this);
  if (!written) return Failure(written.error());
  out.raw(form.wrapping.tail);
  return out.end();
}

Result<void> EventWriter::write_row(const TablePlan& plan, const Tuple& row, const Tuple& other,
                                    RecordList& to) {
  if (!row) {
    to.writer().raw("null");
    return {};
  }
  EncodeContext& context = to.context();
  context.snapshot = is_snapshot(*change_);
  return plan.value.write(row, other, context, *this);
}

Result<std::string_view> EventWriter::value(const Event& event, TablePlan& plan, RecordList& to) {
  constexpr size_t kSlack = 256;
  JsonWriter& out = to.writer();
  change_ = event.change;
  out.begin(plan.value_bytes + kSlack);
  out.raw(plan.value_wrapping.head);
  out.raw(R"({"before":)");
  Result<void> written = write_row(plan, event.before, {}, to);
  if (!written) return Failure(written.error());
  out.raw(R"(,"after":)");
  written = write_row(plan, event.after, event.change->before, to);
  if (!written) return Failure(written.error());
  out.raw(R"(,"source":)");
  source_.write(*event.change, plan.source_table, out);
  write_transaction_block(*event.change, event.order, out);
  out.raw(R"(,"op":")");
  out.raw(event.op);
  write_now(out);
  out.raw('}');
  out.raw(plan.value_wrapping.tail);
  const std::string_view value = out.end();
  plan.value_bytes = value.size();
  return value;
}

}  // namespace millrace
