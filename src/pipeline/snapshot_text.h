// How far the snapshot of a table is, for people. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "source/source.h"

namespace millrace {

uint64_t rows_per_second(const TableSnapshotStatus& table);

// nullopt: the server does not know how many rows there are, or none has come.
std::optional<uint64_t> percent_done(const TableSnapshotStatus& table);
std::optional<uint64_t> seconds_left(const TableSnapshotStatus& table);

// "public.big [#####.....] 50 % of ~40000 rows, 5.1 MB, 12400 rows/s, 1:12 left"
std::string progress_bar(const TableSnapshotStatus& table);

// {"table":…,"rows":…,"rows_expected":…,"bytes":…,"rows_per_s":…,"eta_s":…}; null: not known.
std::string snapshot_json(const TableSnapshotStatus& table);

}  // namespace millrace
