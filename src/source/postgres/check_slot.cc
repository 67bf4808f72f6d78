// Preflight: the slot, as far as it is there already.
#include <algorithm>

#include "source/postgres/findings.h"
#include "source/postgres/slot.h"
#include "source/postgres/start_plan.h"

namespace millrace {

namespace {

constexpr std::string_view kSlot = "slot.name";
constexpr Millis kOld{60000};

// Making the slot waits for every transaction that writes.
void check_old_transactions(const Inspection& inspection) {
  auto old = old_transactions(inspection.connection, kOld);
  if (!old) return inspection.findings.failed(kSlot, old.error());
  if (old->empty()) return;
  inspection.findings.warning(
      kSlot, "making the slot will wait for transactions that have been open for long: " + *old,
      "end them: COMMIT, ROLLBACK PREPARED, or SELECT pg_terminate_backend(pid);");
}

std::string drop(const SlotState& slot) {
  return "SELECT pg_drop_replication_slot('" + slot.name + "');";
}

// What the start would stop with: slot and progress do not fit (I10). Nothing where that cannot be
// found out: check_server says why there is no replication connection.
std::optional<Error> find_gap(const Inspection& inspection, const std::optional<SlotState>& slot,
                              std::span<const BranchProgress> branches) {
  const bool any = std::ranges::any_of(
      branches, [](const BranchProgress& branch) { return branch.progress.has_value(); });
  if (!any) return std::nullopt;
  auto options = connect_options(inspection.config);
  options.replication = true;
  auto replication = postgres::Connection::open(options);
  if (!replication) return std::nullopt;
  const auto server = identify_system(*replication);
  if (!server) return std::nullopt;
  const auto history = timeline_history(*replication, server->timeline);
  if (!history) return std::nullopt;
  StartFacts facts;
  facts.slot = slot;
  if (facts.slot) facts.slot->active = false;  // that is another finding
  facts.server = *server;
  facts.timeline_history = *history;
  facts.branches = branches;
  const auto plan = plan_start(inspection.config, facts);
  if (plan || plan.error().kind != ErrorKind::kGap) return std::nullopt;
  return plan.error();
}

void check_state(const Inspection& inspection, const SlotState& slot,
                 const std::optional<Error>& gap) {
  Findings& findings = inspection.findings;
  if (slot.lost() && !gap) {
    findings.error(kSlot, "the slot '" + slot.name + "' is lost: " + slot.lost_reason(),
                   drop(slot) + " and take a new snapshot (snapshot.mode=when_needed does both)");
  } else if (slot.wal_status == "unreserved") {
    findings.warning(kSlot,
                     "the slot '" + slot.name +
                         "' is about to be lost: it is further behind than "
                         "max_slot_wal_keep_size allows",
                     "start the pipeline now, or raise max_slot_wal_keep_size");
  }
  if (!slot.active) return;
  std::string who = "pid " + std::to_string(slot.active_pid);
  if (!slot.active_application.empty()) who += ", " + slot.active_application;
  if (!slot.active_address.empty()) who += ", from " + slot.active_address;
  findings.error(kSlot, "the slot '" + slot.name + "' is in use by another session (" + who + ")",
                 "stop that program (is the pipeline running already?), or use another slot.name; "
                 "where it is dead: SELECT pg_terminate_backend(" +
                     std::to_string(slot.active_pid) + ");");
}

}  // namespace

void check_slot(const Inspection& inspection, std::span<const BranchProgress> branches) {
  auto slot = read_slot(inspection.connection, inspection.config.slot_name);
  if (!slot) return inspection.findings.failed(kSlot, slot.error());
  const auto gap = find_gap(inspection, *slot, branches);
  if (gap) inspection.findings.error(kSlot, gap->message, gap->cure);
  if (!*slot) return check_old_transactions(inspection);
  const SlotState& state = **slot;
  if (state.plugin != kOutputPlugin) {
    inspection.findings.error(
        kSlot,
        "the slot '" + state.name + "' is " +
            (state.plugin.empty() ? "a physical one" : "of the plug-in " + state.plugin) +
            ", not pgoutput",
        "use another slot.name, or, when nobody needs it: " + drop(state));
    return;
  }
  if (state.database != inspection.config.dbname) {
    inspection.findings.error(
        kSlot, "the slot '" + state.name + "' belongs to the database '" + state.database + "'",
        "use another slot.name: a slot reads one database");
    return;
  }
  check_state(inspection, state, gap);
}

}  // namespace millrace
