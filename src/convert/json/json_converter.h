// Changes → records as Debezium 3.3.1.Final writes them through Kafka Connect's JsonConverter, to
// the byte: topic, key, value, headers.
// https://debezium.io/documentation/reference/3.3/connectors/postgresql.html
//
// Known differences, on purpose: names that are not ASCII stay readable in the stream; the marker
// of an unavailable bytea is kept in the base64 modes; money in a snapshot and times in arrays keep
// all their digits. Where a restart fell into a transaction, total_order goes on from the ordinal
// of the change (which also counts rows that are not captured) and data_collection_order starts
// anew.
#pragma once

#include <memory>

#include "base/memory_budget.h"
#include "convert/converter.h"
#include "convert/json/json_config.h"
#include "event/refuse_change.h"

namespace millrace {

// `budget` may be null; else it outlives the converter and all it made. `refuse`: a change that
// cannot be an event (NaN in a column that is NOT NULL), which makes no record then. Empty: it is
// an error.
std::unique_ptr<Converter> make_json_converter(const JsonConverterConfig& config,
                                               MemoryBudget* budget, RefuseChange refuse = {});

}  // namespace millrace
