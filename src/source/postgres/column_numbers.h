// Which columns of the catalogue the columns of a Relation message are.
//
// The message names columns and does not number them, and the catalogue may be newer: a column may
// have been renamed since, or dropped and made again under its name. What is certain of the moment
// of the message: its columns stand in the order of their numbers, a number is never given twice,
// and a column that was dropped since has kept its number in the catalogue.
#pragma once

#include <cstdint>
#include <vector>

#include "event/schema.h"
#include "source/postgres/pgoutput_reader.h"

namespace millrace {

// pg_attribute.attnum of each column of `relation`; 0 where names, types and order do not tell. A
// column that was dropped and made again with the same type is taken for the new one where the
// order does not contradict: only the last columns of a table can be confused so. `known` is the
// same table as the catalogue has it now.
std::vector<int16_t> column_numbers(const pgoutput::Relation& relation, const TableSchema& known);

}  // namespace millrace
