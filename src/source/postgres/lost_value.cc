#include "source/postgres/lost_value.h"

#include <algorithm>

namespace millrace {

namespace {

bool moves_without_a_value(const Change& change) {
  const Tuple& after = change.after;
  return change.op == Op::kUpdate && change.before.kind == TupleKind::kKey &&
         std::any_of(after.values, after.values + after.count,
                     [](const Datum& value) { return value.kind == DatumKind::kUnchanged; });
}

bool is_resumed(const StartPlan& plan, uint32_t oid) {
  return std::ranges::any_of(
      plan.reads, [&](const TableRead& read) { return read.oid == oid && !read.rests.empty(); });
}

}  // namespace

const Change* find_lost_value(const Batch& batch, const StartPlan& plan, const Position& at) {
  if (!plan.snapshot_waits()) return nullptr;
  const auto lost = std::ranges::find_if(batch.changes, [&](const Change& change) {
    return moves_without_a_value(change) && change.position <= at &&
           is_resumed(plan, change.table->oid);
  });
  return lost == batch.changes.end() ? nullptr : &*lost;
}

}  // namespace millrace
