#include "convert/json/json_converter.h"

#include <algorithm>
#include <array>

#include "convert/json/event_writer.h"
#include "convert/json/marker_records.h"
#include "convert/json/table_plans.h"
#include "convert/json/type_schema.h"

namespace millrace {

namespace {

bool same_datum(const Datum& a, const Datum& b) {
  if (a.has_value() != b.has_value()) return false;
  return !a.has_value() || (a.kind == b.kind && a.view() == b.view());
}

// __debezium.context.*: the same on each change.
class ContextHeaders {
 public:
  explicit ContextHeaders(const JsonConverterConfig& config) {
    if (!config.extended_headers) return;
    constexpr std::array<std::string_view, 3> kNames = {"__debezium.context.connectorLogicalName",
                                                        "__debezium.context.taskId",
                                                        "__debezium.context.connectorName"};
    const std::array<std::string_view, 3> values = {config.topic_prefix, "0", "postgresql"};
    const bool json = config.header_form == HeaderForm::kJson;
    const Wrapping wrap =
        wrapping(plain_schema("string").json(false, "", ""), json && config.header_schemas);
    for (size_t i = 0; i < kNames.size(); ++i) {
      values_[i] =
          json ? wrap.head + jackson_quoted(values[i]) + wrap.tail : std::string(values[i]);
      headers_.push_back({kNames[i], values_[i]});
    }
  }

  ~ContextHeaders() = default;
  ContextHeaders(const ContextHeaders&) = delete;
  ContextHeaders& operator=(const ContextHeaders&) = delete;

  std::span<const Header> all() const { return headers_; }

 private:
  std::array<std::string, 3> values_;
  std::vector<Header> headers_;
};

class JsonConverter final : public Converter {
 public:
  JsonConverter(const JsonConverterConfig& config, MemoryBudget* budget, RefuseChange refuse)
      : config_(config),
        budget_(budget),
        refuse_(std::move(refuse)),
        writer_(config_),
        markers_(config_),
        context_headers_(config_),
        plans_(config_, budget) {}

  Result<void> convert(BatchView& view) override;

 private:
  bool skips(Op op) const;
  Result<void> convert_change(const Change& change, RecordList& to);
  Result<void> add_row(const Change& change, RecordList& to);
  Result<void> add_update(const Change& change, TablePlan& plan, RecordList& to);
  Result<void> add_key_change(const Change& change, TablePlan& plan, RecordList& to);
  Result<void> add_delete(const Change& change, TablePlan& plan, std::span<const Header> headers,
                          RecordList& to);
  Result<void> add_event(Event event, TablePlan& plan, std::span<const Header> headers,
                         RecordList& to);
  bool has_change(const Change& change, const TablePlan& plan) const;
  Result<bool> key_changed(const Change& change, const TablePlan& plan, RecordList& to);
  std::span<const Header> with_header(const Header& first, RecordList& to) const;
  std::optional<EventOrder> order_of(const Change& change, std::string_view collection);

  const JsonConverterConfig config_;
  MemoryBudget* const budget_;
  const RefuseChange refuse_;
  EventWriter writer_;
  const MarkerRecords markers_;
  const ContextHeaders context_headers_;
  TablePlans plans_;
  TransactionOrder transaction_;
};

Result<void> JsonConverter::convert(BatchView& view) {
  RecordList records(budget_, view.changes.size());
  for (size_t i = 0; i < view.changes.size(); ++i) {
    const Change& change = view.changes[i];
    records.start_change(i);
    Result<void> converted = convert_change(change, records);
    if (!converted && converted.error().kind == ErrorKind::kData && refuse_) {
      records.undo_change();
      converted = refuse_(change, converted.error());
    }
    if (!converted) return Failure(converted.error().in("change at LSN " + format_lsn(change.lsn)));
  }
  records.give_to(view);
  if (config_.transaction_metadata) view.repeatable = false;  // the counters have moved on
  return {};
}

bool JsonConverter::skips(Op op) const {
  const char letter = static_cast<char>(op);
  return std::any_of(
      config_.skipped_operations.begin(), config_.skipped_operations.end(),
      [&](const std::string& skipped) { return skipped == std::string_view(&letter, 1); });
}

std::optional<EventOrder> JsonConverter::order_of(const Change& change,
                                                  std::string_view collection) {
  const bool counted =
      config_.transaction_metadata && change.xid != 0 && change.snapshot == SnapshotMarker::kFalse;
  if (!counted) return std::nullopt;
  if (!transaction_.in_progress(change.xid)) {
    const uint64_t ordinal = change.position.ordinal;
    transaction_.begin(change.xid, ordinal > 0 ? ordinal - 1 : 0);
  }
  return transaction_.count(collection);
}

Result<void> JsonConverter::convert_change(const Change& change, RecordList& to) {
  if (skips(change.op)) return {};
  switch (change.op) {
    case Op::kMessage:
      markers_.add_message(change, order_of(change, message_collection(change)), writer_.source(),
                           to);
      return {};
    case Op::kBegin:
      transaction_.begin(change.xid);
      markers_.add_begin(change, to);
      return {};
    case Op::kCommit:
      markers_.add_end(change, transaction_.total(), transaction_.collections(), to);
      transaction_.end();
      return {};
    case Op::kHeartbeat:
      markers_.add_heartbeat(to);
      return {};
    default:
      return add_row(change, to);
  }
}

Result<void> JsonConverter::add_row(const Change& change, RecordList& to) {
  TablePlan& plan = plans_.plan_of(*change.table);
  switch (change.op) {
    case Op::kUpdate:
      return add_update(change, plan, to);
    case Op::kDelete:
      return add_delete(change, plan, context_headers_.all(), to);
    default:
      break;
  }
  const Event event{.change = &change,
                    .op = static_cast<char>(change.op),
                    .before = {},
                    .after = change.op == Op::kTruncate ? Tuple{} : change.after,
                    .order = {}};
  return add_event(event, plan, context_headers_.all(), to);
}

// skip.messages.without.change: whether a captured column differs. Without an old image every
// update does.
bool JsonConverter::has_change(const Change& change, const TablePlan& plan) const {
  if (!change.before) return true;
  for (size_t i = 0; i < plan.table.columns.size(); ++i) {
    if (!plan.table.columns[i].captured) continue;
    if (!same_datum(change.before[i], value_of(change.after, change.before, i))) return true;
  }
  return false;
}

// Keys are compared as they are written: values that differ as text may be the same key.
Result<bool> JsonConverter::key_changed(const Change& change, const TablePlan& plan,
                                        RecordList& to) {
  if (!plan.has_key || !change.before) return false;
  const bool same = std::all_of(plan.table.key.begin(), plan.table.key.end(), [&](uint16_t i) {
    return same_datum(change.before[i], value_of(change.after, change.before, i));
  });
  if (same) return false;
  const auto before = writer_.key(change, plan, change.before, {}, to);
  if (!before) return Failure(before.error());
  const auto after = writer_.key(change, plan, change.after, change.before, to);
  if (!after) return Failure(after.error());
  return *before != *after;
}

Result<void> JsonConverter::add_update(const Change& change, TablePlan& plan, RecordList& to) {
  if (config_.skip_without_change && !has_change(change, plan)) return {};
  const Result<bool> changed = key_changed(change, plan, to);
  if (!changed) return Failure(changed.error());
  if (*changed) return add_key_change(change, plan, to);
  const Event event{
      .change = &change, .op = 'u', .before = change.before, .after = change.after, .order = {}};
  return add_event(event, plan, context_headers_.all(), to);
}

Result<void> JsonConverter::add_key_change(const Change& change, TablePlan& plan, RecordList& to) {
  const auto new_key = writer_.header_key(change, plan, change.after, change.before, to);
  if (!new_key) return Failure(new_key.error());
  Result<void> deleted =
      add_delete(change, plan, with_header({"__debezium.newkey", *new_key}, to), to);
  if (!deleted) return deleted;
  const auto old_key = writer_.header_key(change, plan, change.before, {}, to);
  if (!old_key) return Failure(old_key.error());
  const Event event{.change = &change, .op = 'c', .before = {}, .after = change.after, .order = {}};
  return add_event(event, plan, with_header({"__debezium.oldkey", *old_key}, to), to);
}

Result<void> JsonConverter::add_delete(const Change& change, TablePlan& plan,
                                       std::span<const Header> headers, RecordList& to) {
  const Event event{
      .change = &change, .op = 'd', .before = change.before, .after = {}, .order = {}};
  Result<void> added = add_event(event, plan, headers, to);
  if (!added || !config_.tombstones_on_delete) return added;
  Record tombstone;
  tombstone.topic = plan.topic;
  tombstone.headers = headers;
  tombstone.key = to.last().key;
  to.add(tombstone);
  return {};
}

std::span<const Header> JsonConverter::with_header(const Header& first, RecordList& to) const {
  const std::span<const Header> context = context_headers_.all();
  auto* headers = to.arena().allocate_array<Header>(context.size() + 1);
  std::construct_at(headers, first);
  std::uninitialized_copy(context.begin(), context.end(), headers + 1);
  return {headers, context.size() + 1};
}

Result<void> JsonConverter::add_event(Event event, TablePlan& plan, std::span<const Header> headers,
                                      RecordList& to) {
  const Change& change = *event.change;
  Record record;
  record.topic = plan.topic;
  record.headers = headers;
  const Tuple& row = event.op == 'd' ? event.before : event.after;
  if (plan.has_key && row) {
    const auto key = writer_.key(change, plan, row, change.before, to);
    if (!key) return Failure(key.error());
    record.key = *key;
  }
  event.order = order_of(change, plan.full_name);
  const auto value = writer_.value(event, plan, to);
  if (!value) return Failure(value.error());
  record.value = *value;
  to.add(record);
  return {};
}

}  // namespace

std::unique_ptr<Converter> make_json_converter(const JsonConverterConfig& config,
                                               MemoryBudget* budget, RefuseChange refuse) {
  return std::make_unique<JsonConverter>(config, budget, std::move(refuse));
}

}  // namespace millrace
